/* Health is a message that arrived: once a second per worker a message goes the whole path, published by one gateway
 * after another over the shards in turn, and is seen by every gateway. Its stamps fill a histogram per hop, and the
 * cell is ready while every (worker, gateway) pair has seen one within --canary-patience. One without the relay's stamp does
 * not count: a worker's sweep read it from PostgreSQL, since it did not come through Kafka.
 *
 * Payload: {"run":"<hex>","n":17,"sent_us":…}; run is drawn at start, so that another supervisor's canaries, which are
 * in the same channels, are not taken for ours. While a pair waits, PostgreSQL is asked once a second how far the
 * newest canary that should have arrived came (canary_hop.h). */
#ifndef SUPERVISOR_CANARY_H
#define SUPERVISOR_CANARY_H

#include "canary_hop.h"
#include "canary_lanes.h"
#include "cell.h"
#include "config.h"
#include "core/episode.h"
#include "kafka_watch.h"
#include "metrics.h"

#define FLIGHTS_KEPT 4 /* canaries of a worker that are remembered */

/* What was last published for one worker. PostgreSQL is asked about the oldest that is remembered: relay_progress is
 * written once a second, so about the newest it would blame the relay for what it has not written down yet. */
struct canary_flights {
    struct canary *canary;
    struct canary_flight {
        uint64_t n;      /* 0: none */
        uint32_t number; /* of its channel */
    } past[FLIGHTS_KEPT]; /* newest first */
    unsigned next;       /* of the lane's channels */
    bool published;      /* a gateway was there for the last one */
    bool asking;         /* PostgreSQL is being asked */
    uint64_t asked_n;
    bool known, committed, relayed; /* what it answered last */
};

/* That every (worker, gateway) pair has seen one that was published after some moment. */
struct canary_proof {
    uint64_t above; /* canary::n of that moment */
    uint64_t seen[SLOTS_MAX][SLOTS_MAX / 64]; /* worker slot - 1; bit: gateway slot - 1 */
};

struct canary {
    struct cell *cell;
    struct config *config;
    const struct kafka_watch *kafka;
    struct supervisor_metrics *metrics;
    struct canary_lanes lanes;
    struct buf listen; /* list of ctl_channel: every lane's channels */
    struct canary_flights flights[SLOTS_MAX]; /* worker slot - 1 */
    struct canary_proof proof;
    int64_t seen_ns[SLOTS_MAX][SLOTS_MAX];   /* worker slot - 1, gateway slot - 1: monotonic; 0: never */
    ev_timer tick;
    char run[17];
    int64_t began_ns;
    struct episode strange; /* canaries of others, in the same channels */
    uint64_t n;
    unsigned next_lane, next_gateway;
    struct pg_params *params;
};

void canary_init(struct canary *c, struct cell *cell, struct config *config,
                 const struct kafka_watch *kafka, struct supervisor_metrics *metrics);
void canary_fini(struct canary *c);
/* The partition map may have changed: chooses channels anew, tells every gateway. */
void canary_replan(struct canary *c);
void canary_greeted(struct canary *c, struct child *gateway); /* tells it what to listen to */
/* ctl_canary_seen. -> 0, -EBADMSG */
int canary_seen(struct canary *c, struct child *gateway, struct bytes body, int64_t now_ns);
/* Slots beyond these get the time of --canary-patience: while scaling, new ones do not make the cell unready. */
void canary_spare(struct canary *c, unsigned gateways, unsigned workers, int64_t now_ns);
/* What is asked of a pair that is being replaced on purpose is nothing; called once a second. */
void canary_spare_replaced(struct canary *c, int64_t now_ns);
/* -> true when every pair is fresh; else appends to why: {"hop":"relay","text":"…"}, one per worker or pair, parted by
 * commas (continues a list that is not empty). Counts them by hop in the gauges stuck_HOP. */
bool canary_ready(const struct canary *c, int64_t now_ns, struct buf *why);
/* Begins a proof: of what is committed from now on, a message goes the whole way to each pair. */
void canary_prove(struct canary *c);
bool canary_proved(const struct canary *c);
/* [{"worker":1,"gateway":2,"seen_ms_ago":412 or null}] */
void canary_put_pairs(const struct canary *c, int64_t now_ns, struct buf *into);

#endif
