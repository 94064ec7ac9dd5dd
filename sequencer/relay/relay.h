/* The process: everything that it holds, and what its parts tell it. flow.c tells the way of
 * the data, source.c from where it comes at the moment; this room has one loop and one thread
 * beside it (topics.c). */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "cells.h"
#include "gate.h"
#include "mark.h"
#include "metrics.h"
#include "options.h"
#include "parking.h"
#include "sink.h"
#include "source.h"
#include "store.h"
#include "topics.h"
#include "wal.h"

#include "run/admin.h"
#include "run/process.h"

#define RELAY_NAME "cellcast-relay"
#define RELAY_SLOT "cellcast_relay" /* and the number of the database: store.c */
#define RELAY_PUBLICATION "cellcast"

struct relay {
    struct process process;
    struct relay_options options;
    struct relay_metrics metrics;
    struct admin *admin;
    ev_prepare turn; /* end of a loop turn: what came in is passed on */
    ev_timer tick;   /* each --tail-poll */

    struct store *store;
    struct source source;
    struct wal wal;
    struct gate gate;
    struct mark mark;
    struct parking parking;
    struct sink sink;
    struct topics *topics;
    struct cells cells;
    struct cells_change change; /* while the configuration is being read */

    /* Highest id taken over, from stream or table: everything up to it has been, too. */
    uint64_t accepted[SHARDS];
    struct list open;         /* struct message::open_link: of the transaction under way */
    size_t outstanding;       /* messages accepted and not acknowledged in every cell */
    size_t outstanding_bytes; /* the same */
    bool full;                /* reads nothing until a quarter of the bounds is free again */
    bool config_stale;        /* the newest snapshot has another one: nothing leaves the gate */

    struct {
        uint64_t number;    /* of the snapshot asked for last */
        unsigned fruitless; /* answers in a row that let nothing through */
        uint64_t accepted;  /* messages accepted when it was asked for */
        ev_timer later;     /* to the next one, when the last ones were fruitless */
    } ask;
    uint64_t n_accepted; /* messages, since the start */

    int64_t written[MESSAGE_CELLS_MAX][SHARDS]; /* progress as the table has it; -1: no row */
    int64_t writing[MESSAGE_CELLS_MAX][SHARDS];
    int64_t config_ns, progress_ns;               /* monotonic: last done */
    int64_t progress_took_ns;                     /* the last write of it */
    int64_t invisible_ns, awaited_ns, refused_ns; /* monotonic: last warned of */
    unsigned tail_next;                           /* shard to look at next */

    bool stopping;
    int64_t stop_ns; /* monotonic: when to wait no longer */
    ev_timer leave;  /* the last status is on its way to the server */
};

/* -> 0, or -errno with the reason in ret_error */
int relay_init(struct relay *r, struct buf *ret_error);
void relay_run(struct relay *r);
void relay_fini(struct relay *r);
void relay_stop(void *relay); /* SIGTERM */

#endif
