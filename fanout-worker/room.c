#include "room.h"

#include <assert.h>
#include <stdlib.h>

#define LOOKS_MAX 8 /* clients of one user that are asked whether they are away */

static char *put(char *at, struct bytes from, struct bytes *ret)
{
    if (from.n)
        memcpy(at, from.p, from.n);
    *ret = bytes_of(at, from.n);
    return at + from.n;
}

struct room *room_new(struct bytes channel)
{
    struct room *room = calloc(1, sizeof *room + channel.n);
    assert(room);
    map_init(&room->clients);
    map_init(&room->users);
    list_init(&room->gone_link);
    list_init(&room->counts_link);
    list_init(&room->gone);
    put((char *)(room + 1), channel, &room->name);
    return room;
}

void room_free(struct room *room)
{
    assert(room->clients.count == 0);
    map_fini(&room->clients);
    map_fini(&room->users);
    roster_fini(&room->roster);
    free(room);
}

/* ---- visitors */

static struct visitor *find_visitor(const struct room *room, struct bytes user)
{
    return map_find_bytes(&room->users, user, struct visitor, by_user, user);
}

static struct visitor *visitor_enter(struct room *room, struct bytes user)
{
    struct visitor *v = find_visitor(room, user);
    if (!v) {
        v = calloc(1, sizeof *v + user.n);
        assert(v);
        list_init(&v->entries);
        put((char *)(v + 1), user, &v->user);
        map_insert(&room->users, &v->by_user, hash_bytes(user));
    }
    v->clients++;
    return v;
}

static void visitor_leave(struct room *room, struct visitor *v)
{
    if (--v->clients)
        return;
    map_remove(&room->users, &v->by_user);
    free(v);
}

/* ---- entries */

struct room *rooms_find(const struct map *rooms, struct bytes channel)
{
    return map_find_bytes(rooms, channel, struct room, by_name, name);
}

struct entry *room_client(const struct room *room, struct bytes client)
{
    return map_find_bytes(&room->clients, client, struct entry, by_client, client);
}

/* Two ClientInfos that differ in the client that they name, and in nothing else. */
static bool look_same(struct bytes a, struct bytes a_client, struct bytes b, struct bytes b_client)
{
    const char *at = memmem(a.p, a.n, a_client.p, a_client.n);
    if (!at || a.n - a_client.n != b.n - b_client.n)
        return false;
    size_t before = (size_t)(at - a.p), behind = a.n - before - a_client.n;
    return memcmp(a.p, b.p, before) == 0 && memcmp(b.p + before, b_client.p, b_client.n) == 0 &&
           memcmp(a.p + a.n - behind, b.p + b.n - behind, behind) == 0;
}

struct entry *room_vacant(const struct room *room, const struct fan_presence_set *what,
                          bool (*away)(const struct entry *e))
{
    /* Without a user nobody knows whether it is the same one. */
    const struct visitor *v = what->user.n ? find_visitor(room, what->user) : NULL;
    struct entry *e;
    int looks = 0;
    if (!v)
        return NULL;
    list_for_each (e, &v->entries, user_link) {
        if (away(e) && look_same(e->info, e->client, what->info, what->client))
            return e;
        if (++looks == LOOKS_MAX)
            return NULL;
    }
    return NULL;
}

static bool keeps_name(const struct fan_presence_set *what, const struct place_names *names)
{
    return !names || (bytes_equal(names->client, what->client) && bytes_equal(names->info, what->info));
}

size_t entry_bytes(const struct fan_presence_set *what, const struct place_names *names)
{
    size_t announced = keeps_name(what, names) ? 0 : names->client.n + names->info.n;
    return sizeof(struct entry) + sizeof(struct visitor) + sizeof(struct seat) + what->user.n +
           what->client.n + what->info.n + announced;
}

static void take_names(struct entry *e, const struct fan_presence_set *what, const struct place_names *names)
{
    char *at = put(put((char *)(e + 1), what->client, &e->client), what->info, &e->info);
    e->place = e->client;
    e->announced = e->info;
    if (!keeps_name(what, names))
        put(put(at, names->client, &e->place), names->info, &e->announced);
}

struct entry *entry_new(struct room *room, const struct fan_presence_set *what, const struct place_names *names,
                        const struct entry *from)
{
    size_t bytes = entry_bytes(what, names);
    struct entry *e = calloc(1, bytes);
    assert(e);
    take_names(e, what, names);
    e->bytes = bytes;
    e->room = room;
    list_init(&e->held_link);
    e->visitor = visitor_enter(room, what->user);
    list_append(&e->visitor->entries, &e->user_link);
    map_insert(&room->clients, &e->by_client, hash_bytes(what->client));
    if (from) {
        e->muted = from->muted;
        e->seat = from->seat;
        roster_pass(&room->roster, e->seat, e);
    } else {
        e->seat = roster_add(&room->roster, e);
    }
    return e;
}

void entry_free(struct entry *e)
{
    roster_leave(&e->room->roster, e->seat, e);
    map_remove(&e->room->clients, &e->by_client);
    list_remove(&e->held_link);
    list_remove(&e->user_link);
    visitor_leave(e->room, e->visitor);
    free(e);
}
