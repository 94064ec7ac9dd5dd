#include "deliver.h"

#include "ephemeral.h"
#include "hold.h"
#include "hub.h"
#include "page.h"
#include "slow.h"
#include "sub.h"
#include "ws.h"

#include "core/clock.h"

#define CHANNEL_SHARE 40 /* subscribers of one channel, then the next channel has its turn */
#define CLOCK_EVERY 8    /* writes between two looks at the clock */

/* ---- one write */

static const struct frame *next_frame(struct sub *s)
{
    struct channel *c = s->channel;
    if (!sub_is_behind(s))
        return NULL;
    if (c->ephemeral)
        return ephemeral_next(s);
    if (s->sent < channel_base(c))
        return page_next(s);
    if (s->extras)
        page_leave(s);
    return channel_frame(c, s->sent + 1);
}

static void put_marked(struct buf *b, const struct frame *f)
{
    size_t at = f->after->mark_at;
    buf_append(b, f->json, at);
    buf_append_str(b, HOLD_LATE_TAG);
    buf_append(b, f->json + at, f->n - at);
}

static void put_frame(struct gateway *g, struct buf *b, struct sub *s, const struct frame *f, bool late)
{
    uint32_t now_ms = (uint32_t)(g->now_ns / NS_PER_MS);
    pace_add(&s->channel->pace, now_ms, f->n);
    pace_add(&s->connection->pace, now_ms, f->n);
    channel_put_push(s->channel, s->full, b);
    buf_append(b, "\"pub\":", 6);
    if (late)
        put_marked(b, f);
    else
        buf_append(b, f->json, f->n);
    buf_append(b, "}}\n", 3);
    g->metrics.deliveries_total++;
    if (!s->channel->ephemeral) /* those were charged for when they came */
        budget_charge(channel_budget(s->channel));
    if (s->extras && f->seq <= s->extras->old)
        return;
    if (f->sent_us)
        histogram_record(&g->metrics.hop_gateway_seconds, (int64_t)(g->now_us - f->sent_us));
    if (f->committed_us)
        histogram_record(&g->metrics.commit_written_seconds, (int64_t)(g->now_us - f->committed_us));
}

/* Takes whole lines, as many as fit, at least one. -> whether some were left */
static bool take_lines(struct buf *b, struct buf *lines, size_t most)
{
    size_t n = lines->n;
    if (n > most) {
        const char *end = memrchr(lines->p, '\n', most);
        if (!end)
            end = memchr(lines->p, '\n', n);
        n = (size_t)(end - lines->p) + 1;
    }
    buf_append(b, lines->p, n);
    buf_consume(lines, n);
    if (lines->n == 0)
        buf_fini(lines); /* an idle connection keeps no buffer */
    return lines->n > 0;
}

static bool fits(const struct buf *b, const struct sub *s, const struct frame *f, size_t most)
{
    size_t size = channel_push_size(s->channel) + f->n + sizeof HOLD_LATE_TAG - 1 + 9;
    return b->n == WS_HEAD || b->n - WS_HEAD + size <= most;
}

/* Everything of one subscription, and of others what it answers. -> whether more is left than fitted */
static bool gather_sub(struct connection *c, struct sub *s, struct buf *b, size_t most)
{
    const struct frame *f;
    while (s) {
        bool late = false;
        if (hold_has_reached(s) || !(f = next_frame(s))) {
            s = hold_back(s);
            continue;
        }
        if (f->after && !hold_allows(&s, f, &late))
            continue;
        if (!fits(b, s, f, most)) {
            hold_unwind(s);
            return true;
        }
        put_frame(c->gateway, b, s, f, late);
        s->sent = f->seq;
        if (f->id > c->shown)
            c->shown = f->id;
        if (f->after)
            hold_written(s, f, late);
        if (s->extras)
            sub_tidy(s);
    }
    return false;
}

/* Durable ones, or ephemeral ones. -> whether more is left than fitted */
static bool gather_kind(struct connection *c, struct buf *b, size_t most, bool ephemeral)
{
    for (uint32_t i = 0; i < c->n_subs; i++) {
        uint32_t at = (c->gather_at + i) % c->n_subs;
        struct sub *s = c->subs[at];
        if (s->channel->ephemeral != ephemeral || !sub_is_behind(s) || !gather_sub(c, s, b, most))
            continue;
        c->gather_at = at + 1;
        return true;
    }
    return false;
}

static void pass_over(struct connection *c)
{
    for (uint32_t i = 0; i < c->n_subs; i++)
        if (c->subs[i]->live && c->subs[i]->channel->ephemeral)
            ephemeral_pass_over(c->subs[i]);
}

/* Who is behind on durable ones gets no others. -> whether more is left than fitted */
static bool gather_frames(struct connection *c, struct buf *b, size_t most)
{
    bool passing = !list_is_empty(&c->gateway->passing);
    c->gateway->gathers++;
    bool more = gather_kind(c, b, most, false);
    if (more && passing)
        pass_over(c);
    return more || (passing && gather_kind(c, b, most, true));
}

static bool gather(struct connection *c, struct buf *b)
{
    size_t most = (size_t)c->gateway->options->write_max_bytes;
    static const char head[WS_HEAD];
    buf_clear(b);
    buf_append(b, head, WS_HEAD);
    if (c->out.n && take_lines(b, &c->out, most))
        return true;
    return !budget_postpones(c) && gather_frames(c, b, most);
}

enum deliver_answer deliver_once(struct connection *c)
{
    struct gateway *g = c->gateway;
    struct buf *b = &g->outgoing;
    if (c->blocked)
        return DELIVER_BLOCKED;
    bool more = gather(c, b);
    if (b->n == WS_HEAD)
        return DELIVER_DONE;
    b->n--; /* the last line's end: lines are parted, not ended */
    g->metrics.writes_total++;
    g->metrics.delivered_bytes_total += b->n - WS_HEAD;
    if (ws_write(c->socket, b) == WS_WRITTEN)
        return more ? DELIVER_MORE : DELIVER_DONE;
    g->metrics.partial_writes_total++;
    slow_begins(c);
    return DELIVER_BLOCKED;
}

/* ---- a slice */

struct slice {
    struct gateway *g;
    int64_t until_ns;
    int writes;
};

static bool slice_is_over(struct slice *s)
{
    if (++s->writes % CLOCK_EVERY)
        return false;
    s->g->now_us = clock_real_us();
    return clock_mono_ns() >= s->until_ns;
}

static void deliver_to(struct connection *c)
{
    if (deliver_once(c) == DELIVER_MORE)
        connection_dirty(c);
}

static void talk(struct slice *slice)
{
    struct connection *c;
    while ((c = list_first(&slice->g->talking, struct connection, talking))) {
        list_remove(&c->talking);
        deliver_to(c);
        if (slice_is_over(slice))
            return;
    }
}

/* Its share of the channel's subscribers. -> false when the slice is over */
static bool walk(struct slice *slice, struct channel *c)
{
    for (int n = 0; n < CHANNEL_SHARE && c->flush_at < c->n_subs && !budget_is_spent(c); n++) {
        struct sub *s = c->subs[c->flush_at++];
        if (!sub_is_behind(s))
            continue;
        if (s->connection->blocked) {
            if (c->ephemeral) /* now or never */
                ephemeral_pass_over(s);
            continue;
        }
        deliver_to(s->connection);
        if (slice_is_over(slice))
            return false;
    }
    return true;
}

static void spread(struct slice *slice)
{
    struct list *dirty = &slice->g->dirty;
    struct channel *c;
    bool go_on = true;
    while (go_on && (c = list_first(dirty, struct channel, dirty))) {
        if (budget_is_spent(c)) {
            budget_set_aside(c);
            continue;
        }
        go_on = walk(slice, c);
        list_remove(&c->dirty);
        if (c->flush_at >= c->n_subs) {
            c->flush_at = 0;
            if (c->flush_again)
                hub_queue(c);
            c->flush_again = false;
            continue;
        }
        list_append(dirty, &c->dirty);
    }
}

bool deliver_turn(struct gateway *g)
{
    batch_release(g);
    budgets_release(g);
    if (list_is_empty(&g->talking) && list_is_empty(&g->dirty))
        return false;
    int64_t start = clock_mono_ns(), length = g->options->flush_slice_us * NS_PER_US;
    struct slice slice = {.g = g, .until_ns = start + length / 2};
    talk(&slice);
    slice.until_ns = start + length; /* talking leaves at least half of it */
    spread(&slice);
    g->metrics.flush_slices_total++;
    histogram_record(&g->metrics.flush_slice_seconds, (clock_mono_ns() - start) / NS_PER_US);
    bool left = !list_is_empty(&g->talking) || !list_is_empty(&g->dirty);
    if (!left)
        ephemeral_passed(g);
    g->metrics.flush_cut_total += left;
    return left;
}
