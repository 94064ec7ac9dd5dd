#include "page.h"

#include "connection.h"
#include "join.h"
#include "sub.h"
#include "tenant.h"

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

/* Nothing is written to it; when that changes it asks for its next frame by itself. */
static bool is_blocked(const struct sub *s)
{
    return s->live && s->connection->blocked;
}

static void wait_for_place(struct sub *s)
{
    struct tenant *t = s->channel->tenant;
    list_append(&t->page_waiters, &s->extras->page_link);
    drr_join(&s->channel->gateway->page_turns, &t->page_turn);
}

bool pages_are_wanted(const struct gateway *g)
{
    return !drr_is_empty(&g->page_turns);
}

/* The one that waits longest of the tenant whose turn it is, and could use a place. -> whether there was one */
static bool wake_waiter(struct gateway *g)
{
    struct drr_flow *turn;
    while ((turn = drr_next(&g->page_turns))) {
        struct sub *waiter = first_of(&container_of(turn, struct tenant, page_turn)->page_waiters);
        bool blocked = is_blocked(waiter);
        if (!blocked)
            drr_pay(turn, 1);
        page_leave(waiter);
        wake(waiter);
        if (!blocked)
            return true;
    }
    return false;
}

static void count_page(struct page *p, int change)
{
    struct gateway *g = p->channel->gateway;
    struct tenant *t = p->channel->tenant;
    g->page_tenants -= t->pages > 0;
    t->pages += (uint32_t)change;
    g->page_tenants += t->pages > 0;
    g->n_pages += (uint32_t)change;
    g->metrics.pages += change;
}

/* Its place is the caller's to give away. */
static void page_free(struct page *p)
{
    struct gateway *g = p->channel->gateway;
    assert(list_is_empty(&p->readers));
    ops_cancel(g, p->ticket);
    wheel_cancel(&p->again);
    forget_frames(p);
    list_remove(&p->by_channel);
    list_remove(&p->by_age);
    count_page(p, -1);
    channel_tidy(p->channel);
    free(p);
}

static void page_end(struct page *p)
{
    struct gateway *g = p->channel->gateway;
    page_free(p);
    wake_waiter(g);
}

void page_leave(struct sub *s)
{
    struct sub_extras *e = s->extras;
    if (!e)
        return;
    struct page *p = e->page;
    bool waited = !p && list_is_linked(&e->page_link);
    list_remove(&e->page_link);
    e->page = NULL;
    if (waited && list_is_empty(&s->channel->tenant->page_waiters))
        drr_leave(&s->channel->tenant->page_turn);
    sub_tidy(s);
    if (p && !p->held && list_is_empty(&p->readers))
        page_end(p);
}

/* Everybody leaves and goes on: to the ring, or to another page. */
static void release_readers(struct page *p)
{
    struct sub *s;
    p->held = true;
    while ((s = first_of(&p->readers))) {
        page_leave(s);
        wake(s);
    }
}

static void release_all(struct page *p)
{
    release_readers(p);
    page_end(p);
}

/* What they wait for does not exist any more: what is below `first` (0: nothing does). The others go on by themselves. */
static void gone(struct page *p, uint64_t first)
{
    struct sub *s;
    p->held = true;
    while ((s = first_of(&p->readers))) {
        page_leave(s);
        if (first && s->sent + 1 >= first)
            wake(s);
        else if (s->live)
            sub_insufficient(s);
        else
            join_unrecovered(s);
    }
    page_end(p);
}

/* ---- places */

/* A subscription that is at the head leaves it with the next publication only. */
static bool nobody_reads(const struct page *p)
{
    const struct sub_extras *e;
    list_for_each(e, &p->readers, page_link)
        if (!is_blocked(e->sub) && e->sub->sent < p->since + p->n)
            return false;
    return true;
}

static bool waits_to_be_read_again(const struct page *p)
{
    return list_is_linked(&p->again.link);
}

/* Nobody can be served from it now. */
static bool is_of_no_use(const struct page *p)
{
    return p->loaded ? budget_is_spent(p->channel) || nobody_reads(p) : waits_to_be_read_again(p);
}

static bool may_be_put_out(const struct page *p)
{
    return p->served || is_of_no_use(p);
}

void pages_tick(struct gateway *g)
{
    const struct page *p;
    uint32_t places = (uint32_t)g->options->pages_max - g->n_pages;
    list_for_each(p, &g->pages, by_age)
        places += is_of_no_use(p);
    while (places-- && wake_waiter(g))
        ;
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

/* -> seq of the first row, when it is above what was asked for; or 0 */
static uint64_t first_above(const struct page *p, struct bytes list)
{
    struct publication one;
    return wire_next_publication(&list, &one) > 0 && one.seq > p->since ? one.seq : 0;
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
        gone(p, 0);
        return;
    }
    if (answer->code || answer->epoch < c->epoch || decode(p, answer->publications) < 0 || may_be_late(p, answer)) {
        forget_frames(p);
        read_later(p); /* the worker is away, or knows less than we do */
        return;
    }
    if (p->n == 0) {
        gone(p, first_above(p, answer->publications));
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
    if (is_of_no_use(p))
        wake_waiter(c->gateway);
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

/* Most pages of one tenant while others want some, who asks now being one of those that hold any. */
static uint32_t even_share(const struct gateway *g, const struct tenant *asks)
{
    uint32_t share = (uint32_t)g->options->pages_max / (g->page_tenants + (asks->pages == 0));
    return share ? share : 1;
}

/* The oldest page that may go for one of that tenant. -> NULL: it has to wait */
static struct page *expendable(struct gateway *g, const struct tenant *asks)
{
    uint32_t share = even_share(g, asks);
    bool has_its_share = asks->pages >= share;
    struct page *p, *of_too_many = NULL;
    list_for_each(p, &g->pages, by_age) {
        const struct tenant *t = p->channel->tenant;
        if (has_its_share && t != asks)
            continue;
        if (may_be_put_out(p))
            return p;
        if (!has_its_share && !of_too_many && t->pages > share)
            of_too_many = p;
    }
    return of_too_many;
}

/* Its readers ask again; those of a page that is not here yet wait their turn first, so that they do not put out one
 * another's pages in circles. */
static void put_out(struct page *p)
{
    struct sub *s;
    p->held = true;
    while (!p->loaded && (s = first_of(&p->readers))) {
        list_remove(&s->extras->page_link);
        s->extras->page = NULL;
        wait_for_place(s);
    }
    release_readers(p);
    page_free(p);
}

/* -> whether there is room for one more page of that tenant */
static bool make_room(struct gateway *g, const struct tenant *asks)
{
    if (g->n_pages < g->options->pages_max)
        return true;
    struct page *p = expendable(g, asks);
    if (p)
        put_out(p);
    return p;
}

static struct page *page_new(struct channel *c, uint64_t since)
{
    struct gateway *g = c->gateway;
    if (!make_room(g, c->tenant))
        return NULL;
    struct page *p = calloc(1, sizeof *p);
    assert(p);
    p->channel = c;
    p->since = since;
    list_init(&p->readers);
    wheel_timer_init(&p->again, read_again);
    list_append(&channel_extras(c)->pages, &p->by_channel);
    list_append(&g->pages, &p->by_age);
    count_page(p, 1);
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
        if (p)
            list_append(&p->readers, &s->extras->page_link);
        else
            wait_for_place(s);
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
