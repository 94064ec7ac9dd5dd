/* The supervisor: what it owns, and what happens when. Its parts do not know each other; supervisor.c is where a
 * child's word, a new configuration or the tick of a second are handed to each of them, in order. */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "accept.h"
#include "canary.h"
#include "cell.h"
#include "config.h"
#include "control.h"
#include "crossing.h"
#include "drain.h"
#include "evacuation.h"
#include "jwks.h"
#include "kafka_watch.h"
#include "metrics.h"
#include "moves.h"
#include "options.h"
#include "roll.h"
#include "run/admin.h"
#include "run/process.h"
#include "tls.h"
#include "top.h"
#include "usage.h"

struct supervisor {
    struct process process;
    struct supervisor_options options;
    struct supervisor_metrics metrics;
    char *programs[ROLE_COUNT]; /* paths */
    int lock_fd;                /* RUNDIR/supervisor.lock; -1: not held */
    int tokens_fd;              /* token_memory.h; -1: none */
    struct cell cell;
    struct acceptor acceptor;
    struct tls tls;
    struct control control;
    struct crossing crossing;
    struct top top, watched; /* of who asks once, and of who looks again and again */
    struct usage usage;
    struct config config;
    struct jwks jwks;
    struct kafka_watch *kafka;
    struct canary canary;
    struct drain drain;
    struct roll roll;
    struct evacuation evacuation;
    struct moves moves;
    struct admin *admin;
    ev_timer tick;      /* 1 s */
    int64_t started_ns; /* monotonic */
    uint64_t started_ms; /* since 1970 */
    bool ready;         /* as last said */
    bool watch_said;    /* that a silent child is spared, once until it is over */
    char topic[CELL_TOPIC_MAX + 1]; /* that the workers were started with */
};

/* self: argv[0]. The options are filled. -> 0, or -errno with the reason in ret_error */
int supervisor_init(struct supervisor *s, const char *self, struct buf *ret_error);
void supervisor_run(struct supervisor *s); /* until it has stopped */
void supervisor_fini(struct supervisor *s);
/* 0: as it is. -> 0, -EBUSY while stopping */
int supervisor_scale(struct supervisor *s, unsigned gateways, unsigned workers);
/* what: "all", "gateways", "workers", or a child's name. -> how many will be replaced; -ENOENT: nothing of that name;
 * -EBUSY while stopping */
int supervisor_restart(struct supervisor *s, struct bytes what);
/* -> 0, -ENOENT, -EBUSY; -EAGAIN: no other gateway takes connections */
int supervisor_set_aside(struct supervisor *s, struct bytes gateway, bool aside);

#endif
