/* Who wants what, and how far each has got: the channels of the partitions that this worker
 * owns, and per (gateway, channel) a cursor. Pure: what it is told are facts (a record of
 * Kafka, a page or a head of PostgreSQL, a subscribe), what it wants done goes out by its
 * ports, and time is what its owner says. Facts may come late, repeated and in any order.
 *
 * The promise: after `subscribed` with status 0 and seq s a taker gets s + 1, s + 2, … each
 * once, in order, without a hole, until `subscribed` says 112 and where it goes on.
 *
 *     routes.c   partitions, subscribing, records, heads
 *     channels.c the channels by name, and the memory of their rings
 *     cursor.c   where one cursor stands, and sending
 *     fill.c     what PostgreSQL is asked for: holes of the ring, cursors behind it */
#ifndef FANOUT_ROUTES_H
#define FANOUT_ROUTES_H

#include "channel.h"
#include "metrics.h"
#include "page.h"
#include "wire/lanes.h"

#define STATUS_OK 0
#define STATUS_AWAY 100          /* protocol.md 9.2: internal, temporary */
#define STATUS_BUSY 111          /* too many requests, temporary */
#define STATUS_UNRECOVERABLE 112 /* unrecoverable position */

enum page_purpose { PAGE_FILL, PAGE_REFILL };

/* None of them may call back into the routes. */
struct routes_ports {
    bool (*full)(
        void *owner,
        const struct taker *t); /* it takes nothing now; taker_drained is called when it does */
    bool (*crowded)(void *owner, const struct taker *t); /* full before long: takes no ephemeral ones */
    void (*subscribed)(void *owner, struct taker *t, struct bytes channel, uint32_t status,
                       uint64_t epoch, uint64_t seq);
    /* live: it came from Kafka while the taker was waiting for it */
    void (*publication)(void *owner, struct taker *t, const struct pub *p, bool live);
    void (*not_mine)(void *owner, struct taker *t, struct bytes channel);
    /* Its first cursor came, or its last one went; not when the channel is another worker's. */
    void (*wanted)(void *owner, struct bytes channel, bool wanted);
    /* Each is answered by routes_head or routes_page, however long it takes. */
    void (*ask_head)(void *owner, struct bytes channel);
    void (*forget_head)(void *owner, struct bytes channel); /* nobody needs that answer any more; it may come all the same */
    void (*ask_page)(void *owner, struct bytes channel, enum page_purpose purpose,
                     uint64_t epoch, uint64_t since, uint64_t until);
};

struct routes_limits {
    struct ring_limits ring;
    size_t cache_bytes; /* all rings; from --cache-bytes */
    int64_t sweep_ns;   /* from --sweep-interval */
    bool in_order;      /* from --fair-queuing: tenants do not take turns */
};

struct partition {
    bool owned;
    bool caught_up;   /* read up to the end that was seen when it was taken */
    int64_t since_ns; /* loop clock: when it was taken */
    uint64_t since_generation;
};

struct routes {
    const struct routes_ports *ports;
    void *owner;
    struct routes_limits limits;
    struct worker_metrics *metrics;
    int64_t now_ns; /* loop clock; the owner sets it before each call */
    struct partition *partitions; /* hashed ones, then lanes */
    uint32_t hashed;         /* partitions that channels are hashed over; 0: no map yet */
    struct lanes lanes;
    struct map channels;     /* struct channel::by_name */
    struct list cached;      /* struct channel::cached_link, the ring used longest ago first */
    struct list dirty;       /* struct channel::dirty_link */
    struct list soon;        /* struct channel::due_link, in order of due_ns */
    struct list late;        /* the same */
    struct list swept;       /* struct channel::swept_link, in order of swept_ns */
    struct list busy;        /* struct taker::busy_link */
    size_t cached_bytes;     /* channel_bytes of those on `cached` */
    uint32_t found_channels; /* by the sweep, since the last tick */
    uint64_t found_publications; /* the same */
};

enum routes_answer {
    ROUTES_REPEATED = 1,
    ROUTES_STALE = 2,
    ROUTES_HOLE = 3,
    ROUTES_NOT_MINE = 4
};

void routes_init(struct routes *r, const struct routes_ports *ports, void *owner,
                 const struct routes_limits *limits, struct worker_metrics *metrics);
void routes_fini(struct routes *r);

/* owned: one per partition and lane; lanes: taken over, NULL: none. Channels of what went, and
 * all when the number of hashed partitions changed, are dropped and their takers told not_mine;
 * what is new has to catch up. */
void routes_map(struct routes *r, uint64_t generation, const bool *owned, uint32_t hashed,
                struct lanes *lanes);
void routes_caught_up(struct routes *r, uint32_t partition);
bool routes_owns(const struct routes *r, struct bytes channel);
/* Calls `each` for every channel that somebody wants. */
void routes_each_wanted(const struct routes *r, void (*each)(void *owner, struct bytes channel), void *owner);
/* NULL when nothing is known, or its partition is not caught up: its ring and head may then
 * be old. */
struct channel *routes_channel(struct routes *r, struct bytes channel);
bool routes_knows(const struct routes *r, struct bytes channel); /* where it stands */
const struct partition *routes_partition(const struct routes *r,
                                         struct bytes channel); /* NULL while there is no map */

/* -> 0, or ROUTES_NOT_MINE. `subscribed` follows when the position is decided. A second one
 * of a taker on the channel replaces the first. */
int routes_subscribe(struct routes *r, struct taker *t, const struct fan_subscribe *what);
void routes_unsubscribe(struct routes *r, struct taker *t,
                        struct bytes channel); /* unknown is fine */
void routes_taker_gone(struct routes *r, struct taker *t);
void routes_taker_drained(struct routes *r, struct taker *t);

/* A durable record. stub: p has no payload, the row has to be read. -> 0, or enum
 * routes_answer */
int routes_record(struct routes *r, struct bytes channel, struct pub *p, bool stub);
/* An ephemeral one: goes out at once, to those who subscribed to such ones, or not at all.
 * -> 0, ROUTES_NOT_MINE */
int routes_ephemeral(struct routes *r, struct bytes channel, const struct pub *p);
/* The position of a channel in PostgreSQL; seq 0: nothing was published in that epoch. */
void routes_head(struct routes *r, struct bytes channel, uint64_t epoch, uint64_t seq);
void routes_page(struct routes *r, enum page_purpose purpose, const struct page *page);
/* A page that nobody's cursor asked for: what of it reaches the ring from below is kept. */
void routes_warm(struct routes *r, const struct page *page);

/* Compares all channels of the partition (-1: of all) with PostgreSQL now instead of in
 * their turn. */
void routes_doubt(struct routes *r, int32_t partition);
/* That tenant's messages come from now on, and for a time did not: what is kept of its channels is dropped where nobody
 * wants it, and compared where somebody does. */
void routes_tenant_came(struct routes *r, struct bytes tenant);
void routes_tick(struct routes *r); /* what is due; every 50 ms or so */
void routes_turn(struct routes *r); /* the end of a loop turn: sends what the takers take */

#endif
