#include "presence.h"

#include "room.h"
#include "wire/messages.h"

bool presence_is_told(const struct presence *p)
{
    const struct lease *l;
    bool any = false;
    list_for_each (l, &p->leases, link) {
        if (l->linked && l->synced_ns < 0)
            return false;
        any |= l->linked;
    }
    return any;
}

static void each_in(const struct room *room, void (*each)(void *owner, struct bytes channel, struct bytes info),
                    void *owner)
{
    const struct entry *e;
    map_for_each (e, &room->clients, by_client)
        each(owner, room->name, e->info);
}

void presence_each(const struct presence *p, struct bytes prefix,
                   void (*each)(void *owner, struct bytes channel, struct bytes info), void *owner)
{
    const struct room *room;
    map_for_each (room, &p->rooms, by_name)
        if (bytes_starts(room->name, prefix))
            each_in(room, each, owner);
}

/* ---- counts and pages */

static bool all_synced(const struct presence *p, struct presence_since since)
{
    const struct lease *l;
    list_for_each (l, &p->leases, link)
        if (!l->ended && (l->synced_ns < 0 || (l->synced_ns < since.ns &&
                                               l->synced_generation < since.generation)))
            return false;
    return true;
}

/* -> the last seat in the page when there are more behind it, or 0 */
static uint64_t put_page(const struct roster *r, const struct fan_ask_presence *what,
                         struct buf *into)
{
    uint64_t last = 0;
    uint32_t n = 0, most = what->bytes < PRESENCE_ANSWER_MAX ? what->bytes : PRESENCE_ANSWER_MAX;
    for (size_t at = roster_after(r, what->after); at < r->n; at++) {
        const struct entry *e = r->seats[at].who;
        if (!e)
            continue;
        if (n == what->limit || (n && into->n + e->place.n + e->info.n > most))
            return last;
        wire_put_presence_entry(into,
                                &(struct presence_entry){.client = e->place, .info = e->info});
        last = r->seats[at].number;
        n++;
    }
    return 0;
}

static void put_hashes(const struct room *room, const struct fan_ask_presence *what, struct buf *into)
{
    const struct visitor *v;
    if (room->users.count > what->users)
        return;
    map_for_each (v, &room->users, by_user)
        wire_put_u64(into, hash_seeded(v->user, what->seed));
}

void presence_answer(struct presence *p, const struct fan_ask_presence *what,
                     struct presence_since since, struct buf *into,
                     struct fan_presence *ret_answer)
{
    struct room *room = rooms_find(&p->rooms, what->channel);
    ret_answer->complete =
        p->now_ns - since.ns >= PRESENCE_YOUNG_NS && all_synced(p, since);
    ret_answer->clients = room ? (uint32_t)room->clients.count : 0;
    ret_answer->users = room ? (uint32_t)room->users.count : 0;
    ret_answer->next = room && what->limit ? put_page(&room->roster, what, into) : 0;
    size_t entries = into->n;
    if (room)
        put_hashes(room, what, into);
    ret_answer->entries = bytes_of(into->p, entries);
    ret_answer->hashes = into->n > entries ? bytes_of(into->p + entries, into->n - entries) : (struct bytes){0};
}
