/* Who is where, as a lease per gateway: a gateway holds the entries of its connections as a
 * whole, for as long as its link lives and `grace_ns` beyond. Pure: time is a parameter,
 * joins and leaves go out by `told`.
 *
 *     lease (gateway, origin) ──▶ entries ◀── room (channel): clients by name, users counted
 *
 * A link of the same origin that comes back sends everything anew; what it has not sent when
 * it is synced is gone. Another origin of the same name is another process: what the old one
 * held goes at once if its link has gone; if not, they live side by side (a rolling restart).
 * Bounded by bytes. */
#ifndef FANOUT_PRESENCE_H
#define FANOUT_PRESENCE_H

#include "core/list.h"
#include "core/map.h"
#include "wire/messages.h"

#define PRESENCE_YOUNG_NS 3000000000LL /* so long a partition's presence is incomplete */
#define PRESENCE_ANSWER_MAX                                                                    \
    (4 << 20) /* bytes of entries in an answer; more: cut, not complete */

struct presence {
    void (*told)(void *owner, struct bytes channel, struct bytes info, bool joined);
    void *owner;
    int64_t grace_ns; /* from --presence-grace */
    size_t bytes_max; /* from --presence-bytes */
    size_t bytes;     /* of all entries */
    size_t entries;
    struct map rooms;   /* struct room::by_name */
    struct list leases; /* struct lease::link */
};

struct lease {
    struct list link;    /* of struct presence::leases */
    struct list entries; /* struct entry::lease_link */
    uint64_t origin;
    bool linked;
    int64_t lost_ns;            /* when the link went */
    int64_t synced_ns;          /* of the last fan_synced of this origin; -1: none yet */
    uint64_t synced_generation; /* of the map that it named */
    uint64_t round;             /* links so far; entries of an earlier one were not sent anew */
    struct bytes name;          /* of the gateway; points behind the struct */
};

void presence_init(struct presence *p, int64_t grace_ns, size_t bytes_max,
                   void (*told)(void *owner, struct bytes channel, struct bytes info,
                                bool joined),
                   void *owner);
void presence_fini(struct presence *p);

/* A gateway's link says hello. The lease is the presence's; it lives at least until
 * presence_lost. */
struct lease *presence_hello(struct presence *p, struct bytes gateway, uint64_t origin);
void presence_lost(struct presence *p, struct lease *l, int64_t now_ns);
void presence_synced(struct presence *p, struct lease *l, uint64_t generation, int64_t now_ns);
/* -> 0, -ENOBUFS (bytes_max is reached) */
int presence_set(struct presence *p, struct lease *l, const struct fan_presence_set *what);
void presence_clear(struct presence *p, struct lease *l,
                    const struct fan_presence_clear *what); /* unknown is fine */
void presence_tick(struct presence *p, int64_t now_ns);     /* leases whose grace is over end */
/* Drops the rooms of channels that are another worker's now, silently. */
void presence_keep(struct presence *p, bool (*mine)(void *ctx, struct bytes channel),
                   void *ctx);

/* When this worker took a channel's partition: gateways that have not synced since, nor in
 * that generation of the map, may hold more than they told. */
struct presence_since {
    int64_t ns;
    uint64_t generation;
};

/* Everything of ret_answer but `request` and `status` is filled, entries point into `into`. */
void presence_answer(struct presence *p, struct bytes channel, bool counts_only,
                     struct presence_since since, int64_t now_ns, struct buf *into,
                     struct fan_presence *ret_answer);

#endif
