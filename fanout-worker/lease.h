/* What one process of a gateway holds of presence: its entries, by the link that told of them. Written by presence.c. */
#ifndef FANOUT_LEASE_H
#define FANOUT_LEASE_H

#include "core/bytes.h"
#include "core/list.h"

struct lease {
    struct list link;    /* of struct presence::leases */
    struct list entries; /* struct entry::held_link, by round */
    uint64_t origin;
    bool linked;
    bool ended;                 /* the grace is over: it goes with its last entry */
    int64_t lost_ns;            /* when the link went */
    int64_t synced_ns;          /* of the last fan_synced of this origin; -1: none yet */
    uint64_t synced_generation; /* of the map that it named */
    uint64_t round;             /* links so far; entries of an earlier one were not sent anew */
    uint64_t keep_from;         /* entries of an earlier round go */
    struct bytes name;          /* of the gateway; points behind the struct */
};

struct lease *lease_new(struct list *leases, struct bytes gateway); /* appended to struct presence::leases */
void lease_free(struct lease *l);                                   /* it has no entries left */
/* Its own, or else one that a dead process of the same name left behind; NULL: neither. */
struct lease *lease_find(const struct list *leases, struct bytes gateway, uint64_t origin);

#endif
