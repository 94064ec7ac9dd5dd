/* How messages reach a server, per kind of publishing. Blocks: a publisher is a process of its own. */
#ifndef BENCH_ROUTE_H
#define BENCH_ROUTE_H

#include "options.h"
#include "tally.h"

#define ROUTE_MOST 1000 /* messages of one call, --batch-max included */

/* Messages first, first + step, … */
struct parcel {
    uint64_t first, step;
    size_t n;          /* 1 … ROUTE_MOST */
    uint64_t stamp_us; /* of all of them */
};

struct route {
    const char *name;
    size_t most; /* messages of one call */
    void *(*open)(const struct bench_options *o); /* the caller closes it */
    void (*close)(void *session);
    /* An outcome for each message; what was not answered is OUTCOME_UNKNOWN. */
    void (*publish)(void *session, const struct parcel *parcel, enum outcome *ret_outcomes);
};

extern const struct route route_centrifugo, route_plain, route_nats;

/* -> NULL with those there are in ret_error */
const struct route *route_find(const char *name, struct buf *ret_error);
void route_append_channel(const struct bench_options *o, uint64_t message, struct buf *into);
/* The centrifugo API's answer to n publishes (one: publish, several: batch) as an outcome each. */
void route_outcomes(struct bytes answer, size_t n, enum outcome *ret_outcomes);

#endif
