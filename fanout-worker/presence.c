#include "presence.h"

#include "core/clock.h"
#include "room.h"
#include "wire/channel.h"

#include <assert.h>
#include <errno.h>

#define ROOMS_PER_TICK 500 /* that are looked at for those who have lingered long enough; that are told counts */

/* ---- rooms */

static struct room *room_open(struct presence *p, struct bytes channel)
{
    struct room *room = rooms_find(&p->rooms, channel);
    if (room)
        return room;
    room = room_new(channel);
    map_insert(&p->rooms, &room->by_name, hash_bytes(channel));
    return room;
}

/* -> whether it is still there */
static bool room_release(struct presence *p, struct room *room)
{
    if (room->clients.count)
        return true;
    map_remove(&p->rooms, &room->by_name);
    list_remove(&room->gone_link);
    list_remove(&room->counts_link);
    room_free(room);
    return false;
}

/* ---- joins and leaves */

static void await_counts(struct presence *p, struct room *room)
{
    if (!list_is_linked(&room->counts_link))
        list_append(&p->counting, &room->counts_link);
}

/* -> whether it was told; else counts will be */
static bool push(struct presence *p, struct room *room, struct bytes info, bool joined)
{
    if (pushes_take(&room->pushes, room->clients.count, p->now_ns)) {
        p->ports->told(p->owner, room->name, info, joined);
        return true;
    }
    p->missed++;
    await_counts(p, room);
    return false;
}

static void tell_abroad(struct presence *p, const struct room *room, const struct presence_news *m)
{
    p->ports->abroad(p->owner, room->name, m);
}

/* Where nobody is left nobody is to be told counts any more; but other cells' members what they missed. */
static bool room_lost_one(struct presence *p, struct room *room)
{
    if (room->clients.count == 0 && room->missed_here)
        tell_abroad(p, room, &(struct presence_news){.what = NEWS_MISSED});
    return room_release(p, room);
}

/* Pushes one of a client of this cell, and tells other cells. */
static bool tell(struct presence *p, struct room *room, struct bytes client, struct bytes info, bool joined)
{
    bool told = push(p, room, info, joined);
    room->missed_here |= !told;
    if (told)
        tell_abroad(p, room, &(struct presence_news){
                                 .what = joined ? NEWS_JOINED : NEWS_LEFT, .client = client, .info = info});
    return told;
}

static void entry_drop(struct presence *p, struct entry *e)
{
    p->entries--;
    p->bytes -= e->bytes;
    entry_free(e);
}

/* -> whether its room is still there */
static bool entry_leaves(struct presence *p, struct entry *e)
{
    struct room *room = e->room;
    if (!e->muted)
        tell(p, room, e->client, e->announced, false);
    entry_drop(p, e);
    return room_lost_one(p, room);
}

static void tell_gone(struct presence *p, const struct entry *e)
{
    int64_t left_ns = e->gone_ns + e->room->linger_ns - p->now_ns;
    if (e->visitor->user.n) /* else nobody knows whether he is back */
        tell_abroad(p, e->room, &(struct presence_news){.what = NEWS_GONE,
                                                        .client = e->client,
                                                        .info = e->info,
                                                        .user = e->visitor->user,
                                                        .place = e->place,
                                                        .announced = e->announced,
                                                        .linger_ms = (uint32_t)(left_ns / NS_PER_MS)});
}

static void tell_taken(struct presence *p, const struct room *room, struct bytes client)
{
    tell_abroad(p, room, &(struct presence_news){.what = NEWS_TAKEN, .client = client});
}

/* Its gateway does not hold it any more, since then. */
static void entry_goes(struct presence *p, struct entry *e, int64_t since_ns)
{
    struct room *room = e->room;
    if (e->muted || p->now_ns - since_ns >= room->linger_ns) {
        entry_leaves(p, e);
        return;
    }
    e->lease = NULL;
    e->gone_ns = since_ns;
    list_remove(&e->held_link);
    list_append(&room->gone, &e->held_link);
    list_remove(&e->user_link);
    list_prepend(&e->visitor->entries, &e->user_link);
    if (!list_is_linked(&room->gone_link))
        list_append(&p->lingering, &room->gone_link);
    tell_gone(p, e);
}

static bool is_away(const struct entry *e)
{
    return !e->lease || !e->lease->linked || e->round < e->lease->keep_from;
}

/* The entry that a client's becomes: its own, or one whose place it takes. -> or NULL */
static struct entry *predecessor(struct presence *p, struct room *room,
                                 const struct fan_presence_set *what)
{
    struct entry *own = room_client(room, what->client);
    if (own || what->silent)
        return own;
    struct entry *vacant = room_vacant(room, what, is_away);
    p->followed += vacant != NULL;
    return vacant;
}

static bool is_unchanged(const struct entry *e, const struct lease *l,
                         const struct fan_presence_set *what)
{
    return e->lease == l && bytes_equal(e->info, what->info) &&
           bytes_equal(e->visitor->user, what->user);
}

/* Who comes where nobody of this cell was: he joins, unless he was gone from another cell. */
static void entry_comes(struct presence *p, struct entry *e, const struct fan_presence_set *what, const struct vacancy *from)
{
    if (from) {
        p->followed++;
        tell_taken(p, e->room, from->client);
    } else {
        e->muted = !what->tells || (!what->silent && !tell(p, e->room, what->client, what->info, true));
    }
}

static void entry_ends(struct presence *p, struct entry *old)
{
    if (!old->lease)
        tell_taken(p, old->room, old->client);
    entry_drop(p, old);
}

/* Of whom it takes the place: an entry of this cell, or else a vacancy; or neither. */
static struct entry *entry_becomes(struct presence *p, struct room *room, const struct fan_presence_set *what,
                                   const struct place_names *names, struct entry *old, const struct vacancy *from)
{
    struct entry *e = entry_new(room, what, names, old);
    p->entries++;
    p->bytes += e->bytes;
    if (old)
        entry_ends(p, old);
    else
        entry_comes(p, e, what, from);
    return e;
}

static bool has_room(const struct presence *p, size_t more, size_t less)
{
    return p->bytes + p->vacancies.bytes + more - less <= p->bytes_max;
}

/* Who is here goes before who may come. */
static bool make_room(struct presence *p, size_t more, size_t less)
{
    if (!has_room(p, more, less))
        vacancies_drop(&p->vacancies, p->bytes + p->vacancies.bytes + more - less - p->bytes_max);
    return has_room(p, more, less);
}

static void entry_holds(struct lease *l, struct entry *e)
{
    e->lease = l;
    e->round = l->round;
    list_remove(&e->held_link);
    list_append(&l->entries, &e->held_link);
}

static bool names_of(const struct entry *old, const struct vacancy *from, struct place_names *ret)
{
    if (old)
        *ret = (struct place_names){old->place, old->announced};
    else if (from)
        *ret = (struct place_names){from->place, from->announced};
    return old || from;
}

int presence_set(struct presence *p, struct lease *l, const struct fan_presence_set *what)
{
    struct room *room = rooms_find(&p->rooms, what->channel);
    struct entry *old = room ? predecessor(p, room, what) : NULL;
    bool returns = !old && what->tells && !what->silent;
    struct vacancy *from = returns ? vacancies_take(&p->vacancies, what, p->now_ns) : NULL;
    struct place_names names, *known = names_of(old, from, &names) ? &names : NULL;
    bool fits = make_room(p, entry_bytes(what, known), old ? old->bytes : 0);
    if (fits) {
        room = room_open(p, what->channel);
        room->linger_ns = what->linger_ms * NS_PER_MS;
        room->pushes.per_s = what->pushes;
        bool unchanged = old && is_unchanged(old, l, what);
        entry_holds(l, unchanged ? old : entry_becomes(p, room, what, known, old, from));
    }
    vacancy_free(from);
    return fits ? 0 : -ENOBUFS;
}

void presence_clear(struct presence *p, struct lease *l, const struct fan_presence_clear *what)
{
    struct room *room = rooms_find(&p->rooms, what->channel);
    struct entry *e = room ? room_client(room, what->client) : NULL;
    if (!e || e->lease != l)
        return;
    if (what->left)
        entry_leaves(p, e);
    else
        entry_goes(p, e, p->now_ns);
}

/* ---- other cells */

/* Who listens without being a member has no room that bounds it. */
static void hear_push(struct presence *p, struct bytes channel, struct bytes info, bool joined)
{
    struct room *room = rooms_find(&p->rooms, channel);
    if (room)
        push(p, room, info, joined);
    else
        p->ports->told(p->owner, channel, info, joined);
}

static void hear_gone(struct presence *p, struct bytes channel, const struct presence_news *m)
{
    if (has_room(p, vacancy_bytes(channel, m), 0))
        vacancies_add(&p->vacancies, channel, m, p->now_ns + m->linger_ms * NS_PER_MS);
}

/* He is back in another cell: his place is there now, and he has not left. */
static void hear_taken(struct presence *p, struct bytes channel, struct bytes client)
{
    struct room *room = rooms_find(&p->rooms, channel);
    struct entry *e = room ? room_client(room, client) : NULL;
    vacancies_forget(&p->vacancies, channel, client);
    if (!e || e->lease)
        return;
    entry_drop(p, e);
    room_lost_one(p, room);
}

static void room_missed(struct presence *p, struct room *room)
{
    pushes_miss(&room->pushes);
    await_counts(p, room);
}

static void hear_missed(struct presence *p, struct bytes channel)
{
    struct room *room = rooms_find(&p->rooms, channel);
    if (room)
        room_missed(p, room);
}

void presence_doubt(struct presence *p, struct bytes tenant)
{
    struct room *room;
    struct bytes its, name;
    map_for_each (room, &p->rooms, by_name)
        if (channel_split(room->name, &its, &name) && bytes_equal(its, tenant))
            room_missed(p, room);
}

void presence_hear(struct presence *p, struct bytes channel, const struct presence_news *m)
{
    switch ((enum presence_news_what)m->what) {
    case NEWS_JOINED:
        hear_push(p, channel, m->info, true);
        break;
    case NEWS_LEFT:
        vacancies_forget(&p->vacancies, channel, m->client);
        hear_push(p, channel, m->info, false);
        break;
    case NEWS_GONE:
        hear_gone(p, channel, m);
        break;
    case NEWS_TAKEN:
        hear_taken(p, channel, m->client);
        break;
    case NEWS_MISSED:
        hear_missed(p, channel);
        break;
    }
}

/* ---- leases */

void presence_init(struct presence *p, const struct presence_ports *ports, void *owner,
                   int64_t grace_ns, size_t bytes_max)
{
    *p = (struct presence){
        .ports = ports, .owner = owner, .grace_ns = grace_ns, .bytes_max = bytes_max};
    map_init(&p->rooms);
    list_init(&p->leases);
    list_init(&p->lingering);
    list_init(&p->counting);
    vacancies_init(&p->vacancies);
}

struct lease *presence_hello(struct presence *p, struct bytes gateway, uint64_t origin)
{
    struct lease *l = lease_find(&p->leases, gateway, origin);
    bool another = !l || l->origin != origin;
    if (!l)
        l = lease_new(&p->leases, gateway);
    l->linked = true;
    l->round++;
    if (another || l->ended)
        l->keep_from = l->round;
    if (another)
        l->synced_ns = -1;
    l->origin = origin;
    l->ended = false;
    return l;
}

void presence_lost(struct presence *p, struct lease *l)
{
    l->linked = false;
    l->lost_ns = p->now_ns;
}

void presence_synced(struct presence *p, struct lease *l, uint64_t generation)
{
    l->synced_ns = p->now_ns;
    l->synced_generation = generation;
    l->keep_from = l->round;
}

static void room_empty(struct presence *p, struct room *room)
{
    struct entry *e;
    map_for_each (e, &room->clients, by_client)
        entry_drop(p, e);
}

void presence_keep(struct presence *p, bool (*mine)(void *ctx, struct bytes channel), void *ctx)
{
    struct room *room;
    map_for_each (room, &p->rooms, by_name) {
        if (mine && mine(ctx, room->name))
            continue;
        room_empty(p, room);
        room_release(p, room);
    }
}

void presence_fini(struct presence *p)
{
    struct lease *l, *spare;
    presence_keep(p, NULL, NULL);
    list_for_each_safe (l, spare, &p->leases, link)
        lease_free(l);
    map_fini(&p->rooms);
    vacancies_fini(&p->vacancies);
}

/* ---- time */

/* -> how many of that many are left */
static size_t end_stale(struct presence *p, struct lease *l, size_t most)
{
    struct entry *e;
    while (most && (e = list_first(&l->entries, struct entry, held_link)) &&
           e->round < l->keep_from) {
        entry_goes(p, e, l->lost_ns);
        most--;
    }
    return most;
}

static size_t end_leases(struct presence *p, size_t most)
{
    struct lease *l, *spare;
    list_for_each_safe (l, spare, &p->leases, link) {
        if (!l->linked && p->now_ns - l->lost_ns >= p->grace_ns) {
            l->ended = true;
            l->keep_from = UINT64_MAX;
        }
        most = end_stale(p, l, most);
        if (l->ended && list_is_empty(&l->entries))
            lease_free(l);
    }
    return most;
}

/* -> how many of that many are left. The room goes to the end of the list while it has some. */
static size_t end_lingerers(struct presence *p, struct room *room, size_t most)
{
    struct entry *e;
    while (most && (e = list_first(&room->gone, struct entry, held_link)) &&
           p->now_ns - e->gone_ns >= room->linger_ns) {
        most--;
        if (!entry_leaves(p, e))
            return most;
    }
    list_remove(&room->gone_link);
    if (!list_is_empty(&room->gone))
        list_append(&p->lingering, &room->gone_link);
    return most;
}

static void end_lingering(struct presence *p, size_t most)
{
    const struct list *last = p->lingering.prev;
    for (int rooms = 0; rooms < ROOMS_PER_TICK && !list_is_empty(&p->lingering); rooms++) {
        struct room *room = list_first(&p->lingering, struct room, gone_link);
        bool is_last = &room->gone_link == last;
        most = end_lingerers(p, room, most);
        if (is_last || most == 0)
            return;
    }
}

/* What other cells missed they have told their members; what we did they have to be told. */
static void tell_count(struct presence *p, struct room *room)
{
    p->ports->counts(p->owner, room->name, (uint32_t)room->clients.count, (uint32_t)room->users.count);
    if (room->missed_here)
        tell_abroad(p, room, &(struct presence_news){.what = NEWS_MISSED});
    room->missed_here = false;
}

static void tell_counts(struct presence *p)
{
    struct room *room, *spare;
    unsigned told = 0;
    list_for_each_safe (room, spare, &p->counting, counts_link) {
        if (told == ROOMS_PER_TICK)
            return;
        enum pushes_counts due = pushes_counts(&room->pushes, room->clients.count, p->now_ns);
        if (due == PUSHES_COUNTS && ++told)
            tell_count(p, room);
        else if (due == PUSHES_ALL_TOLD)
            list_remove(&room->counts_link);
    }
}

void presence_tick(struct presence *p)
{
    end_lingering(p, end_leases(p, PRESENCE_SLICE));
    vacancies_expire(&p->vacancies, p->now_ns, PRESENCE_SLICE);
    tell_counts(p);
}
