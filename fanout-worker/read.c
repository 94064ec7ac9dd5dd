#include "read.h"

#include "core/clock.h"
#include "wire/channel.h"
#include "worker.h"

#include <assert.h>
#include <stdlib.h>

#define READ_ROWS_MAX 1000 /* in one answer that comes from PostgreSQL */
#define WARM_SEQS 64       /* a ring is filled downwards in such steps: who lacks about the same asks the same */

/* waiting for its turn ──▶ asked of PostgreSQL ──▶ answered */
struct read {
    struct list link; /* of struct gateway_link::reads, in the order of asking */
    struct fair_place place; /* of struct gateway_link::waiting */
    struct gateway_link *gateway;
    struct history_wait *wait; /* NULL while it waits for its turn */
    int64_t asked_ns;     /* loop clock */
    bool head;            /* fan_ask_head: of `what` request and channel are meant, and since: at_least */
    struct fan_read what; /* its channel stands behind the struct */
};

/* ---- from the ring */

bool read_from_ring(const struct ring *ring, const struct fan_read *m, bool partial,
                    struct read_slice *ret_slice)
{
    uint64_t head = ring_head(ring), low = m->reverse ? 1 : m->since + 1;
    uint64_t high =
        m->reverse ? m->since - 1 : m->until; /* 0 becomes the highest: to the head */
    struct read_slice s = {0};
    if (m->limit == 0) {
        *ret_slice = s;
        return true;
    }
    if (high == 0 && !m->reverse)
        high = UINT64_MAX;
    bool to_head = high == UINT64_MAX;
    if (low < ring->first && ring_begins_history(ring))
        low = ring->first;
    if (!to_head && high > head && !partial)
        return false;
    if (high > head)
        high = head;
    if (low > high) { /* nothing, if the ring knows as much as who asks */
        *ret_slice = s;
        return low <= head + 1 || partial;
    }
    bool limited = high - low >= m->limit;
    uint64_t from = m->reverse && limited ? high - m->limit + 1 : low;
    uint64_t to = !m->reverse && limited ? low + m->limit - 1 : high;
    if (from < ring->first && partial && m->reverse && to >= ring->first) {
        from = ring->first;
        limited = true;
    }
    if (from < ring->first)
        return false;
    *ret_slice = (struct read_slice){.first = m->reverse ? to : from,
                                     .last = m->reverse ? from : to,
                                     .n = to - from + 1,
                                     .more = limited};
    return true;
}

static void send_slice(struct worker *w, struct gateway_link *g, const struct fan_read *m,
                       const struct channel *ch, const struct read_slice *s)
{
    struct fan_range answer = {.request = m->request,
                               .epoch = ch->epoch,
                               .head = ring_head(&ch->ring),
                               .more = s->more};
    buf_clear(&w->scratch);
    for (uint64_t i = 0; i < s->n; i++) {
        const struct pub *p = ring_find(&ch->ring, m->reverse ? s->first - i : s->first + i);
        if (i && w->scratch.n + p->n > (size_t)w->options.read_bytes) {
            answer.more = true;
            break;
        }
        buf_append_bytes(&w->scratch, pub_inner(p));
    }
    answer.publications = buf_bytes(&w->scratch);
    gateway_send_range(g, &answer);
}

static void send_status(struct gateway_link *g, uint64_t request, bool head, uint32_t status)
{
    if (head)
        gateway_send_head(g, &(struct fan_head){.request = request, .status = status});
    else
        gateway_send_range(g, &(struct fan_range){.request = request, .status = status});
}

static void send_failure(struct gateway_link *g, uint64_t request, bool head)
{
    g->worker->metrics.reads_failed_total++;
    send_status(g, request, head, STATUS_AWAY);
}

static void send_refusal(struct gateway_link *g, uint64_t request, bool head)
{
    g->worker->metrics.reads_refused_total++;
    send_status(g, request, head, STATUS_BUSY);
}

/* -> true when it was answered */
static bool answer_from_ring(struct worker *w, struct gateway_link *g, const struct fan_read *m,
                             bool partial)
{
    struct channel *ch = routes_channel(&w->routes, m->channel);
    struct read_slice slice;
    if (!ch || m->epoch > ch->epoch)
        return false;
    if (m->epoch && m->epoch < ch->epoch) {
        gateway_send_range(g, &(struct fan_range){.request = m->request,
                                                  .status = STATUS_UNRECOVERABLE,
                                                  .epoch = ch->epoch,
                                                  .head = ring_head(&ch->ring)});
        return true;
    }
    if (!read_from_ring(&ch->ring, m, partial, &slice))
        return false;
    send_slice(w, g, m, ch, &slice);
    return true;
}

/* ---- filling a ring */

uint64_t read_warms_since(const struct ring *ring, uint32_t messages_max,
                          const struct fan_read *m)
{
    uint64_t below = ring->first - 1, room = messages_max - (ring->next - ring->first);
    uint64_t since = m->since;
    if (m->reverse) {
        uint64_t high = m->since && m->since <= ring_head(ring) ? m->since - 1 : ring_head(ring);
        since = high > m->limit ? high - m->limit : 0;
    }
    if (since >= below || below - since > room)
        return below;
    uint64_t lacks = (below - since + WARM_SEQS - 1) / WARM_SEQS * WARM_SEQS;
    if (lacks > room)
        lacks = room;
    return below > lacks ? below - lacks : 0;
}

/* -> whether what it lacks can be kept, so that one query does for all who lack about the same */
static bool ask_to_warm(struct worker *w, const struct fan_read *m, struct history_ask *ret_ask)
{
    const struct channel *ch = routes_channel(&w->routes, m->channel);
    if (!ch || (m->epoch && m->epoch != ch->epoch))
        return false;
    uint64_t until = ch->ring.first - 1;
    uint64_t since = read_warms_since(&ch->ring, w->routes.limits.ring.messages, m);
    if (since >= until)
        return false;
    *ret_ask = (struct history_ask){.channel = m->channel,
                                    .epoch = ch->epoch,
                                    .since = since,
                                    .until = until,
                                    .rows = (uint32_t)(until - since),
                                    .bytes = (size_t)w->options.ring_bytes,
                                    .reverse = true,
                                    .settled = true};
    return true;
}

/* ---- from PostgreSQL */

/* The ring may have seen more than the page's snapshot. */
static uint64_t head_of(struct worker *w, const struct page *page)
{
    const struct channel *ch = routes_channel(&w->routes, page->channel);
    bool above = ch && ch->epoch == page->log_epoch && ring_head(&ch->ring) > page->head;
    return above ? ring_head(&ch->ring) : page->head;
}

static void send_page(struct worker *w, struct gateway_link *g, const struct read *q,
                      const struct page *page)
{
    struct fan_range answer = {.request = q->what.request,
                               .epoch = page->log_epoch,
                               .head = head_of(w, page),
                               .more = page->cut};
    buf_clear(&w->scratch);
    if (q->what.epoch && q->what.epoch != page->log_epoch) {
        answer.status = STATUS_UNRECOVERABLE;
        answer.more = false;
    }
    for (size_t i = 0; i < page->n && answer.status == STATUS_OK; i++)
        buf_append_bytes(&w->scratch, pub_inner(page->rows[i]));
    answer.publications = buf_bytes(&w->scratch);
    gateway_send_range(g, &answer);
}

/* Wherever it is: nobody is told. */
static void drop(struct read *q)
{
    struct gateway_link *g = q->gateway;
    g->worker->metrics.reads_waiting -= q->place.line != NULL;
    g->n_reads -= q->wait != NULL;
    fair_queue_leave(&g->waiting, &q->place);
    list_remove(&q->link);
    free(q);
}

static void read_end(struct read *q)
{
    struct gateway_link *g = q->gateway;
    drop(q);
    gateway_breathe(g);
}

static void on_page(void *ctx, const struct page *page)
{
    struct read *q = ctx;
    struct gateway_link *g = q->gateway;
    struct worker *w = g->worker;
    if (!page)
        send_failure(g, q->what.request, q->head);
    else if (q->head)
        gateway_send_head(g, &(struct fan_head){.request = q->what.request,
                                                .epoch = page->log_epoch,
                                                .head = head_of(w, page)});
    else
        send_page(w, g, q, page);
    read_end(q);
}

static uint64_t until_of(const struct fan_read *m)
{
    if (m->reverse)
        return m->since ? m->since - 1 : INT64_MAX;
    return m->until ? m->until : INT64_MAX;
}

static void ask_exactly(struct read *q)
{
    struct worker *w = q->gateway->worker;
    const struct fan_read *m = &q->what;
    struct history_ask ask = {.channel = m->channel, .until = INT64_MAX};
    if (!q->head)
        ask = (struct history_ask){.channel = m->channel,
                                   .epoch = m->epoch,
                                   .since = m->reverse ? 0 : m->since,
                                   .until = until_of(m),
                                   .rows = m->limit < READ_ROWS_MAX ? m->limit : READ_ROWS_MAX,
                                   .bytes = (size_t)w->options.read_bytes,
                                   .reverse = m->reverse};
    q->wait = history_page(w->history, &ask, false, on_page, q);
}

static void on_warm(void *ctx, const struct page *page)
{
    struct read *q = ctx;
    struct gateway_link *g = q->gateway;
    struct worker *w = g->worker;
    if (page)
        routes_warm(&w->routes, page);
    if (answer_from_ring(w, g, &q->what, !page)) {
        w->metrics.reads_warmed_total += page != NULL;
        read_end(q);
    } else if (page) {
        ask_exactly(q);
    } else {
        on_page(q, NULL);
    }
}

/* ---- in turn */

static bool has_room(const struct gateway_link *g)
{
    return g->n_reads < (uint32_t)g->worker->options.reads_max && !gateway_full(g);
}

static struct read *read_new(struct gateway_link *g, const struct fan_read *m, bool head)
{
    struct read *q = calloc(1, sizeof *q + m->channel.n);
    assert(q);
    *q = (struct read){.gateway = g, .asked_ns = clock_mono_ns(), .head = head, .what = *m};
    q->what.channel = bytes_of(q + 1, m->channel.n);
    memcpy(q + 1, m->channel.p, m->channel.n);
    list_append(&g->reads, &q->link);
    return q;
}

static void ask(struct read *q)
{
    struct gateway_link *g = q->gateway;
    struct worker *w = g->worker;
    struct history_ask warm;
    g->n_reads++;
    if (!q->head && ask_to_warm(w, &q->what, &warm))
        q->wait = history_page(w->history, &warm, false, on_warm, q);
    else
        ask_exactly(q);
}

static struct bytes tenant_of(struct bytes channel)
{
    struct bytes tenant = BYTES(""), name;
    channel_split(channel, &tenant, &name);
    return tenant;
}

/* The newest of the tenant that has most waiting makes room, or this one is refused. */
static void queue(struct gateway_link *g, const struct fan_read *m, bool head)
{
    if (g->waiting.n >= (uint32_t)g->worker->options.reads_waiting_max) {
        struct fair_place *last = fair_queue_gives_way(&g->waiting, tenant_of(m->channel));
        if (!last) {
            send_refusal(g, m->request, head);
            return;
        }
        struct read *loser = container_of(last, struct read, place);
        send_refusal(g, loser->what.request, loser->head);
        drop(loser);
    }
    struct read *q = read_new(g, m, head);
    fair_queue_join(&g->waiting, tenant_of(q->what.channel), &q->place);
    g->worker->metrics.reads_waiting++;
}

static void ask_in_turn(struct gateway_link *g, const struct fan_read *m, bool head)
{
    if (g->waiting.n == 0 && has_room(g))
        ask(read_new(g, m, head));
    else
        queue(g, m, head);
}

/* -> true when it was answered */
static bool answer_head_from_ring(struct worker *w, struct gateway_link *g, const struct fan_read *m, uint64_t at_least)
{
    const struct channel *ch = routes_channel(&w->routes, m->channel);
    if (!ch || ring_head(&ch->ring) < at_least)
        return false;
    gateway_send_head(g, &(struct fan_head){.request = m->request,
                                            .epoch = ch->epoch,
                                            .head = ring_head(&ch->ring)});
    return true;
}

/* -> true when it needs no PostgreSQL, and was answered */
static bool answer_at_once(struct worker *w, struct gateway_link *g, const struct fan_read *m, bool head)
{
    bool up = history_is_up(w->history);
    if (!routes_owns(&w->routes, m->channel)) {
        gateway_send_not_mine(g, m->channel);
        send_failure(g, m->request, head);
    } else if (head ? answer_head_from_ring(w, g, m, m->since) : answer_from_ring(w, g, m, !up)) {
        w->metrics.reads_ring_total += !head;
    } else if (!up) {
        send_failure(g, m->request, head);
    } else {
        return false;
    }
    return true;
}

void reads_begin(struct gateway_link *g)
{
    struct fair_place *place;
    while (has_room(g) && (place = fair_queue_next(&g->waiting))) {
        struct read *q = container_of(place, struct read, place);
        g->worker->metrics.reads_waiting--;
        if (answer_at_once(g->worker, g, &q->what, q->head))
            drop(q);
        else
            ask(q);
    }
}

void read_range(struct worker *w, struct gateway_link *g, const struct fan_read *m)
{
    w->metrics.reads_total++;
    if (gateway_full(g) || !answer_at_once(w, g, m, false))
        ask_in_turn(g, m, false);
}

void read_head(struct worker *w, struct gateway_link *g, const struct fan_ask_head *m)
{
    struct fan_read what = {.request = m->request, .channel = m->channel, .since = m->at_least};
    if (!answer_at_once(w, g, &what, true))
        ask_in_turn(g, &what, true);
}

static struct read *find(const struct gateway_link *g, uint64_t request)
{
    struct read *q;
    list_for_each (q, &g->reads, link)
        if (q->what.request == request)
            return q;
    return NULL;
}

void read_forget(struct gateway_link *g, uint64_t request)
{
    struct read *q = find(g, request);
    if (!q)
        return;
    g->worker->metrics.reads_forgotten_total++;
    if (q->wait)
        history_forget(q->wait);
    drop(q);
}

void read_tick(struct gateway_link *g, int64_t now_ns)
{
    int64_t timeout_ns = g->worker->options.read_timeout * NS_PER_MS;
    struct read *q;
    while ((q = list_first(&g->reads, struct read, link)) && now_ns - q->asked_ns > timeout_ns) {
        if (q->wait)
            history_forget(q->wait);
        send_failure(g, q->what.request, q->head);
        drop(q);
    }
    gateway_breathe(g);
}

void read_forget_all(struct gateway_link *g)
{
    struct read *q, *spare;
    list_for_each_safe (q, spare, &g->reads, link) {
        if (q->wait)
            history_forget(q->wait);
        drop(q);
    }
}
