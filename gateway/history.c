#include "history.h"

#include "gateway.h"

#include "core/clock.h"
#include "wire/channel.h"

#include <assert.h>
#include <stdlib.h>

#define WAIT_NS (500 * NS_PER_MS) /* for the worker to hear of what was published here */

/* waiting ──▶ under way ──▶ done */
struct history {
    struct gateway *gateway;
    struct fair_place place; /* while it waits: of struct histories::waiting */
    bool under_way;
    uint64_t ticket; /* of the ops_read under way */
    ops_range_fn *done;
    void *ctx;
    bool reverse;
    uint32_t wanted;    /* publications still to find; 0 from the start: only the position */
    uint32_t visible;   /* publications below and with the head that history_limit leaves */
    uint64_t since;     /* forward: seq above it; reverse: below it, 0: from the head down */
    uint64_t epoch;     /* asked for; 0: whichever is current, until the first answer */
    uint64_t head;      /* of the first answer: what comes later is not looked at */
    uint64_t oldest_ms; /* ms since 1970: what is older is not shown */
    int64_t began_ns;
    struct wheel_timer timer; /* waiting: the end of its patience; under way: set while the worker is behind */
    struct buf found;   /* list of publication */
    size_t channel_n;
    char channel[CONFIG_FULL_MAX];
};

static void page_arrived(void *ctx, const struct ops_range *answer);
static void head_arrived(void *ctx, const struct ops_range *answer);
static void begin_waiting(struct gateway *g);

/* The wire carries epochs as numbers; a text that is none can be nobody's epoch. */
static bool read_epoch(struct bytes text, uint64_t *ret)
{
    *ret = 0;
    return text.n == 0 || (bytes_u64(text, ret) && *ret > 0);
}

uint32_t history_check(const struct history_query *q)
{
    uint64_t epoch;
    if (q->has_since && !read_epoch(q->since_epoch, &epoch))
        return 112;
    return q->reverse && q->has_since && q->since_seq == 0 ? 107 : 0;
}

static void history_free(struct history *h)
{
    struct gateway *g = h->gateway;
    g->histories.under_way -= h->under_way;
    g->metrics.histories_waiting -= h->place.line != NULL;
    fair_queue_leave(&g->histories.waiting, &h->place);
    wheel_cancel(&h->timer);
    buf_fini(&h->found);
    free(h);
    begin_waiting(g);
}

void history_cancel(struct history *h)
{
    if (!h)
        return;
    ops_cancel(h->gateway, h->ticket);
    history_free(h);
}

static void ask(struct history *h, uint32_t limit, ops_range_fn *arrived)
{
    h->ticket = ops_read(h->gateway, bytes_of(h->channel, h->channel_n), h->epoch, h->since,
                         limit, h->reverse, arrived, h);
}

static void finish(struct history *h, uint32_t code)
{
    struct ops_range answer = {.code = code, .epoch = h->epoch, .head = h->head};
    if (code == 0)
        answer.publications = buf_bytes(&h->found);
    h->done(h->ctx, &answer);
    history_free(h);
}

/* Lowest seq that history_limit still shows, less one. */
static uint64_t floor_of(const struct history *h)
{
    return h->head > h->visible ? h->head - h->visible : 0;
}

/* Takes over what may be shown of a page and moves `since` behind it. -> false when the rest of
 * the way is not to be looked at: past the head that was seen first, below the floor, older
 * than the ttl (going back), or broken */
static bool take_page(struct history *h, struct bytes page)
{
    struct publication p;
    int more;
    while ((more = wire_next_publication(&page, &p)) > 0) {
        if (p.seq > h->head || p.seq <= floor_of(h))
            return false;
        h->since = p.seq;
        if (p.time_ms < h->oldest_ms) {
            if (h->reverse)
                return false;
            continue;
        }
        if (p.format & FORMAT_REMOVAL) {
            if (h->reverse)
                return false;
            continue;
        }
        wire_put_publication(&h->found, &p);
        if (--h->wanted == 0 || h->found.n > (size_t)h->gateway->options->api_history_bytes)
            return false;
    }
    return more == 0;
}

static void page_arrived(void *ctx, const struct ops_range *answer)
{
    struct history *h = ctx;
    if (answer->code || answer->epoch != h->epoch)
        return finish(h, answer->code ? answer->code : 112);
    bool empty = answer->publications.n == 0;
    bool go_on = take_page(h, answer->publications);
    bool end = h->reverse ? h->since <= floor_of(h) + 1 : h->since >= h->head;
    if (!go_on || empty || end)
        return finish(h, 0);
    ask(h, h->wanted, page_arrived);
}

static void time_is_up(struct wheel_timer *t)
{
    struct history *h = container_of(t, struct history, timer);
    if (h->under_way)
        return ask(h, 0, head_arrived); /* again */
    h->gateway->metrics.histories_refused_total++;
    finish(h, 111);
}

/* -> whether what was published here is on its way to the worker, and worth waiting for */
static bool is_behind(struct history *h, const struct ops_range *answer)
{
    struct gateway *g = h->gateway;
    struct bytes channel = bytes_of(h->channel, h->channel_n);
    if (g->now_ns - h->began_ns >= WAIT_NS || answer->head >= written_seq(&g->written, channel, answer->epoch, g->now_ns))
        return false;
    h->ticket = 0;
    wheel_set(&g->wheel, &h->timer, g->now_ns + 1);
    return true;
}

static void head_arrived(void *ctx, const struct ops_range *answer)
{
    struct history *h = ctx;
    if (answer->code)
        return finish(h, answer->code);
    if (is_behind(h, answer))
        return;
    h->epoch = answer->epoch;
    h->head = answer->head;
    if (h->wanted == 0 || h->head == 0)
        return finish(h, 0);
    if (!h->reverse && h->since < floor_of(h))
        h->since = floor_of(h);
    if (h->reverse && h->since > h->head)
        h->since = 0;
    if (!h->reverse && h->since >= h->head)
        return finish(h, 0);
    ask(h, h->wanted, page_arrived);
}

static uint32_t page_size(const struct gateway *g, int64_t limit)
{
    int64_t most = g->options->history_messages;
    return (uint32_t)(limit < 0 || limit > most ? most : limit);
}

/* ---- in turn */

static void begin(struct history *h)
{
    h->under_way = true;
    h->gateway->histories.under_way++;
    h->began_ns = h->gateway->now_ns;
    ask(h, 0, head_arrived);
}

static bool has_room(const struct gateway *g)
{
    return g->histories.under_way < (uint32_t)g->options->histories_max;
}

static void begin_waiting(struct gateway *g)
{
    struct fair_place *p;
    while (has_room(g) && (p = fair_queue_next(&g->histories.waiting))) {
        struct history *h = container_of(p, struct history, place);
        g->metrics.histories_waiting--;
        wheel_cancel(&h->timer);
        begin(h);
    }
}

static void wait_for_turn(struct history *h)
{
    struct gateway *g = h->gateway;
    struct bytes tenant = BYTES(""), name;
    channel_split(bytes_of(h->channel, h->channel_n), &tenant, &name);
    fair_queue_join(&g->histories.waiting, tenant, &h->place);
    g->metrics.histories_waiting++;
    wheel_set(&g->wheel, &h->timer, g->now_ns + g->options->ask_timeout * NS_PER_MS);
}

struct history *history_read(struct gateway *g, const struct config_channel *channel,
                             const struct history_query *q, ops_range_fn *done, void *ctx)
{
    const struct namespace_options *o = &channel->ns->options;
    struct history *h = calloc(1, sizeof *h);
    assert(h && history_check(q) == 0 && o->history_limit > 0);
    h->gateway = g;
    wheel_timer_init(&h->timer, time_is_up);
    h->done = done;
    h->ctx = ctx;
    h->reverse = q->reverse;
    h->wanted = page_size(g, q->limit);
    h->visible = (uint32_t)o->history_limit;
    h->since = q->has_since ? q->since_seq : 0;
    if (q->has_since)
        read_epoch(q->since_epoch, &h->epoch);
    h->oldest_ms =
        q->now_ms > (uint64_t)o->history_ttl ? q->now_ms - (uint64_t)o->history_ttl : 0;
    h->channel_n = channel->full.n;
    memcpy(h->channel, channel->full.p, channel->full.n);
    if (has_room(g))
        begin(h);
    else
        wait_for_turn(h);
    return h;
}
