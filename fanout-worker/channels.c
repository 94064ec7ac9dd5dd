#include "channels.h"
#include "cursor.h"
#include "fill.h"

#include "wire/channel.h"

uint32_t channels_partition(const struct routes *r, struct bytes name, uint32_t hash)
{
    return lanes_partition(&r->lanes, name, (struct channel_place){.partition_hash = hash}, r->hashed);
}

struct channel *channels_find(const struct routes *r, struct bytes name)
{
    return map_find_bytes(&r->channels, name, struct channel, by_name, name);
}

struct channel *channels_open(struct routes *r, struct bytes name)
{
    struct channel *ch = channels_find(r, name);
    if (ch)
        return ch;
    ch = channel_new(name, channel_place(name).partition_hash);
    ch->partition = channels_partition(r, name, ch->hash);
    map_insert(&r->channels, &ch->by_name, hash_bytes(name));
    r->metrics->channels++;
    return ch;
}

static void uncache(struct routes *r, struct channel *ch)
{
    if (list_is_linked(&ch->cached_link))
        r->cached_bytes -= channel_bytes(ch);
    list_remove(&ch->cached_link);
}

static void cache(struct routes *r, struct channel *ch)
{
    if (ring_is_empty(&ch->ring))
        return;
    r->cached_bytes += channel_bytes(ch);
    list_append(&r->cached, &ch->cached_link);
}

void channel_drop(struct routes *r, struct channel *ch)
{
    uncache(r, ch);
    if (ch->head_need.asked)
        r->ports->forget_head(r->owner, ch->name);
    map_remove(&r->channels, &ch->by_name);
    r->metrics->channels--;
    channel_free(ch);
}

void channel_release(struct routes *r, struct channel *ch)
{
    if (list_is_empty(&ch->cursors) && ring_is_empty(&ch->ring))
        channel_drop(r, ch);
}

void channel_use(struct routes *r, struct channel *ch)
{
    uncache(r, ch);
    cache(r, ch);
}

static void evict(struct routes *r, const struct channel *keep)
{
    while (r->cached_bytes > r->limits.cache_bytes) {
        struct channel *ch = list_first(&r->cached, struct channel, cached_link);
        if (ch == keep)
            return;
        channel_restart(r, ch, ch->ring.next);
        channel_release(r, ch);
    }
}

void channel_restart(struct routes *r, struct channel *ch, uint64_t next)
{
    uncache(r, ch);
    ring_restart(&ch->ring, next);
    ch->looked_back = false;
}

bool channel_prepend(struct routes *r, struct channel *ch, struct pub *p)
{
    uncache(r, ch);
    int answer = ring_prepend(&ch->ring, p, &r->limits.ring);
    cache(r, ch);
    evict(r, ch);
    return answer == 0;
}

/* Whoever waits for what the ring is about to drop is served first. */
static void serve_now(struct routes *r, struct channel *ch)
{
    struct cursor *c;
    list_remove(&ch->dirty_link);
    list_for_each (c, &ch->cursors, channel_link)
        if (c->state == CURSOR_IDLE)
            cursor_settle(r, c);
    list_for_each (c, &ch->cursors, channel_link)
        if (c->state == CURSOR_READY)
            taker_pump(r, c->taker);
}

int channel_append(struct routes *r, struct channel *ch, struct pub *p)
{
    if (list_is_linked(&ch->dirty_link) && ring_would_drop(&ch->ring, p, &r->limits.ring))
        serve_now(r, ch);
    uncache(r, ch);
    int answer = ring_append(&ch->ring, p, &r->limits.ring);
    cache(r, ch);
    if (answer)
        return answer;
    if (!list_is_linked(&ch->dirty_link))
        list_append(&r->dirty, &ch->dirty_link);
    if (ch->want <= ring_head(&ch->ring)) {
        ch->want = 0;
        ch->swept_hole = false;
    }
    if (ch->truth <= ring_head(&ch->ring))
        ch->truth_ns = 0;
    evict(r, ch);
    return 0;
}

void channel_due(struct routes *r, struct channel *ch, int64_t delay_ns)
{
    struct list *list = delay_ns <= SOON_NS ? &r->soon : &r->late;
    int64_t due_ns = r->now_ns + (delay_ns <= SOON_NS ? SOON_NS : LATE_NS);
    if (list_is_linked(&ch->due_link) && ch->due_ns <= due_ns)
        return;
    list_remove(&ch->due_link);
    list_append(list, &ch->due_link);
    ch->due_ns = due_ns;
}

void channel_decide(struct routes *r, struct channel *ch)
{
    struct cursor *c;
    list_for_each (c, &ch->cursors, channel_link)
        cursor_decide(r, c);
}

void channel_known(struct routes *r, struct channel *ch, uint64_t epoch, uint64_t head)
{
    ch->known = true;
    ch->epoch = epoch;
    ch->truth = 0;
    channel_restart(r, ch, head + 1);
}

void channel_epoch(struct routes *r, struct channel *ch, uint64_t epoch, uint64_t head)
{
    struct cursor *c;
    r->metrics->epoch_changes_total++;
    channel_known(r, ch, epoch, head);
    ch->truth_ns = 0;
    ch->want = 0;
    ch->swept_hole = false;
    list_for_each (c, &ch->cursors, channel_link) {
        c->asks = 0;
        if (c->state == CURSOR_WAITING)
            cursor_decide(r, c);
        else if (c->state != CURSOR_PASSING)
            cursor_lose(r, c);
    }
}
