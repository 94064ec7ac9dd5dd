#include "deliver.h"

#include "delta.h"
#include "ephemeral.h"
#include "filter.h"
#include "hold.h"
#include "hub.h"
#include "page.h"
#include "parcel.h"
#include "slow.h"
#include "sub.h"
#include "tenant.h"
#include "ws.h"

#include "core/clock.h"
#include "core/fetch.h"

#define PIECE 20      /* subscribers looked at, or connections talked to, before the turn is paid for */
#define CLOCK_EVERY 8 /* writes between two looks at the clock */

/* ---- one write */

static struct frame *next_frame(struct sub *s)
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

static void put_frame(struct gateway *g, struct buf *b, struct sub *s, struct frame *f, struct bytes form, bool late)
{
    uint32_t now_ms = gateway_now_ms(g);
    pace_add(&s->channel->pace, now_ms, form.n);
    pace_add(&s->connection->pace, now_ms, form.n);
    if (s->connection->deflates)
        parcel_put(&g->parcel, b, s, f, form, late);
    else
        encoders[s->connection->encoding].frame(b, s->channel, s->full, f, form, late);
    g->metrics.deliveries_total++;
    delta_count(g, f, form);
    if (!s->channel->ephemeral) /* those were charged for when they came */
        budget_charge(channel_budget(s->channel));
    if (s->extras && f->seq <= s->extras->old)
        return;
    if (f->sent_us)
        histogram_record(&g->metrics.hop_gateway_seconds, (int64_t)(g->now_us - f->sent_us));
    if (f->committed_us)
        histogram_record(&g->metrics.commit_written_seconds, (int64_t)(g->now_us - f->committed_us));
}

/* Takes whole messages, as many as fit, at least one. -> whether some were left */
static bool take_messages(struct connection *c, struct buf *b, size_t most)
{
    struct buf *out = &c->out;
    size_t n = encoders[c->encoding].whole(buf_bytes(out), most);
    buf_append(b, out->p, n);
    buf_consume(out, n);
    if (out->n == 0)
        buf_fini(out); /* an idle connection keeps no buffer */
    return out->n > 0;
}

static bool fits(const struct buf *b, const struct sub *s, size_t n, size_t most)
{
    size_t size = channel_push_size(s->channel) + n + sizeof HOLD_LATE_TAG - 1 + 9;
    return b->n == WS_HEAD || b->n - WS_HEAD + size <= most;
}

/* Everything of one subscription, and of others what it answers. -> whether more is left than fitted */
static bool gather_sub(struct connection *c, struct sub *s, struct buf *b, size_t most)
{
    struct frame *f;
    while (s) {
        bool late = false;
        if (hold_has_reached(s) || !(f = next_frame(s))) {
            s = hold_back(s);
            continue;
        }
        if (filter_drops(s, f))
            continue;
        if (f->after && !hold_allows(&s, f, &late))
            continue;
        struct bytes form = delta_form(s, f);
        if (!fits(b, s, form.n, most)) {
            hold_unwind(s);
            return true;
        }
        put_frame(c->gateway, b, s, f, form, late);
        sub_told(s, f);
        if (f->after)
            hold_written(s, f, late);
        if (s->extras)
            sub_tidy(s);
    }
    return false;
}

/* The budget of its tenant is spent: it is not written from, its channel is dirty until the budget is there again. */
static bool postpones(const struct sub *s)
{
    if (!channel_budget(s->channel) || !budget_is_spent(s->channel))
        return false;
    hub_dirty(s->channel);
    return true;
}

/* Durable ones, or ephemeral ones. -> whether more is left than fitted */
static bool gather_kind(struct connection *c, struct buf *b, size_t most, bool ephemeral)
{
    uint32_t at = c->gather_at;
    for (uint32_t i = 0; i < c->n_subs; i++, at++) {
        if (at >= c->n_subs)
            at = 0;
        struct sub *s = c->subs[at];
        if (s->channel->ephemeral != ephemeral || !sub_is_behind(s) || postpones(s) || !gather_sub(c, s, b, most))
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
    if (c->out.n && take_messages(c, b, most))
        return true;
    return gather_frames(c, b, most);
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
    bool packed = parcel_end(&g->parcel, c->encoding, b);
    g->metrics.writes_total++;
    g->metrics.delivered_bytes_total += b->n - WS_HEAD;
    if (ws_write(c->socket, b, encoders[c->encoding].binary, packed) == WS_WRITTEN)
        return more ? DELIVER_MORE : DELIVER_DONE;
    g->metrics.partial_writes_total++;
    slow_begins(c);
    return DELIVER_BLOCKED;
}

/* ---- a slice */

struct slice {
    struct gateway *g;
    int64_t until_ns;
    int64_t spent_ns; /* up to here the loop's time was charged to somebody */
    int writes;
    uint64_t looks; /* at subscribers */
    bool over;
};

static bool slice_is_over(struct slice *s)
{
    if (++s->writes % CLOCK_EVERY == 0) {
        s->g->now_us = clock_real_us();
        s->over = clock_mono_ns() >= s->until_ns;
    }
    return s->over;
}

static void deliver_to(struct connection *c)
{
    if (deliver_once(c) == DELIVER_MORE)
        connection_dirty(c);
}

static void talk(struct slice *slice, struct tenant *t)
{
    struct connection *c;
    for (int n = 0; n < PIECE && (c = list_first(&t->talking, struct connection, talking)); n++) {
        list_remove(&c->talking);
        deliver_to(c);
        if (slice_is_over(slice))
            return;
    }
}

/* Each write finds caches that the one before has filled with other things. What the next ones look at is fetched meanwhile, of
 * each the thing that leads to the next thing. */
static void look_ahead(const struct channel *c)
{
    struct sub *const *next = c->subs + c->flush_at;
    uint32_t left = c->n_subs - c->flush_at;
    if (left > 4)
        fetch(next[4], sizeof *next[4]);
    if (left > 3)
        fetch(next[3]->connection, offsetof(struct connection, talking));
    if (left > 2)
        fetch(next[2]->connection->socket, CACHE_LINE);
    if (left > 1)
        ws_fetch(next[1]->connection->socket);
}

static void walk(struct slice *slice, struct channel *c)
{
    for (int n = 0; n < PIECE && c->flush_at < c->n_subs && !budget_is_spent(c); n++) {
        look_ahead(c);
        struct sub *s = c->subs[c->flush_at++];
        slice->looks++;
        if (!sub_is_behind(s))
            continue;
        if (s->connection->blocked) {
            if (c->ephemeral) /* now or never */
                ephemeral_pass_over(s);
            continue;
        }
        deliver_to(s->connection);
        if (slice_is_over(slice))
            return;
    }
}

/* What was spent so far, in bytes (fairflush.h). */
static uint64_t spent(const struct slice *s)
{
    const struct gateway_metrics *m = &s->g->metrics;
    return m->delivered_bytes_total + m->writes_total * FAIRFLUSH_WRITE + s->looks * FAIRFLUSH_LOOK;
}

/* A piece of the channel whose turn it is among the tenant's. */
static void spread(struct slice *slice, struct tenant *t)
{
    uint64_t before = spent(slice);
    struct drr_flow *turn = drr_next(&t->dirty);
    struct channel *c = container_of(turn, struct channel, dirty);
    if (budget_is_spent(c)) {
        budget_set_aside(c);
        return;
    }
    walk(slice, c);
    drr_pay(turn, spent(slice) - before);
    if (c->flush_at < c->n_subs)
        return;
    c->flush_at = 0;
    if (c->removed)
        hub_forget_removed(c);
    drr_leave(turn);
    if (c->flush_again)
        hub_queue(c);
    c->flush_again = false;
}

/* One piece of work of the tenant whose turn it is. */
static void serve(struct slice *slice, struct tenant *t)
{
    uint64_t before = spent(slice);
    bool spreads = !drr_is_empty(&t->dirty) && (!t->spread_last || list_is_empty(&t->talking));
    t->spread_last = spreads;
    if (spreads)
        spread(slice, t);
    else
        talk(slice, t);
    fairflush_pay(slice->g, t, spent(slice) - before);
}

static void serve_all(struct slice *slice)
{
    struct tenant *t;
    while (!slice->over && (t = fairflush_next(slice->g))) {
        serve(slice, t);
        int64_t now_ns = clock_mono_ns();
        t->noise.busy_ns += now_ns - slice->spent_ns;
        slice->spent_ns = now_ns;
        slice->over |= now_ns >= slice->until_ns;
    }
}

/* Who gives way while a narrow slow turn goes on would lag for that, and narrow it more. */
static void slice_ends(struct gateway *g, bool left, int64_t now_ns)
{
    if (!left)
        g->behind_ns = 0;
    else if (g->behind_ns == 0)
        g->behind_ns = g->now_ns;
    giveway_slice(&g->giveway, left && !fairflush_is_narrow(g), now_ns);
}

bool deliver_turn(struct gateway *g)
{
    batch_release(g);
    budgets_release(g);
    if (!fairflush_begin(g)) {
        slice_ends(g, false, g->now_ns);
        return false;
    }
    int64_t start = clock_mono_ns(), length = g->options->flush_slice_us * NS_PER_US;
    struct slice slice = {.g = g, .until_ns = start + length, .spent_ns = start};
    serve_all(&slice);
    g->metrics.flush_slices_total++;
    histogram_record(&g->metrics.flush_slice_seconds, (slice.spent_ns - start) / NS_PER_US);
    bool left = fairflush_next(g);
    if (!left)
        ephemeral_passed(g);
    g->metrics.flush_cut_total += left;
    slice_ends(g, left, slice.spent_ns);
    return left;
}
