/* Who is where, as a lease per gateway: a gateway holds the entries of its connections as a
 * whole, for as long as its link lives and `grace_ns` beyond. Pure: time is what its owner
 * says, joins and leaves go out by its ports.
 *
 *     lease (gateway, origin) ──▶ entries ◀── room (channel): clients by name, users counted
 *
 * A link of the same origin that comes back sends everything anew; what it has not sent when
 * it is synced goes. Another origin of the same name is another process: what the old one
 * held goes if its link has gone; if not, they live side by side (a rolling restart).
 *
 * Who goes is gone for `linger_ms` first: still listed and counted, and silently followed by
 * a client of the same user that looks the same. Only then the leave is told. So what is
 * listed is at any time what joins and leaves add up to (decision 0018). Other cells of the tenant
 * are told, too, and who is gone there may come back here (vacancy.h). Work that comes at
 * once, a gateway's thousands, is done in slices, tick by tick. Bounded by bytes.
 *
 *     presence.c         who comes, goes and comes back, here and in other cells
 *     presence_answer.c  what is said of them: counts, pages, who is there */
#ifndef FANOUT_PRESENCE_H
#define FANOUT_PRESENCE_H

#include "core/clock.h"
#include "core/list.h"
#include "core/map.h"
#include "lease.h"
#include "vacancy.h"

#define PRESENCE_YOUNG_NS (3 * NS_PER_S) /* so long a partition's presence is incomplete */
#define PRESENCE_ANSWER_MAX (3 << 20)    /* bytes of entries in a page, about, whatever is asked for */
#define PRESENCE_SLICE 500               /* entries that a tick ends at most */

struct presence_ports {
    void (*told)(void *owner, struct bytes channel, struct bytes info, bool joined);
    /* instead of joins and leaves that were too many */
    void (*counts)(void *owner, struct bytes channel, uint32_t clients, uint32_t users);
    /* what other cells have to know */
    void (*abroad)(void *owner, struct bytes channel, const struct presence_news *m);
};

struct presence {
    const struct presence_ports *ports;
    void *owner;
    int64_t now_ns;        /* loop clock; the owner sets it before each call */
    int64_t grace_ns;      /* from --presence-grace */
    size_t bytes_max;      /* from --presence-bytes */
    size_t bytes;          /* of all entries */
    size_t entries;        /* those that are gone and linger, too */
    uint64_t followed;     /* clients that took the place of one that had gone */
    uint64_t missed;       /* joins and leaves that were too many to be told */
    struct map rooms;      /* struct room::by_name */
    struct list leases;    /* struct lease::link */
    struct list lingering; /* struct room::gone_link */
    struct list counting;  /* struct room::counts_link */
    struct vacancies vacancies; /* of other cells; their memory counts as that of entries, which go before them */
};

void presence_init(struct presence *p, const struct presence_ports *ports, void *owner,
                   int64_t grace_ns, size_t bytes_max);
void presence_fini(struct presence *p);

/* A gateway's link says hello. The lease is the presence's; it lives at least until
 * presence_lost. */
struct lease *presence_hello(struct presence *p, struct bytes gateway, uint64_t origin);
void presence_lost(struct presence *p, struct lease *l);
void presence_synced(struct presence *p, struct lease *l, uint64_t generation);
/* -> 0, -ENOBUFS (bytes_max is reached) */
int presence_set(struct presence *p, struct lease *l, const struct fan_presence_set *what);
void presence_clear(struct presence *p, struct lease *l,
                    const struct fan_presence_clear *what); /* unknown is fine */
/* What another cell says. */
void presence_hear(struct presence *p, struct bytes channel, const struct presence_news *m);
/* Another cell may have lost members of the tenant without a word: those here are told counts, as of what was too much to be
 * told, so that they know that their lists are not whole. */
void presence_doubt(struct presence *p, struct bytes tenant);
void presence_tick(struct presence *p); /* what is due; every 50 ms or so */
/* Drops the rooms of channels that are another worker's now, silently. */
void presence_keep(struct presence *p, bool (*mine)(void *ctx, struct bytes channel),
                   void *ctx);

/* Some gateway is linked, and each that is has told all that it holds. */
bool presence_is_told(const struct presence *p);
/* Calls `each` for everybody in the channels whose names begin with `prefix`. */
void presence_each(const struct presence *p, struct bytes prefix,
                   void (*each)(void *owner, struct bytes channel, struct bytes info), void *owner);

/* When this worker took a channel's partition: gateways that have not synced since, nor in
 * that generation of the map, may hold more than they told. */
struct presence_since {
    int64_t ns;
    uint64_t generation;
};

/* A page of at most `limit` entries behind seat `after`, and the users' hashes. Everything of ret_answer but
 * `request` and `status` is filled, its strings point into `into`. */
void presence_answer(struct presence *p, const struct fan_ask_presence *what,
                     struct presence_since since, struct buf *into,
                     struct fan_presence *ret_answer);

#endif
