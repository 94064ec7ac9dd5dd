#include "fan_link.h"

#include "attendance.h"
#include "flow.h"
#include "gateway.h"
#include "ops.h"
#include "sub.h"

#include "core/clock.h"
#include "run/dial.h"
#include "run/log.h"
#include "wire/lanes.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BEAT_MS 1000
#define REDIAL_MIN_MS 10
#define REDIAL_MAX_MS 300
#define ASTRAY_NS (250 * NS_PER_MS) /* between two tries for channels that a worker disowned */
#define PARTITIONS_MAX 65536

struct fan_peer {
    struct list link; /* struct fan_links::peers */
    struct fan_links *links;
    struct dial *dial;
    uint32_t slot;
    bool welcome;
    bool kept; /* by the new map */
    bool disowns_clients; /* or some of them: they are told again soon */
};

struct fan_map {
    uint32_t partitions; /* that channels are hashed over; 0: no map yet */
    struct lanes lanes;
    struct fan_peer **owner; /* per partition and lane; NULL: nobody */
};

struct fan_links {
    struct gateway *g;
    struct list peers; /* struct fan_peer::link */
    uint64_t generation;
    struct fan_map map;
    ev_timer beat;
    struct wheel_timer astray; /* set while a worker has disowned something */
};

static struct fan_peer *owner_of(const struct fan_map *m, struct bytes full, struct channel_place place)
{
    return m->partitions ? m->owner[lanes_partition(&m->lanes, full, place, m->partitions)] : NULL;
}

static uint32_t map_size(const struct fan_map *m)
{
    return m->partitions + m->lanes.most;
}

/* -> the link of the channel's worker, or NULL while there is none */
static struct link *link_of(const struct fan_links *f, struct bytes full, struct channel_place place)
{
    struct fan_peer *p = owner_of(&f->map, full, place);
    return p && p->welcome ? dial_link(p->dial) : NULL;
}

void fan_links_look(struct fan_links *f)
{
    const struct fan_peer *p;
    list_for_each(p, &f->peers, link)
        link_look(dial_link(p->dial));
}

/* ---- telling */

void fan_subscribe(struct fan_links *f, struct channel *c)
{
    struct link *l = link_of(f, channel_full(c), c->place);
    struct fan_subscribe m = {.channel = channel_full(c), .from_head = 1, .ephemeral = c->ephemeral};
    if (c->state == CHANNEL_LIVE && !c->ephemeral) {
        m.from_head = 0;
        m.epoch = c->epoch;
        m.since = c->head;
    }
    if (l)
        LINK_SEND(l, FAN_SUBSCRIBE, fan_subscribe, &m);
}

void fan_unsubscribe(struct fan_links *f, struct channel *c)
{
    struct link *l = link_of(f, channel_full(c), c->place);
    if (l)
        LINK_SEND(l, FAN_UNSUBSCRIBE, fan_unsubscribe, (&(struct fan_unsubscribe){.channel = channel_full(c)}));
}

void fan_presence_set(struct fan_links *f, struct channel *c, const struct fan_presence_set *m)
{
    struct link *l = link_of(f, channel_full(c), c->place);
    if (l)
        LINK_SEND(l, FAN_PRESENCE_SET, fan_presence_set, m);
}

void fan_presence_clear(struct fan_links *f, struct channel *c, const struct fan_presence_clear *m)
{
    struct link *l = link_of(f, channel_full(c), c->place);
    if (l)
        LINK_SEND(l, FAN_PRESENCE_CLEAR, fan_presence_clear, m);
}

void fan_client_set(struct fan_links *f, const struct fan_presence_set *m)
{
    struct link *l = link_of(f, m->channel, channel_place(m->channel));
    if (l)
        LINK_SEND(l, FAN_PRESENCE_SET, fan_presence_set, m);
}

void fan_client_clear(struct fan_links *f, const struct fan_presence_clear *m)
{
    struct link *l = link_of(f, m->channel, channel_place(m->channel));
    if (l)
        LINK_SEND(l, FAN_PRESENCE_CLEAR, fan_presence_clear, m);
}

#define ASK(f, TYPE, name, m)                                                                                \
    ({                                                                                                       \
        struct fan_peer *peer_ = owner_of(&(f)->map, (m)->channel, channel_place((m)->channel));              \
        struct link *link_ = peer_ && peer_->welcome ? dial_link(peer_->dial) : NULL;                        \
        if (link_)                                                                                           \
            LINK_SEND(link_, TYPE, name, m);                                                                 \
        link_ ? (int)peer_->slot : -ENOTCONN;                                                                \
    })

int fan_read(struct fan_links *f, const struct fan_read *m)
{
    return ASK(f, FAN_READ, fan_read, m);
}

int fan_ask_head(struct fan_links *f, const struct fan_ask_head *m)
{
    return ASK(f, FAN_ASK_HEAD, fan_ask_head, m);
}

int fan_ask_presence(struct fan_links *f, const struct fan_ask_presence *m)
{
    return ASK(f, FAN_ASK_PRESENCE, fan_ask_presence, m);
}

static struct fan_peer *find_peer(const struct fan_links *f, uint32_t slot)
{
    struct fan_peer *p;
    list_for_each(p, &f->peers, link)
        if (p->slot == slot)
            return p;
    return NULL;
}

void fan_forget(struct fan_links *f, uint32_t slot, uint64_t request)
{
    struct fan_peer *p = find_peer(f, slot);
    struct link *l = p && p->welcome ? dial_link(p->dial) : NULL;
    if (l)
        LINK_SEND(l, FAN_FORGET, fan_forget, (&(struct fan_forget){.request = request}));
}

/* All that a worker has to know about one channel. */
static void tell_channel(struct fan_links *f, struct channel *c)
{
    fan_subscribe(f, c);
    for (uint32_t i = 0; i < c->n_subs; i++)
        if (c->subs[i]->live && c->subs[i]->present)
            sub_tell_presence(c->subs[i], true);
}

/* Clients go to the owner of a channel of their own: NULL: all, each to its worker. */
static void tell_clients(struct fan_links *f, const struct fan_peer *to)
{
    struct connection *c;
    char name[ATTENDANCE_MAX];
    list_for_each(c, &f->g->connections, all)
    {
        if (!c->announced)
            continue;
        struct bytes full = attendance_name(c, name);
        if (!to || owner_of(&f->map, full, channel_place(full)) == to)
            attendance_tell(c, true);
    }
}

static void tell_synced(struct fan_links *f, struct fan_peer *p)
{
    if (p->welcome && dial_link(p->dial))
        LINK_SEND(dial_link(p->dial), FAN_SYNCED, fan_synced, (&(struct fan_synced){.generation = f->generation}));
}

static void tell_everything(struct fan_peer *p)
{
    struct fan_links *f = p->links;
    struct channel *c;
    map_for_each(c, &f->g->channels, by_name)
    {
        if (owner_of(&f->map, channel_full(c), c->place) == p)
            tell_channel(f, c);
    }
    tell_clients(f, p);
    tell_synced(f, p);
}

/* ---- hearing */

static int welcome_came(struct fan_peer *p, struct bytes body)
{
    struct fan_welcome m;
    if (wire_get_fan_welcome(body, &m) < 0)
        return -EBADMSG;
    if (m.version != WIRE_VERSION) {
        log_error("version_differs", "peer=worker-%u theirs=%u ours=%u", p->slot, m.version, WIRE_VERSION);
        return -EPROTO;
    }
    if (p->welcome)
        return 0; /* it only says that it has caught up */
    log_info("worker_linked", "peer=worker-%u generation=%llu caught_up=%u", p->slot, (unsigned long long)m.generation,
             m.caught_up);
    p->welcome = true;
    tell_everything(p);
    return 0;
}

static int not_mine_came(struct fan_peer *p, struct bytes body)
{
    struct fan_links *f = p->links;
    struct fan_not_mine m;
    if (wire_get_fan_not_mine(body, &m) < 0)
        return -EBADMSG;
    struct channel *c = flow_channel(f->g, m.channel);
    bool client = bytes_starts(m.channel, BYTES(ATTENDANCE));
    if (c)
        c->astray = true;
    p->disowns_clients |= client;
    if ((c || client) && !list_is_linked(&f->astray.link))
        wheel_set(&f->g->wheel, &f->astray, f->g->now_ns + ASTRAY_NS);
    return 0;
}

#define HEAR(name, body, call)                                                                               \
    ({                                                                                                       \
        struct name m;                                                                                       \
        int error_ = wire_get_##name(body, &m);                                                              \
        if (error_ == 0)                                                                                     \
            call;                                                                                            \
        error_;                                                                                              \
    })

static int frame_came(struct fan_peer *p, uint8_t type, struct bytes body)
{
    struct gateway *g = p->links->g;
    switch (type) {
    case FAN_WELCOME:
        return welcome_came(p, body);
    case FAN_SUBSCRIBED:
        return HEAR(fan_subscribed, body, flow_subscribed(g, &m));
    case FAN_PUBLICATION:
        return HEAR(fan_publication, body, error_ = flow_publication(g, &m));
    case FAN_RANGE:
        return HEAR(fan_range, body, ops_range_came(g, &m));
    case FAN_HEAD:
        return HEAR(fan_head, body, ops_head_came(g, &m));
    case FAN_PRESENCE:
        return HEAR(fan_presence, body, ops_presence_came(g, &m));
    case FAN_NOT_MINE:
        return not_mine_came(p, body);
    case FAN_JOIN:
        return HEAR(fan_join, body, flow_join(g, &m));
    case FAN_LEAVE:
        return HEAR(fan_leave, body, flow_leave(g, &m));
    case FAN_COUNTS:
        return HEAR(fan_counts, body, flow_counts(g, &m));
    default:
        return 0; /* beats, and what a newer one may say */
    }
}

static void on_up(void *owner, struct dial *d, struct link *l)
{
    struct fan_peer *p = owner;
    struct gateway *g = p->links->g;
    g->metrics.links_up++;
    LINK_SEND(l, FAN_HELLO, fan_hello,
              (&(struct fan_hello){.version = WIRE_VERSION,
                                   .gateway = bytes_str(g->name),
                                   .origin = g->origin,
                                   .generation = p->links->generation}));
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct fan_peer *p = owner;
    if (frame_came(p, type, body) == 0)
        return;
    log_warn("frame_refused", "peer=worker-%u type=%u bytes=%zu the link starts anew", p->slot, type, body.n);
    dial_reset(p->dial);
}

static void on_down(void *owner, struct dial *d, int error)
{
    struct fan_peer *p = owner;
    p->links->g->metrics.links_up--;
    log_warn("worker_lost", "peer=worker-%u errno=%s its channels wait", p->slot, strerror(-error));
    p->welcome = false;
    ops_worker_lost(p->links->g, p->slot);
}

static const struct dial_handlers doors = {on_up, on_frame, NULL, on_down};

static void on_beat(struct ev_loop *loop, ev_timer *w, int events)
{
    struct fan_links *f = w->data;
    struct fan_beat beat = {.sent_us = clock_real_us()};
    struct fan_peer *p;
    list_for_each(p, &f->peers, link)
        if (dial_link(p->dial))
            LINK_SEND(dial_link(p->dial), FAN_BEAT, fan_beat, &beat);
}

static void find_astray(struct wheel_timer *t)
{
    struct fan_links *f = container_of(t, struct fan_links, astray);
    struct channel *c;
    struct fan_peer *p;
    map_for_each(c, &f->g->channels, by_name)
    {
        if (!c->astray)
            continue;
        c->astray = false; /* again, if it is disowned again */
        tell_channel(f, c);
    }
    list_for_each(p, &f->peers, link)
    {
        if (p->disowns_clients)
            tell_clients(f, p);
        p->disowns_clients = false;
    }
}

/* ---- the map */

static void drop_peer(struct fan_peer *p)
{
    struct fan_links *f = p->links;
    if (dial_link(p->dial)) {
        f->g->metrics.links_up--;
        ops_worker_lost(f->g, p->slot);
    }
    for (uint32_t i = 0; i < map_size(&f->map); i++)
        if (f->map.owner[i] == p)
            f->map.owner[i] = NULL;
    dial_free(p->dial);
    list_remove(&p->link);
    free(p);
}

static void keep_peer(struct fan_links *f, const struct ctl_worker *w)
{
    char path[4096];
    snprintf(path, sizeof path, "%.*s", BYTES_FMT(w->path));
    struct fan_peer *p = find_peer(f, w->slot);
    if (p && strcmp(dial_address(p->dial), path) != 0) {
        drop_peer(p);
        p = NULL;
    }
    if (!p) {
        p = calloc(1, sizeof *p);
        assert(p);
        p->links = f;
        p->slot = w->slot;
        list_append(&f->peers, &p->link);
        p->dial = dial_new(f->g->loop, path, REDIAL_MIN_MS, REDIAL_MAX_MS, BEAT_MS, &doors, p);
    }
    p->kept = true;
}

static int keep_peers(struct fan_links *f, struct bytes workers)
{
    struct fan_peer *p, *spare;
    struct ctl_worker w;
    int more;
    list_for_each(p, &f->peers, link)
        p->kept = false;
    while ((more = wire_next_ctl_worker(&workers, &w)) > 0)
        keep_peer(f, &w);
    list_for_each_safe(p, spare, &f->peers, link)
        if (!p->kept)
            drop_peer(p);
    return more;
}

static void fan_map_fini(struct fan_map *m)
{
    lanes_fini(&m->lanes);
    free(m->owner);
}

/* Channels go over to their new owners: the old one forgets them, the new one hears all about them. */
static void move_channels(struct fan_links *f, const struct fan_map *to)
{
    struct channel *c;
    struct fan_map from = f->map;
    map_for_each(c, &f->g->channels, by_name)
        if (owner_of(&from, channel_full(c), c->place) != owner_of(to, channel_full(c), c->place))
            fan_unsubscribe(f, c);
    f->map = *to;
    map_for_each(c, &f->g->channels, by_name)
        if (owner_of(&from, channel_full(c), c->place) != owner_of(to, channel_full(c), c->place))
            tell_channel(f, c);
    tell_clients(f, NULL);
    fan_map_fini(&from);
}

/* Without the owners. -> 0, -EBADMSG */
static int read_map(const struct ctl_map *m, struct fan_map *ret)
{
    struct fan_map map = {.partitions = m->partitions};
    lanes_init(&map.lanes);
    if (m->partitions == 0 || m->partitions > PARTITIONS_MAX || lanes_take(&map.lanes, m->lanes) < 0 ||
        m->owners.n != map_size(&map) * sizeof(uint32_t)) {
        fan_map_fini(&map);
        return -EBADMSG;
    }
    *ret = map;
    return 0;
}

static void find_owners(const struct fan_links *f, struct bytes slots, struct fan_map *map)
{
    uint32_t slot;
    map->owner = calloc(map_size(map), sizeof *map->owner);
    assert(map->owner);
    for (uint32_t i = 0; wire_get_u32(&slots, &slot); i++)
        map->owner[i] = find_peer(f, slot);
}

int fan_links_map(struct fan_links *f, const struct ctl_map *m)
{
    struct fan_map map;
    if (f->map.partitions && m->generation <= f->generation)
        return 0;
    if (read_map(m, &map) < 0)
        return -EBADMSG;
    if (keep_peers(f, m->workers) < 0) {
        fan_map_fini(&map);
        return -EBADMSG;
    }
    find_owners(f, m->owners, &map);
    f->generation = m->generation;
    move_channels(f, &map);
    struct fan_peer *p;
    list_for_each(p, &f->peers, link)
        tell_synced(f, p);
    log_info("map_taken", "generation=%llu partitions=%u lanes=%u", (unsigned long long)m->generation, m->partitions,
             map.lanes.most);
    return 0;
}

uint32_t fan_lane(const struct fan_links *f, struct bytes full)
{
    return lanes_of(&f->map.lanes, full);
}

/* ---- life */

struct fan_links *fan_links_new(struct gateway *g)
{
    struct fan_links *f = calloc(1, sizeof *f);
    assert(f);
    f->g = g;
    lanes_init(&f->map.lanes);
    list_init(&f->peers);
    wheel_timer_init(&f->astray, find_astray);
    ev_timer_init(&f->beat, on_beat, BEAT_MS / 1000., BEAT_MS / 1000.);
    f->beat.data = f;
    ev_timer_start(g->loop, &f->beat);
    return f;
}

void fan_links_free(struct fan_links *f)
{
    struct fan_peer *p, *spare;
    if (!f)
        return;
    ev_timer_stop(f->g->loop, &f->beat);
    wheel_cancel(&f->astray);
    list_for_each_safe(p, spare, &f->peers, link)
    {
        dial_free(p->dial);
        free(p);
    }
    fan_map_fini(&f->map);
    free(f);
}

bool fan_mapped(const struct fan_links *f)
{
    return f->map.partitions > 0;
}

bool fan_linked(const struct fan_links *f)
{
    const struct fan_peer *p;
    list_for_each(p, &f->peers, link)
        if (!p->welcome)
            return false;
    return f->map.partitions > 0;
}
