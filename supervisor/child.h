/* A slot of the cell: gateway-3, worker-1. It outlives the processes that fill it, one after the other.
 *
 * child_event is the one way in for whatever happens (child_table.h says what becomes of it), from the owner (START,
 * DRAIN, STOP, FAULT) as well as from the child's own watchers (EXITED, TIMER) and link (READY, NOT_READY).
 * The link carries ctl_* frames: hello, status and metrics are kept here, the others go to the owner. */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include "child_table.h"
#include "core/backoff.h"
#include "headroom.h"
#include "run/link.h"
#include "wire/messages.h"

#include <ev.h>
#include <sys/types.h>

#define SLOTS_MAX 256                    /* gateways, and workers, of one cell */
#define CHILD_BACKOFF_MIN_MS 100
#define CHILD_BACKOFF_MAX_MS 5000
#define CHILD_SETTLED_MS 30000           /* up for so long: the backoff begins anew */
#define CHILD_PENDING_MAX (16 << 20)     /* bytes waiting for a child that does not read: a fault */
#define CHILD_METRICS_MAX (1 << 20)      /* bytes of one ctl_metrics kept; a longer one is dropped */
#define CHILD_WHY_MAX 1024               /* bytes of ctl_status.why kept, and of ctl_config_held.why */

enum child_role { ROLE_GATEWAY, ROLE_WORKER, ROLE_COUNT };

struct child;

struct child_handlers {
    /* Path and arguments of its program, built by the callee, freed with command_free. */
    struct command *(*command)(void *owner, const struct child *c);
    void (*greeted)(void *owner, struct child *c);  /* ctl_hello came: it can be told things */
    void (*reported)(void *owner, struct child *c); /* a ctl_status came */
    void (*moved)(void *owner, struct child *c, enum child_state from);
    /* ctl_canary_seen, ctl_call, ctl_answer, ctl_usage, ctl_emulate; body borrowed. -> 0, or -errno: it speaks nonsense */
    int (*frame)(void *owner, struct child *c, uint8_t type, struct bytes body);
};

struct child_counts {
#define CHILD_METRIC(KIND, field, help) uint64_t field;
#include "child_metrics.def"
#undef CHILD_METRIC
};

struct child {
    enum child_role role;
    unsigned slot; /* from 1 */
    unsigned seat; /* its own, of its role, whichever slot it fills: up to SLOTS_MAX */
    char name[24]; /* "gateway-3"; beside the one that fills the slot "gateway-3-next" or "gateway-3-last" */
    struct ev_loop *loop;
    const struct child_handlers *handlers;
    void *owner;
    enum child_state state; /* child_event alone changes it */
    struct backoff backoff;
    ev_timer timer;
    uint32_t drain_ms; /* of the next LET_GO */
    /* of the process that fills the slot now */
    pid_t pid; /* 0: none */
    ev_child exit;
    struct link *link; /* NULL: none, or it broke */
    int accept_fd;     /* gateway: our end of ACCEPT_FD, else -1 */
    bool greeted;
    bool accept_full;  /* accept.c: took no more in this turn */
    unsigned silent;   /* ticks of watch.h since the last frame */
    int64_t started_ns; /* monotonic */
    uint64_t passed;   /* descriptors */
    uint32_t port;     /* ctl_hello */
    uint64_t origin;
    char node[64];     /* gateway: its clients' name for it */
    struct ctl_status report; /* the last one; its texts are not kept here */
    struct buf why;           /* ctl_status.why */
    struct child_config {     /* gateway; taken.h */
        uint64_t told;        /* version handed to it last; 0: none yet */
        int64_t told_ns;      /* monotonic */
        bool says;            /* which one it goes by; a program of before does not */
        uint64_t version, refused; /* ctl_config_held */
        struct buf why;            /* the same */
    } config;
    struct buf metrics;       /* ctl_metrics.metrics */
    /* of the slot */
    struct child_counts counts;
    char last_end[96]; /* how the last process ended, "" when none has */
    const char *fault; /* what it was killed for, or NULL: it lives, or it was silent */
    unsigned faulted;  /* ticks of watch.h since it was killed for a fault, and has not greeted since; 0: it was not */
    bool roll_wanted;  /* roll.c: its turn in a rolling restart is to come */
    bool planned;      /* worker: stands in the partition map */
    bool second;       /* worker: listens on the second of its slot's two names (command.h) */
    bool set_aside;    /* gateway: gets no connections and sends its clients away, until that is taken back */
    struct leaving {
        uint32_t rate;   /* clients a second that it was told to send away */
        uint32_t left;   /* connections, a step ago */
        double speed;    /* connections a second that it lost, smoothed */
    } leaving;           /* evacuation.c */
};

/* seat: see there. Its slot is given by child_fill. */
struct child *child_new(struct ev_loop *loop, enum child_role role, unsigned seat,
                        const struct child_handlers *handlers, void *owner);
/* It fills that slot from now on, or waits or leaves beside it: then suffix says which. */
void child_fill(struct child *c, unsigned slot, const char *suffix);
void child_free(struct child *c); /* kills what runs and does not wait for it */
void child_event(struct child *c, enum child_event event);
/* DRAIN with the time that the process gets to leave: its deadline is 2 s behind that. */
void child_let_go(struct child *c, uint32_t drain_ms);
bool child_can_hear(const struct child *c); /* it has greeted, and its link is up */
/* A gateway as whoever gives out connections sees it: DOWN when it is to get none (it leaves, or is set aside). */
struct headroom child_headroom(const struct child *c);
/* Sends a frame to a child that can hear, else does nothing. One that does not read is a fault of its own. */
size_t child_pending(const struct child *c); /* bytes that it has not read yet */
void child_send(struct child *c, enum ctl_type type, struct bytes body);
const char *role_name(enum child_role role);

#endif
