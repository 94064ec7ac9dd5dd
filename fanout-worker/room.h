/* Who is in one channel: clients by name, users counted, seats for pages. Counts are the
 * sizes of two maps.
 *
 *     room ──▶ visitors (users) ──▶ entries (clients) ◀── lease of a gateway, or the gone
 *
 * An entry is a place: it is shown and announced under the client that took it, and goes
 * over to another client of the same user that comes back (decision 0018). Only presence.c
 * and presence_answer.c use this. */
#ifndef FANOUT_ROOM_H
#define FANOUT_ROOM_H

#include "core/list.h"
#include "core/map.h"
#include "pushes.h"
#include "roster.h"
#include "wire/messages.h"

struct lease;

struct room {
    struct map_node by_name; /* of struct presence::rooms */
    struct list gone_link;   /* of struct presence::lingering while somebody in `gone` */
    struct list counts_link; /* of struct presence::counting while something was not pushed */
    struct map clients;      /* struct entry::by_client */
    struct map users;        /* struct visitor::by_user */
    struct list gone;        /* struct entry::held_link, who went first first */
    struct roster roster;    /* struct entry */
    struct pushes pushes;
    bool missed_here;  /* a join or leave of ours was not pushed since the last counts */
    int64_t linger_ns; /* as the gateway said last: join_leave_linger */
    struct bytes name;
};

/* A user in a room, with as many clients as it has there. */
struct visitor {
    struct map_node by_user; /* of struct room::users */
    struct list entries;     /* struct entry::user_link; those that are gone first */
    uint32_t clients;
    struct bytes user;
};

struct entry {
    struct map_node by_client; /* of struct room::clients */
    struct list held_link;     /* of struct lease::entries, or of struct room::gone */
    struct list user_link;     /* of struct visitor::entries */
    struct room *room;
    struct visitor *visitor;
    struct lease *lease; /* NULL: gone, and its leave not told yet */
    uint64_t round;      /* of the lease, when it was last sent */
    uint64_t seat;
    int64_t gone_ns;
    bool muted;                    /* its join was not told, nor will its leave be */
    size_t bytes;                  /* of memory */
    struct bytes client, info;     /* of the connection that is there now */
    struct bytes place, announced; /* client and info when its join was told */
};

struct room *room_new(struct bytes channel);
void room_free(struct room *room); /* nobody is in it; it is on no list or map */
struct room *rooms_find(const struct map *rooms, struct bytes channel); /* or NULL */

struct entry *room_client(const struct room *room, struct bytes client); /* or NULL */
/* Whose place such a client of the same user takes: one of those that `away` says are, and
 * that looked the same but for the client. -> NULL: nobody's */
struct entry *room_vacant(const struct room *room, const struct fan_presence_set *what,
                          bool (*away)(const struct entry *e));

/* What a place was announced as, when that was not by this client. */
struct place_names {
    struct bytes client, info;
};
/* names: NULL: its own */
size_t entry_bytes(const struct fan_presence_set *what, const struct place_names *names);
/* A new one, or what becomes of `from` (or NULL): its seat and muteness, and with `names` its place; `from` has
 * neither any more and is to be freed. On no list of leases yet. */
struct entry *entry_new(struct room *room, const struct fan_presence_set *what, const struct place_names *names,
                        const struct entry *from);
void entry_free(struct entry *e); /* leaves the room standing, even when it is empty */

#endif
