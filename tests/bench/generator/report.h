/* What one process counted and timed, in memory shared with its parent; merged by adding. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "core/buf.h"
#include "core/histogram.h"

#define CURVE_STEP_MS 250
#define CURVE_STEPS 400

struct report {
#define COUNT(group, field, help) uint64_t field;
#include "counts.def"
#undef COUNT
    uint32_t limits;         /* see limit.h */
    struct histogram kernel; /* stamp to the packet's arrival, by SO_TIMESTAMPNS; µs, as all of these */
    struct histogram user;   /* stamp to the process that read it */
    struct histogram back;   /* lost to subscribed again */
    struct histogram losing; /* the run's first loss to each one */
    struct histogram trying; /* the run's first loss to each try of somebody to come back */
    struct histogram storm;  /* the run's first loss to subscribed again, which is later where the loss was noticed late */
};

void report_merge(struct report *into, const struct report *from);
/* Appends "connections":{…},"recovery":{…},"deliveries":{…}: a member for each group of counts.def. */
void report_append_counts(struct buf *into, const struct report *r);
/* Appends {"count":…,"p50":…,"p90":…,"p95":…,"p99":…,"p999":…,"max":…}, or null when it is empty. */
void report_append_histogram(struct buf *into, const struct histogram *h);
/* Appends {"step_ms":250,"lost":[…],"tries":[…],"back":[…]}: how many there were by the end of each step after the first loss, known within
 * a histogram's 6 %; at most CURVE_STEPS steps, until everybody is back. */
void report_append_curve(struct buf *into, const struct report *r);

#endif
