#include "hold.h"

#include "connection.h"
#include "gateway.h"
#include "hub.h"
#include "sub.h"

#include "core/clock.h"

#include <assert.h>
#include <stdlib.h>

/* ---- what it answers */

/* A timer of the wheel is up to a tick late. */
static int64_t time_is_over(const struct gateway *g)
{
    int64_t most = g->options->hold_max * NS_PER_MS - WHEEL_TICK_NS;
    return g->now_ns + (most > 0 ? most : 0);
}

struct after *after_new(struct channel *c, const struct publication *p, uint32_t mark_at)
{
    struct bytes list = p->after, channel;
    uint64_t seq;
    uint32_t n = 0;
    if (list.n == 0 || c->gateway->options->hold_max == 0)
        return NULL;
    while (n < AFTER_MAX && after_next(&list, &channel, &seq) > 0)
        n += !bytes_equal(channel, channel_full(c));
    if (n == 0)
        return NULL;
    size_t size = sizeof(struct after) + n * sizeof(struct reference) + p->after.n;
    struct after *a = malloc(size);
    assert(a);
    *a = (struct after){.until_ns = time_is_over(c->gateway),
                        .bytes = (uint32_t)size,
                        .mark_at = mark_at};
    char *text = (char *)&a->items[n];
    memcpy(text, p->after.p, p->after.n);
    list = bytes_of(text, p->after.n);
    while (a->n < n && after_next(&list, &channel, &seq) > 0)
        if (!bytes_equal(channel, channel_full(c)))
            a->items[a->n++] = (struct reference){.channel = channel, .hash = hash_bytes(channel), .seq = seq};
    return a;
}

/* -> the subscription that has yet to be told of it, or NULL. One that waits for its reply counts from the offset
 * that it recovers from, or from 0 until it is known where it begins. */
static struct sub *lacking(const struct sub *s, const struct reference *r)
{
    struct channel *c = hub_find_hashed(s->connection->gateway, r->channel, r->hash);
    if (!c || (c->state == CHANNEL_LIVE && c->epoch != s->channel->epoch))
        return NULL;
    struct sub *other = connection_sub(s->connection, c);
    return other && !other->passive && other->sent < r->seq ? other : NULL;
}

bool hold_lacks(const struct sub *s, const struct frame *f)
{
    for (uint32_t i = 0; f->after && i < f->after->n; i++)
        if (lacking(s, &f->after->items[i]))
            return true;
    return false;
}

/* ---- who goes first */

static struct hold *hold_of(struct sub *s)
{
    struct sub_extras *e = sub_extras(s);
    if (!e->hold) {
        e->hold = calloc(1, sizeof *e->hold);
        assert(e->hold);
    }
    return e->hold;
}

static struct hold *find_hold(const struct sub *s)
{
    return s->extras ? s->extras->hold : NULL;
}

static struct sub *go_first(struct sub *s, struct sub *other, uint64_t wanted)
{
    struct hold *h = hold_of(other);
    h->behind = s;
    h->wanted = wanted;
    hold_of(s)->serving = true;
    return other;
}

struct sub *hold_back(struct sub *s)
{
    struct hold *h = find_hold(s);
    if (!h)
        return NULL;
    struct sub *behind = h->behind;
    if (!behind || s->sent < h->wanted)
        h->stuck = s->connection->gateway->gathers;
    h->behind = NULL;
    if (behind)
        find_hold(behind)->serving = false;
    return behind;
}

void hold_unwind(struct sub *s)
{
    while (s)
        s = hold_back(s);
}

/* ---- waiting */

static bool is_switched_off(const struct channel *c)
{
    return c->extras && c->gateway->now_ns < c->extras->holds_off_until_ns;
}

/* -> whether it goes on waiting */
static bool waits(struct sub *s, const struct frame *f)
{
    struct channel *c = s->channel;
    struct gateway *g = c->gateway;
    struct hold *h = hold_of(s);
    int64_t until = h->seq == f->seq ? h->until_ns : f->after->until_ns;
    if (g->now_ns >= until || is_switched_off(c) || f->seq <= h->hasty)
        return false;
    if (h->seq != f->seq) {
        h->seq = f->seq;
        h->since_ns = g->now_ns;
        h->until_ns = until;
        g->metrics.holds_total += !f->after->waited;
        f->after->waited = true;
    }
    struct wheel_timer *holding = &channel_extras(c)->holding;
    if (!list_is_linked(&holding->link) || until < holding->at_ns)
        wheel_set(&g->wheel, holding, until);
    return true;
}

bool hold_allows(struct sub **s, const struct frame *f, bool *ret_late)
{
    uint64_t gathers = (*s)->connection->gateway->gathers;
    bool lacks = false;
    for (uint32_t i = 0; i < f->after->n; i++) {
        const struct reference *r = &f->after->items[i];
        struct sub *other = lacking(*s, r);
        const struct hold *its = other ? find_hold(other) : NULL;
        if (!other || (its && its->serving)) /* two that wait for each other: no sequencer says so */
            continue;
        if (!its || its->stuck != gathers) {
            *s = go_first(*s, other, r->seq);
            return false;
        }
        lacks = true;
    }
    if (lacks && waits(*s, f)) {
        *s = hold_back(*s);
        return false;
    }
    *ret_late = lacks;
    return true;
}

void hold_over(struct wheel_timer *t)
{
    hub_dirty(container_of(t, struct channel_extras, holding)->channel);
}

/* ---- in vain */

/* The third one in a minute: those that wait are let go at the timer's next tick. */
static void strike(struct channel *c)
{
    struct gateway *g = c->gateway;
    struct channel_extras *e = channel_extras(c);
    int64_t *at = e->holds_in_vain_ns, now = g->now_ns;
    if (at[0] && now - at[0] < HOLD_MINUTE * NS_PER_S) {
        at[0] = at[1] = 0;
        e->holds_off_until_ns = now + HOLD_MINUTE * NS_PER_S;
        g->metrics.holds_off_total++;
        wheel_set(&g->wheel, &e->holding, now);
        return;
    }
    at[0] = at[1];
    at[1] = now;
}

static bool has_come(const struct gateway *g, const struct after *a, uint64_t epoch)
{
    for (uint32_t i = 0; i < a->n; i++) {
        const struct channel *c = hub_find_hashed(g, a->items[i].channel, a->items[i].hash);
        if (c && (c->state != CHANNEL_LIVE || (c->epoch == epoch && c->head < a->items[i].seq)))
            return false;
    }
    return true;
}

static void ran_out(struct sub *s, const struct frame *f)
{
    struct channel *c = s->channel;
    struct gateway *g = c->gateway;
    if (has_come(g, f->after, c->epoch)) {
        find_hold(s)->hasty = c->head;
        return;
    }
    if (f->after->ran_out)
        return;
    f->after->ran_out = true;
    g->metrics.hold_timeouts_total++;
    strike(c);
}

void hold_written(struct sub *s, const struct frame *f, bool late)
{
    struct gateway *g = s->channel->gateway;
    struct hold *h = find_hold(s);
    g->metrics.late_deliveries_total += late;
    if (!h || h->seq != f->seq)
        return;
    h->seq = 0;
    histogram_record(&g->metrics.hold_seconds, (g->now_ns - h->since_ns) / NS_PER_US);
    if (late && g->now_ns >= h->until_ns)
        ran_out(s, f);
}
