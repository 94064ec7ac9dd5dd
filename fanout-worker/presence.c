#include "presence.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct room {
    struct map_node by_name; /* of struct presence::rooms */
    struct map clients;      /* struct entry::by_client */
    struct map users;        /* struct visitor::by_user */
    struct bytes name;
};

/* A user in a room, with as many clients as it has there. */
struct visitor {
    struct map_node by_user; /* of struct room::users */
    uint32_t clients;
    struct bytes user;
};

struct entry {
    struct map_node by_client; /* of struct room::clients */
    struct list lease_link;    /* of struct lease::entries */
    struct room *room;
    struct visitor *visitor;
    struct lease *lease;
    uint64_t round; /* of the lease, when it was last sent */
    bool told;      /* its join was: its leave is, too */
    struct bytes client, info;
};

static char *put(char *at, struct bytes from, struct bytes *ret)
{
    if (from.n)
        memcpy(at, from.p, from.n);
    *ret = bytes_of(at, from.n);
    return at + from.n;
}

/* ---- rooms */

static struct room *room_find(struct presence *p, struct bytes channel)
{
    return map_find_bytes(&p->rooms, channel, struct room, by_name, name);
}

static struct room *room_new(struct presence *p, struct bytes channel)
{
    struct room *room = calloc(1, sizeof *room + channel.n);
    assert(room);
    map_init(&room->clients);
    map_init(&room->users);
    put((char *)(room + 1), channel, &room->name);
    map_insert(&p->rooms, &room->by_name, hash_bytes(channel));
    return room;
}

static void room_release(struct presence *p, struct room *room)
{
    if (room->clients.count)
        return;
    map_remove(&p->rooms, &room->by_name);
    map_fini(&room->clients);
    map_fini(&room->users);
    free(room);
}

static struct visitor *visitor_enter(struct room *room, struct bytes user)
{
    struct visitor *v = map_find_bytes(&room->users, user, struct visitor, by_user, user);
    if (!v) {
        v = calloc(1, sizeof *v + user.n);
        assert(v);
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

static size_t entry_bytes(size_t client, size_t user, size_t info)
{
    return sizeof(struct entry) + sizeof(struct visitor) + client + user + info;
}

static struct entry *entry_new(struct presence *p, struct room *room, struct lease *l,
                               const struct fan_presence_set *what)
{
    struct entry *e = calloc(1, sizeof *e + what->client.n + what->info.n);
    assert(e);
    put(put((char *)(e + 1), what->client, &e->client), what->info, &e->info);
    e->room = room;
    e->lease = l;
    e->visitor = visitor_enter(room, what->user);
    map_insert(&room->clients, &e->by_client, hash_bytes(what->client));
    list_append(&l->entries, &e->lease_link);
    p->entries++;
    p->bytes += entry_bytes(what->client.n, what->user.n, what->info.n);
    return e;
}

/* Leaves the room standing, even when it is empty. */
static void entry_free(struct presence *p, struct entry *e)
{
    p->entries--;
    p->bytes -= entry_bytes(e->client.n, e->visitor->user.n, e->info.n);
    map_remove(&e->room->clients, &e->by_client);
    list_remove(&e->lease_link);
    visitor_leave(e->room, e->visitor);
    free(e);
}

static void entry_leaves(struct presence *p, struct entry *e, bool tell)
{
    struct room *room = e->room;
    if (tell)
        p->told(p->owner, room->name, e->info, false);
    entry_free(p, e);
    room_release(p, room);
}

int presence_set(struct presence *p, struct lease *l, const struct fan_presence_set *what)
{
    struct room *room = room_find(p, what->channel);
    struct entry *old =
        room ? map_find_bytes(&room->clients, what->client, struct entry, by_client, client)
             : NULL;
    bool was_told = old && old->told;
    size_t bytes = p->bytes + entry_bytes(what->client.n, what->user.n, what->info.n);
    if (bytes - (old ? entry_bytes(old->client.n, old->visitor->user.n, old->info.n) : 0) >
        p->bytes_max)
        return -ENOBUFS;
    if (!room)
        room = room_new(p, what->channel);
    /* An entry of another gateway by that name is a left-over: a client has one connection. */
    bool same = old && old->lease == l && bytes_equal(old->info, what->info) &&
                bytes_equal(old->visitor->user, what->user);
    if (old && !same)
        entry_free(p, old);
    struct entry *e = same ? old : entry_new(p, room, l, what);
    e->round = l->round;
    e->told = was_told || !what->silent;
    if (!old && !what->silent)
        p->told(p->owner, what->channel, what->info, true);
    return 0;
}

void presence_clear(struct presence *p, struct lease *l, const struct fan_presence_clear *what)
{
    struct room *room = room_find(p, what->channel);
    struct entry *e =
        room ? map_find_bytes(&room->clients, what->client, struct entry, by_client, client)
             : NULL;
    if (e && e->lease == l)
        entry_leaves(p, e, !what->silent);
}

/* ---- leases */

void presence_init(struct presence *p, int64_t grace_ns, size_t bytes_max,
                   void (*told)(void *owner, struct bytes channel, struct bytes info,
                                bool joined),
                   void *owner)
{
    *p = (struct presence){
        .told = told, .owner = owner, .grace_ns = grace_ns, .bytes_max = bytes_max};
    map_init(&p->rooms);
    list_init(&p->leases);
}

/* before: entries that were last sent in a round below it. */
static void lease_empty(struct presence *p, struct lease *l, uint64_t before)
{
    struct entry *e, *spare;
    list_for_each_safe (e, spare, &l->entries, lease_link)
        if (e->round < before)
            entry_leaves(p, e, e->told);
}

static void lease_free(struct presence *p, struct lease *l)
{
    lease_empty(p, l, UINT64_MAX);
    list_remove(&l->link);
    free(l);
}

static struct lease *lease_new(struct presence *p, struct bytes gateway)
{
    struct lease *l = calloc(1, sizeof *l + gateway.n);
    assert(l);
    put((char *)(l + 1), gateway, &l->name);
    list_init(&l->entries);
    list_append(&p->leases, &l->link);
    return l;
}

/* Its own, or else one that a dead process of the same name left behind. */
static struct lease *lease_find(struct presence *p, struct bytes gateway, uint64_t origin)
{
    struct lease *l, *left_behind = NULL;
    list_for_each (l, &p->leases, link) {
        if (!bytes_equal(l->name, gateway))
            continue;
        if (l->origin == origin)
            return l;
        if (!l->linked)
            left_behind = l;
    }
    return left_behind;
}

struct lease *presence_hello(struct presence *p, struct bytes gateway, uint64_t origin)
{
    struct lease *l = lease_find(p, gateway, origin);
    bool another = !l || l->origin != origin;
    if (!l)
        l = lease_new(p, gateway);
    if (another) {
        lease_empty(p, l, UINT64_MAX);
        l->origin = origin;
        l->synced_ns = -1;
    }
    l->linked = true;
    l->round++;
    return l;
}

void presence_lost(struct presence *p, struct lease *l, int64_t now_ns)
{
    l->linked = false;
    l->lost_ns = now_ns;
}

void presence_synced(struct presence *p, struct lease *l, uint64_t generation, int64_t now_ns)
{
    l->synced_ns = now_ns;
    l->synced_generation = generation;
    lease_empty(p, l, l->round);
}

void presence_tick(struct presence *p, int64_t now_ns)
{
    struct lease *l, *spare;
    list_for_each_safe (l, spare, &p->leases, link)
        if (!l->linked && now_ns - l->lost_ns >= p->grace_ns)
            lease_free(p, l);
}

static void room_empty(struct presence *p, struct room *room)
{
    struct entry *e;
    map_for_each (e, &room->clients, by_client)
        entry_free(p, e);
}

void presence_keep(struct presence *p, bool (*mine)(void *ctx, struct bytes channel), void *ctx)
{
    struct room *room;
    map_for_each (room, &p->rooms, by_name) {
        if (mine(ctx, room->name))
            continue;
        room_empty(p, room);
        room_release(p, room);
    }
}

void presence_fini(struct presence *p)
{
    struct lease *l, *spare;
    list_for_each_safe (l, spare, &p->leases, link) {
        struct entry *e, *next;
        list_for_each_safe (e, next, &l->entries, lease_link)
            entry_leaves(p, e, false);
        lease_free(p, l);
    }
    map_fini(&p->rooms);
}

/* ---- answers */

static bool all_synced(const struct presence *p, struct presence_since since)
{
    const struct lease *l;
    list_for_each (l, &p->leases, link)
        if (l->synced_ns < 0 ||
            (l->synced_ns < since.ns && l->synced_generation < since.generation))
            return false;
    return true;
}

void presence_answer(struct presence *p, struct bytes channel, bool counts_only,
                     struct presence_since since, int64_t now_ns, struct buf *into,
                     struct fan_presence *ret_answer)
{
    struct room *room = room_find(p, channel);
    bool complete = now_ns - since.ns >= PRESENCE_YOUNG_NS && all_synced(p, since);
    struct map_node *node = room && !counts_only ? map_next(&room->clients, NULL) : NULL;
    for (; node; node = map_next(&room->clients, node)) {
        const struct entry *e = container_of(node, struct entry, by_client);
        if (into->n + e->client.n + e->info.n > PRESENCE_ANSWER_MAX) {
            complete = false;
            break;
        }
        wire_put_presence_entry(into,
                                &(struct presence_entry){.client = e->client, .info = e->info});
    }
    ret_answer->complete = complete;
    ret_answer->clients = room ? (uint32_t)room->clients.count : 0;
    ret_answer->users = room ? (uint32_t)room->users.count : 0;
    ret_answer->entries = buf_bytes(into);
}
