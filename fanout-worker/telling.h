/* Carries the difference between what is so and what was told (occupancy.h) to PostgreSQL, and compares the two: a round over
 * the table's rows at the start, after every map and every lost connection, and every --webhook-round. Nothing is told before
 * the first round, so that a worker that has just started does not say again what its predecessor said. One call and one page
 * are in flight at most, at most one of each a tick. The connection is there while some tenant has a webhook. */
#ifndef FANOUT_TELLING_H
#define FANOUT_TELLING_H

#include "metrics.h"
#include "occupancy.h"
#include "options.h"
#include "pg/pg.h"

struct telling {
    struct occupancy occupancy;
    const struct worker_options *options;
    struct worker_metrics *metrics;
    struct ev_loop *loop;
    struct pg *pg; /* NULL: nobody has a webhook */
    struct pg_params *params;
    bool calling, paging;
    bool comparing; /* a round is under way */
    bool doubted;   /* the next one begins at once */
    bool compared;  /* one has ended since anything was taken over */
    bool failing;   /* the last call was refused; said once */
    int64_t round_ns, call_ns; /* loop clock: the next one, not before */
    struct buf after;          /* the round has come so far */
    bool (*mine)(void *ctx, struct bytes subject); /* for the page in flight */
    void *mine_ctx;
};

void telling_init(struct telling *t, struct ev_loop *loop, const struct worker_options *options,
                  struct worker_metrics *metrics);
void telling_fini(struct telling *t);
void telling_doubt(struct telling *t); /* what is told may be otherwise in the table: a round begins at once */
/* Every 50 ms or so, when occupancy.now_ns has been set. mine: which subjects are this worker's */
void telling_tick(struct telling *t, bool (*mine)(void *ctx, struct bytes subject), void *ctx);
void telling_count(struct telling *t); /* brings metrics up to date that nobody keeps */

#endif
