/* A channel that somebody wants or of which a ring is kept, and the cursors on it.
 *
 *     PostgreSQL: 1 … first-1 | ring: first … head | … truth: what PostgreSQL told of
 *                    ↑ cursor: one per gateway     | … want: what Kafka told of behind a hole
 *
 * A channel lives while it has a cursor or a ring that holds something. Written by routes.c,
 * cursor.c, fill.c. */
#ifndef FANOUT_CHANNEL_H
#define FANOUT_CHANNEL_H

#include "core/drr.h"
#include "core/list.h"
#include "core/map.h"
#include "ring.h"

/* One question to PostgreSQL of which a channel has at most one under way. */
struct need {
    bool asked;       /* not answered yet */
    uint32_t tries;   /* answers in a row that did not help */
    int64_t first_ns; /* the first of them */
    int64_t after_ns; /* not asked again before */
};

struct channel {
    struct map_node by_name;  /* of struct routes::channels */
    struct list cached_link;  /* of struct routes::cached while the ring holds something */
    struct list dirty_link;   /* of struct routes::dirty: appended to in this turn */
    struct list due_link;     /* of struct routes::soon or ::late */
    struct list swept_link;   /* of struct routes::swept while it has cursors that have a position */
    int64_t due_ns, swept_ns; /* loop clock */
    struct list cursors;      /* struct cursor::channel_link */
    struct list behind;       /* struct cursor::state_link, the one that waits longest first */
    uint32_t placed;          /* cursors that stand somewhere: neither waiting nor passing */
    uint32_t hash;            /* channel_place().partition_hash */
    uint32_t partition;       /* or lane: index into struct routes::partitions */
    bool known;               /* epoch and ring.next are meant */
    uint64_t epoch;
    struct ring ring;
    uint64_t truth;   /* highest seq that PostgreSQL told of */
    int64_t truth_ns; /* since when it is above the ring's head; 0: it is not */
    uint64_t want;    /* highest seq that Kafka told of behind a hole; 0: no hole */
    bool swept_hole;  /* want is what the sweep found */
    bool looked_back; /* below the ring it has been read from further down than was asked for */
    struct need head_need, fill_need, refill_need;
    struct bytes name; /* full form; points behind the struct */
};

enum cursor_state {
    CURSOR_WAITING, /* not decided: partition catching up, head unknown, `since` above it */
    CURSOR_IDLE,    /* has sent everything that there is */
    CURSOR_READY,   /* what comes next is in the ring: on struct share::ready */
    CURSOR_BEHIND,  /* what comes next is in PostgreSQL only: on struct channel::behind */
    CURSOR_STALLED, /* the same, but its gateway takes nothing now: on struct taker::stalled */
    CURSOR_PASSING, /* has no position: gets ephemeral publications as they pass, or not at all */
};

struct cursor {
    struct list channel_link; /* of struct channel::cursors */
    struct list taker_link;   /* of struct taker::cursors */
    struct list state_link;   /* see enum cursor_state */
    struct drr_flow ready;    /* the same, for CURSOR_READY */
    struct share *share;      /* of its channel's tenant */
    struct channel *channel;
    struct taker *taker;
    enum cursor_state state;
    bool from_head;    /* as in fan_subscribe */
    bool ephemeral;    /* as in fan_subscribe: decided, it is CURSOR_PASSING */
    bool answered;     /* fan_subscribed was sent */
    uint8_t asks;      /* answers about the head that did not reach `since` */
    uint64_t epoch;    /* as in fan_subscribe */
    uint64_t since;    /* as in fan_subscribe */
    int64_t placed_ns; /* loop clock: what was taken from Kafka since then is live for it */
    uint64_t sent;     /* once placed: seq + 1 comes next */
};

/* Who takes publications: the routes' view of one gateway's link. */
struct taker {
    struct list cursors; /* struct cursor::taker_link */
    struct map shares;   /* struct share::by_tenant */
    struct drr turns;    /* struct share::turn, of tenants with cursors that are ready */
    struct list stalled; /* struct cursor::state_link */
    struct list
        busy_link;     /* of struct routes::busy: something may be done for it in this turn */
    uint32_t n_behind; /* cursors in CURSOR_BEHIND */
};

struct channel *channel_new(struct bytes name, uint32_t hash);
void channel_free(struct channel *ch);          /* it has no cursors left */
size_t channel_bytes(const struct channel *ch); /* of memory, the ring included */
void taker_init(struct taker *t);
void taker_fini(struct taker *t); /* it has no cursors left */

#endif
