/* The fan-out worker: a cache of its Kafka partitions' tails between the log and the
 * gateways of a cell. This struct owns everything; flow.c tells how the data goes. Nothing
 * here outlives the process. */
#ifndef FANOUT_WORKER_H
#define FANOUT_WORKER_H

#include "abroad.h"
#include "control.h"
#include "history.h"
#include "hosted.h"
#include "metrics.h"
#include "options.h"
#include "pg/weights.h"
#include "presence.h"
#include "routes.h"
#include "run/admin.h"
#include "run/listener.h"
#include "run/process.h"
#include "source.h"
#include "telling.h"

struct worker {
    struct worker_options options;
    struct worker_metrics metrics;
    struct process process;
    char topic[256];
    struct routes routes;
    struct presence presence;
    struct hosted hosted;
    struct abroad abroad;      /* other cells of its tenants */
    struct telling telling;    /* what webhooks are to tell */
    struct history *history;
    struct weights weights;    /* of tenants */
    struct source *source;
    struct control control;
    struct listener *listener; /* NULL before the first map: nobody could be answered */
    struct admin *admin;       /* NULL: none */
    struct list gateways;      /* struct gateway_link::link */
    uint64_t generation;       /* of the partition map; 0: none yet */
    bool caught_up;            /* all partitions owned */
    bool draining;
    bool failed;        /* it ends because of a fault */
    struct buf scratch; /* of one answer */
    ev_timer tick;
    ev_prepare turn;
    unsigned ticks;
};

/* options are filled. -> 0, or -errno with the reason in ret_error; worker_fini in both
 * cases */
int worker_init(struct worker *w, struct buf *ret_error);
void worker_run(struct worker *w); /* until told to stop */
void worker_fini(struct worker *w);
void worker_stop(struct worker *w); /* worker_run returns */
/* What it waits for, appended to ret_why. -> true when it waits for nothing */
bool worker_ready(const struct worker *w, struct buf *ret_why);

#endif
