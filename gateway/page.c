#include "page.h"

#include "connection.h"
#include "join.h"
#include "sub.h"

#include "core/clock.h"

#include <assert.h>
#include <stdlib.h>

#define RETRY_MIN_NS (250 * NS_PER_MS)
#define RETRY_MAX_NS (2000 * NS_PER_MS)
#define EMPTY_MAX 2 /* empty reads that are asked for again */

/* A reader goes on at the end of the turn: never here, since that may end subscriptions. */
static void wake(struct sub *s)
{
    if (s->live)
        connection_dirty(s->connection);
    else
        join_decide_soon(s);
}

static struct sub *first_of(struct list *readers)
{
    struct sub_extras *e = list_first(readers, struct sub_extras, page_link);
    return e ? e->sub : NULL;
}

static void forget_frames(struct page *p)
{
    for (; p->n; p->n--)
        frame_free(p->frames[p->n - 1]);
    free(p->frames);
    p->frames = NULL;
}

/* The one that waits for a place longest. -> whether there was one */
static bool wake_waiter(struct gateway *g)
{
    struct sub *waiter = first_of(&g->page_waiters);
    if (!waiter)
        return false;
    page_leave(waiter);
    wake(waiter);
    return true;
}

static void page_free(struct page *p)
{
    struct gateway *g = p->channel->gateway;
    assert(list_is_empty(&p->readers));
    ops_cancel(g, p->ticket);
    wheel_cancel(&p->again);
    forget_frames(p);
    list_remove(&p->by_channel);
    list_remove(&p->by_age);
    channel_tidy(p->channel);
    g->n_pages--;
    g->metrics.pages--;
    free(p);
    wake_waiter(g);
}

void pages_tick(struct gateway *g)
{
    for (uint64_t n = g->n_pages; n < (uint64_t)g->options->pages_max && wake_waiter(g); n++)
        ;
}

void page_leave(struct sub *s)
{
    struct sub_extras *e = s->extras;
    if (!e)
        return;
    struct page *p = e->page;
    list_remove(&e->page_link);
    e->page = NULL;
    sub_tidy(s);
    if (p && !p->held && list_is_empty(&p->readers))
        page_free(p);
}

/* Everybody leaves and goes on: to the ring, or to another page. */
static void release_all(struct page *p)
{
    struct sub *s;
    p->held = true;
    while ((s = first_of(&p->readers))) {
        page_leave(s);
        wake(s);
    }
    page_free(p);
}

/* What they wait for does not exist any more. */
static void gone(struct page *p)
{
    struct sub *s;
    p->held = true;
    while ((s = first_of(&p->readers))) {
        page_leave(s);
        if (s->live)
            sub_insufficient(s);
        else
            join_unrecovered(s);
    }
    page_free(p);
}

/* ---- reading */

static void arrived(void *ctx, const struct ops_range *answer);

static void read_now(struct page *p)
{
    struct gateway *g = p->channel->gateway;
    g->metrics.pages_total++;
    p->ticket = ops_read(g, channel_full(p->channel), p->channel->epoch, p->since, (uint32_t)g->options->page_messages, false,
                         arrived, p);
}

static void read_again(struct wheel_timer *t)
{
    read_now(container_of(t, struct page, again));
}

static void read_later(struct page *p)
{
    struct gateway *g = p->channel->gateway;
    int64_t delay = RETRY_MIN_NS << (p->tries < 3 ? p->tries : 3);
    p->tries++;
    wheel_set(&g->wheel, &p->again, g->now_ns + (delay < RETRY_MAX_NS ? delay : RETRY_MAX_NS));
}

/* Takes what follows `since` without a hole. -> -EBADMSG when the worker's list can't be read */
static int decode(struct page *p, struct bytes list)
{
    struct gateway *g = p->channel->gateway;
    struct publication one;
    uint32_t cap = (uint32_t)g->options->page_messages;
    int more;
    p->frames = malloc(cap * sizeof *p->frames);
    assert(p->frames);
    while ((more = wire_next_publication(&list, &one)) > 0 && p->n < cap && one.seq == p->since + p->n + 1)
        p->frames[p->n++] = frame_new(p->channel, &one, &g->scratch);
    return more < 0 ? more : 0;
}

/* Puts what the ring lacks below it, when the page reaches it. -> whether it did */
static bool join_ring(struct page *p)
{
    struct channel *c = p->channel;
    uint64_t base = channel_base(c);
    if (p->since >= base)
        return true;
    if (p->since + p->n < base || !channel_prepend(&c->gateway->rings, c, p->frames, (uint32_t)(base - p->since)))
        return false;
    uint32_t taken = (uint32_t)(base - p->since);
    p->n -= taken;
    memmove(p->frames, p->frames + taken, p->n * sizeof *p->frames);
    return true;
}

/* No row: the worker knows less than we do, or its database shows a row later than the log did; or all are gone. */
static bool may_be_late(struct page *p, const struct ops_range *answer)
{
    if (answer->publications.n)
        return false;
    return answer->head <= p->since || p->empty++ < EMPTY_MAX;
}

static void arrived(void *ctx, const struct ops_range *answer)
{
    struct page *p = ctx;
    struct channel *c = p->channel;
    p->ticket = 0;
    if (answer->code == 112 || (answer->code == 0 && answer->epoch > c->epoch)) {
        gone(p);
        return;
    }
    if (answer->code || answer->epoch < c->epoch || decode(p, answer->publications) < 0 || may_be_late(p, answer)) {
        forget_frames(p);
        read_later(p); /* the worker is away, or knows less than we do */
        return;
    }
    if (p->n == 0) {
        gone(p);
        return;
    }
    p->loaded = true;
    if (join_ring(p)) {
        release_all(p);
        return;
    }
    struct sub_extras *e;
    list_for_each(e, &p->readers, page_link)
        wake(e->sub);
}

/* ---- wanting */

static struct page *find(const struct channel *c, uint64_t sent, uint32_t page_messages)
{
    struct page *p;
    if (!c->extras)
        return NULL;
    list_for_each(p, &c->extras->pages, by_channel) {
        uint64_t end = p->since + (p->loaded ? p->n : page_messages);
        if (p->since <= sent && sent < end)
            return p;
    }
    return NULL;
}

/* Makes room by putting out the oldest page that somebody has been served from, or whose tenant's budget is spent. Its readers
 * ask again. -> whether */
static bool put_out(struct gateway *g)
{
    struct page *p;
    list_for_each(p, &g->pages, by_age) {
        if (!p->loaded || !(p->served || budget_is_spent(p->channel)))
            continue;
        release_all(p);
        return true;
    }
    return false;
}

static struct page *page_new(struct channel *c, uint64_t since)
{
    struct gateway *g = c->gateway;
    if (g->n_pages >= g->options->pages_max && !put_out(g))
        return NULL;
    struct page *p = calloc(1, sizeof *p);
    assert(p);
    p->channel = c;
    p->since = since;
    list_init(&p->readers);
    wheel_timer_init(&p->again, read_again);
    list_append(&channel_extras(c)->pages, &p->by_channel);
    list_append(&g->pages, &p->by_age);
    g->n_pages++;
    g->metrics.pages++;
    read_now(p);
    return p;
}

struct frame *page_next(struct sub *s)
{
    struct channel *c = s->channel;
    struct gateway *g = c->gateway;
    struct page *p = s->extras ? s->extras->page : NULL;
    if (p && p->loaded && s->sent - p->since >= p->n) {
        page_leave(s);
        p = NULL;
    }
    if (!p) {
        if (list_is_linked(&sub_extras(s)->page_link))
            return NULL; /* waits for a place */
        p = find(c, s->sent, (uint32_t)g->options->page_messages);
        if (!p) {
            g->metrics.refills_total++;
            p = page_new(c, s->sent);
        }
        s->extras->page = p;
        list_append(p ? &p->readers : &g->page_waiters, &s->extras->page_link);
    }
    if (!p || !p->loaded)
        return NULL;
    p->served = true;
    return p->frames[s->sent - p->since];
}

const struct frame *page_frame(const struct sub *s, uint64_t seq)
{
    const struct page *p = s->extras ? s->extras->page : NULL;
    return p && p->loaded && seq > p->since && seq - p->since <= p->n ? p->frames[seq - p->since - 1] : NULL;
}

void page_read_anew(struct channel *c)
{
    struct page *p;
    while (c->extras && (p = list_first(&c->extras->pages, struct page, by_channel)))
        release_all(p);
}

void page_drop_all(struct channel *c)
{
    for (uint32_t i = 0; i < c->n_subs; i++)
        page_leave(c->subs[i]);
}
