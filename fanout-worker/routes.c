#include "routes.h"
#include "channels.h"
#include "cursor.h"
#include "fill.h"

#include "core/clock.h"
#include "run/log.h"
#include "wire/channel.h"

#include <assert.h>
#include <stdlib.h>

#define SWEPT_PER_TICK 500

void routes_init(struct routes *r, const struct routes_ports *ports, void *owner,
                 const struct routes_limits *limits, struct worker_metrics *metrics)
{
    *r = (struct routes){.ports = ports, .owner = owner, .limits = *limits, .metrics = metrics};
    map_init(&r->channels);
    lanes_init(&r->lanes);
    list_init(&r->cached);
    list_init(&r->dirty);
    list_init(&r->soon);
    list_init(&r->late);
    list_init(&r->swept);
    list_init(&r->busy);
}

/* ---- partitions */

const struct partition *routes_partition(const struct routes *r, struct bytes channel)
{
    uint32_t hash = channel_place(channel).partition_hash;
    return r->hashed ? &r->partitions[channels_partition(r, channel, hash)] : NULL;
}

bool routes_owns(const struct routes *r, struct bytes channel)
{
    const struct partition *p = routes_partition(r, channel);
    return p && p->owned;
}

void routes_each_wanted(const struct routes *r, void (*each)(void *owner, struct bytes channel), void *owner)
{
    const struct channel *ch;
    map_for_each (ch, &r->channels, by_name)
        if (!list_is_empty(&ch->cursors))
            each(owner, ch->name);
}

static const struct partition *home(const struct routes *r, const struct channel *ch)
{
    return &r->partitions[ch->partition];
}

static void disown(struct routes *r, struct channel *ch)
{
    struct cursor *c, *spare;
    list_for_each_safe (c, spare, &ch->cursors, channel_link) {
        r->ports->not_mine(r->owner, c->taker, ch->name);
        cursor_free(r, c);
    }
    channel_drop(r, ch);
}

static uint32_t size(const struct routes *r)
{
    return r->hashed + r->lanes.most;
}

static void begin_anew(struct routes *r)
{
    struct channel *ch;
    map_for_each (ch, &r->channels, by_name)
        disown(r, ch);
    for (uint32_t i = 0; i < size(r); i++)
        r->partitions[i] = (struct partition){0};
}

static void resize(struct routes *r, uint32_t n)
{
    uint32_t before = size(r);
    r->partitions = realloc(r->partitions, n * sizeof *r->partitions);
    assert(r->partitions);
    for (uint32_t i = before; i < n; i++)
        r->partitions[i] = (struct partition){0};
}

static void take_lanes(struct routes *r, struct lanes *lanes)
{
    lanes_fini(&r->lanes);
    if (lanes)
        r->lanes = *lanes;
    else
        lanes_init(&r->lanes);
}

/* What stays with this worker keeps its ring, in another lane too. */
static void settle_channels(struct routes *r)
{
    struct channel *ch;
    map_for_each (ch, &r->channels, by_name) {
        ch->partition = channels_partition(r, ch->name, ch->hash);
        if (!home(r, ch)->owned)
            disown(r, ch);
        else if (home(r, ch)->caught_up)
            channel_decide(r, ch);
    }
}

void routes_map(struct routes *r, uint64_t generation, const bool *mine, uint32_t hashed,
                struct lanes *lanes)
{
    uint32_t n = hashed + (lanes ? lanes->most : 0);
    if (hashed != r->hashed)
        begin_anew(r);
    resize(r, n);
    r->hashed = hashed;
    take_lanes(r, lanes);
    r->metrics->partitions = r->metrics->partitions_caught_up = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct partition *p = &r->partitions[i];
        if (p->owned != mine[i])
            *p = (struct partition){
                .owned = mine[i], .since_ns = r->now_ns, .since_generation = generation};
        r->metrics->partitions += p->owned;
        r->metrics->partitions_caught_up += p->caught_up;
    }
    settle_channels(r);
}

void routes_caught_up(struct routes *r, uint32_t partition)
{
    struct channel *ch;
    if (partition >= size(r) || !r->partitions[partition].owned ||
        r->partitions[partition].caught_up)
        return;
    r->partitions[partition].caught_up = true;
    r->metrics->partitions_caught_up++;
    map_for_each (ch, &r->channels, by_name)
        if (ch->partition == partition)
            channel_decide(r, ch);
    routes_doubt(r, (int32_t)partition);
}

struct channel *routes_channel(struct routes *r, struct bytes channel)
{
    struct channel *ch = channels_find(r, channel);
    if (!ch || !ch->known || !home(r, ch)->caught_up)
        return NULL;
    channel_use(r, ch);
    return ch;
}

bool routes_knows(const struct routes *r, struct bytes channel)
{
    const struct channel *ch = channels_find(r, channel);
    return ch && ch->known;
}

/* ---- interest */

static struct cursor *cursor_of(const struct channel *ch, const struct taker *t)
{
    struct cursor *c;
    list_for_each (c, &ch->cursors, channel_link)
        if (c->taker == t)
            return c;
    return NULL;
}

int routes_subscribe(struct routes *r, struct taker *t, const struct fan_subscribe *what)
{
    if (!routes_owns(r, what->channel))
        return ROUTES_NOT_MINE;
    struct channel *ch = channels_open(r, what->channel);
    if (!what->ephemeral && !list_is_linked(&ch->swept_link)) {
        ch->swept_ns = r->now_ns;
        list_append(&r->swept, &ch->swept_link);
    }
    struct cursor *c = cursor_of(ch, t);
    if (list_is_empty(&ch->cursors))
        r->ports->wanted(r->owner, ch->name, true);
    if (!c)
        c = cursor_new(r, ch, t);
    cursor_restart(r, c, what);
    cursor_decide(r, c);
    return 0;
}

static void forget(struct routes *r, struct cursor *c)
{
    struct channel *ch = c->channel;
    cursor_free(r, c);
    if (!list_is_empty(&ch->cursors))
        return;
    r->ports->wanted(r->owner, ch->name, false);
    list_remove(&ch->swept_link);
    channel_release(r, ch);
}

void routes_unsubscribe(struct routes *r, struct taker *t, struct bytes channel)
{
    struct channel *ch = channels_find(r, channel);
    struct cursor *c = ch ? cursor_of(ch, t) : NULL;
    if (c)
        forget(r, c);
}

void routes_taker_gone(struct routes *r, struct taker *t)
{
    struct cursor *c, *spare;
    list_for_each_safe (c, spare, &t->cursors, taker_link)
        forget(r, c);
    list_remove(&t->busy_link);
}

void routes_taker_drained(struct routes *r, struct taker *t)
{
    taker_pump(r, t);
}

/* ---- facts */

int routes_record(struct routes *r, struct bytes channel, struct pub *p, bool stub)
{
    struct channel *ch = channels_find(r, channel);
    if (!ch && !routes_owns(r, channel))
        return ROUTES_NOT_MINE;
    if (!ch)
        ch = channels_open(r, channel);
    if (!ch->known) {
        channel_known(r, ch, p->epoch, p->seq - 1);
        channel_decide(r, ch);
    }
    int answer = 0;
    if (p->epoch > ch->epoch)
        channel_epoch(r, ch, p->epoch, p->seq - 1);
    if (p->epoch < ch->epoch)
        answer = ROUTES_STALE;
    else if (p->seq < ch->ring.next)
        answer = ROUTES_REPEATED;
    else if (p->seq > ch->ring.next || stub)
        answer = ROUTES_HOLE;
    if (answer == ROUTES_HOLE && ch->placed)
        fill_want(r, ch, p->seq);
    else if (answer == ROUTES_HOLE) /* nobody stands below it: the ring begins anew */
        channel_restart(r, ch, stub ? p->seq + 1 : p->seq);
    if (p->epoch == ch->epoch && p->seq == ch->ring.next && !stub)
        channel_append(r, ch, p);
    channel_release(r, ch);
    return answer;
}

int routes_ephemeral(struct routes *r, struct bytes channel, const struct pub *p)
{
    struct channel *ch = channels_find(r, channel);
    struct cursor *c;
    if (!ch)
        return routes_owns(r, channel) ? 0 : ROUTES_NOT_MINE;
    if (!home(r, ch)->caught_up)
        return 0;
    list_for_each (c, &ch->cursors, channel_link) {
        if (c->state != CURSOR_PASSING)
            continue;
        if (r->ports->crowded(r->owner, c->taker))
            r->metrics->ephemeral_dropped_total++;
        else
            r->ports->publication(r->owner, c->taker, p, true);
    }
    return 0;
}

void routes_head(struct routes *r, struct bytes channel, uint64_t epoch, uint64_t seq)
{
    struct channel *ch = channels_find(r, channel);
    struct cursor *c;
    if (!ch)
        return;
    ch->head_need.asked = false;
    ch->head_need.after_ns = r->now_ns + SOON_NS;
    if (!ch->known)
        channel_known(r, ch, epoch, seq);
    else if (epoch > ch->epoch)
        channel_epoch(r, ch, epoch, seq);
    if (epoch == ch->epoch)
        fill_truth(r, ch, seq);
    list_for_each (c, &ch->cursors, channel_link) {
        c->asks += c->state == CURSOR_WAITING && c->asks < UINT8_MAX;
        cursor_decide(r, c);
    }
    channel_release(r, ch);
}

void routes_page(struct routes *r, enum page_purpose purpose, const struct page *page)
{
    struct channel *ch = channels_find(r, page->channel);
    if (!ch)
        return;
    fill_page(r, ch, purpose, page);
    channel_release(r, ch);
}

void routes_warm(struct routes *r, const struct page *page)
{
    struct channel *ch = routes_channel(r, page->channel);
    if (ch && ch->epoch == page->epoch && ch->epoch == page->log_epoch)
        fill_warm(r, ch, page);
}

/* ---- time */

void routes_doubt(struct routes *r, int32_t partition)
{
    struct channel *ch, *spare;
    list_for_each_safe (ch, spare, &r->swept, swept_link) {
        if (partition >= 0 && ch->partition != (uint32_t)partition)
            continue;
        ch->swept_ns = r->now_ns - r->limits.sweep_ns;
        list_remove(&ch->swept_link);
        list_prepend(&r->swept, &ch->swept_link);
    }
}

void routes_tenant_came(struct routes *r, struct bytes tenant)
{
    struct channel *ch;
    struct bytes of, name;
    map_for_each (ch, &r->channels, by_name)
        if (list_is_empty(&ch->cursors) && channel_split(ch->name, &of, &name) && bytes_equal(of, tenant))
            channel_drop(r, ch);
    routes_doubt(r, -1);
}

static void sweep(struct routes *r)
{
    for (int i = 0; i < SWEPT_PER_TICK; i++) {
        struct channel *ch = list_first(&r->swept, struct channel, swept_link);
        if (!ch || r->now_ns - ch->swept_ns < r->limits.sweep_ns)
            return;
        ch->swept_ns = r->now_ns;
        list_remove(&ch->swept_link);
        list_append(&r->swept, &ch->swept_link);
        if (!home(r, ch)->caught_up)
            continue;
        r->metrics->sweep_checked_total++;
        fill_ask_head(r, ch);
    }
}

static void run_due(struct routes *r, struct list *list)
{
    for (;;) {
        struct channel *ch = list_first(list, struct channel, due_link);
        if (!ch || ch->due_ns > r->now_ns)
            return;
        list_remove(&ch->due_link);
        fill_due(r, ch);
    }
}

void routes_tick(struct routes *r)
{
    run_due(r, &r->soon);
    run_due(r, &r->late);
    sweep(r);
    if (r->found_channels)
        log_warn(
            "sweep_found",
            "channels=%u publications=%llu Kafka has not brought them; read from PostgreSQL",
            r->found_channels, (unsigned long long)r->found_publications);
    r->found_channels = 0;
    r->found_publications = 0;
}

void routes_turn(struct routes *r)
{
    while (!list_is_empty(&r->dirty)) {
        struct channel *ch = list_first(&r->dirty, struct channel, dirty_link);
        struct cursor *c;
        list_remove(&ch->dirty_link);
        list_for_each (c, &ch->cursors, channel_link)
            if (c->state == CURSOR_IDLE)
                cursor_settle(r, c);
    }
    while (!list_is_empty(&r->busy))
        taker_pump(r, list_first(&r->busy, struct taker, busy_link));
    r->metrics->ring_bytes = (int64_t)r->cached_bytes;
}

void routes_fini(struct routes *r)
{
    struct channel *ch;
    map_for_each (ch, &r->channels, by_name) {
        struct cursor *c, *spare;
        list_for_each_safe (c, spare, &ch->cursors, channel_link)
            cursor_free(r, c);
        channel_drop(r, ch);
    }
    map_fini(&r->channels);
    lanes_fini(&r->lanes);
    free(r->partitions);
}
