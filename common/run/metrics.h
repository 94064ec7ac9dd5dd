/* What a process counts. Each component has one table, metrics.def, from which come the struct, the Prometheus text
 * and the snapshot that a child sends to its supervisor. Counting is `g->metrics.refills++` and nothing else.
 *
 *     // gateway/metrics.def — METRIC(KIND, field, help); the exposed name is cellcast_gateway_FIELD, counters end in
 *     // _total, histograms in _seconds (durations recorded in µs with histogram_record)
 *     METRIC(COUNTER, refills_total, "cursors that fell off the ring and read on from the worker")
 *     struct gateway_metrics {
 *     #define METRIC(KIND, field, help) METRIC_CTYPE_##KIND field;
 *     #include "metrics.def"
 *     #undef METRIC
 *     };
 *     static const struct metric_spec specs[] = {
 *     #define METRIC(KIND, field, help) {METRIC_##KIND, #field, offsetof(struct gateway_metrics, field), help},
 *     …
 */
#ifndef RUN_METRICS_H
#define RUN_METRICS_H

#include "core/buf.h"
#include "core/histogram.h"

/* The last two hold µs and are shown in seconds: a lag, an age, a time spent. */
enum metric_kind {
    METRIC_COUNTER = 1,
    METRIC_GAUGE = 2,
    METRIC_HISTOGRAM = 3,
    METRIC_COUNTER_US = 4, /* its name ends in _seconds_total */
    METRIC_GAUGE_US = 5,   /* its name ends in _seconds */
};
#define METRIC_CTYPE_COUNTER uint64_t
#define METRIC_CTYPE_GAUGE int64_t
#define METRIC_CTYPE_HISTOGRAM struct histogram
#define METRIC_CTYPE_COUNTER_US uint64_t
#define METRIC_CTYPE_GAUGE_US int64_t

struct metric_spec {
    enum metric_kind kind;
    const char *name;
    size_t offset;
    const char *help;
};

/* Appends a list of `metric` wire records (messages.h); names become COMPONENT_NAME. Includes process_* metrics
 * (resident bytes, CPU seconds, open descriptors, start time) of the calling process, without COMPONENT.
 * Asserts what promtool would find fault with: a counter, and nothing else, ends in _total, a duration in _seconds. */
void metrics_snapshot(const char *component, const struct metric_spec *specs, size_t n_specs, const void *metrics,
                      struct buf *into);

/* Puts snapshots of many processes together: one HELP and TYPE per family, all its samples below it.
 * labels: what tells this process from others, `cell="a",process="gateway-1"`. */
struct metrics_page;
struct metrics_page *metrics_page_new(void);
void metrics_page_free(struct metrics_page *p);
int metrics_page_add(struct metrics_page *p, const char *labels, struct bytes snapshot); /* -> 0, -EBADMSG */
/* Prometheus text format 0.0.4. Histograms get buckets at every half power of two from 64 µs to 33 s, in seconds. */
void metrics_page_render(struct metrics_page *p, struct buf *into);

#endif
