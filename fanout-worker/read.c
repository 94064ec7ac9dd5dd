#include "read.h"

#include "worker.h"

#include <assert.h>
#include <stdlib.h>

#define READ_ROWS_MAX 1000 /* in one answer that comes from PostgreSQL */

/* A question that waits for PostgreSQL. */
struct read {
    struct list link; /* of struct gateway_link::reads */
    struct gateway_link *gateway;
    struct history_wait *wait;
    uint64_t request;
    bool head;      /* fan_ask_head */
    uint64_t epoch; /* as in fan_read */
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

static void send_failure(struct worker *w, struct gateway_link *g, uint64_t request, bool head)
{
    w->metrics.reads_failed_total++;
    if (head)
        gateway_send_head(g, &(struct fan_head){.request = request, .status = STATUS_AWAY});
    else
        gateway_send_range(g, &(struct fan_range){.request = request, .status = STATUS_AWAY});
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
    struct fan_range answer = {.request = q->request,
                               .epoch = page->log_epoch,
                               .head = head_of(w, page),
                               .more = page->cut};
    buf_clear(&w->scratch);
    if (q->epoch && q->epoch != page->log_epoch) {
        answer.status = STATUS_UNRECOVERABLE;
        answer.more = false;
    }
    for (size_t i = 0; i < page->n && answer.status == STATUS_OK; i++)
        buf_append_bytes(&w->scratch, pub_inner(page->rows[i]));
    answer.publications = buf_bytes(&w->scratch);
    gateway_send_range(g, &answer);
}

static void on_page(void *ctx, const struct page *page)
{
    struct read *q = ctx;
    struct gateway_link *g = q->gateway;
    struct worker *w = g->worker;
    list_remove(&q->link);
    g->n_reads--;
    if (!page)
        send_failure(w, g, q->request, q->head);
    else if (q->head)
        gateway_send_head(g, &(struct fan_head){.request = q->request,
                                                .epoch = page->log_epoch,
                                                .head = head_of(w, page)});
    else
        send_page(w, g, q, page);
    free(q);
    gateway_breathe(g);
}

static void ask(struct worker *w, struct gateway_link *g, uint64_t request, bool head,
                const struct history_ask *what)
{
    struct read *q = calloc(1, sizeof *q);
    assert(q);
    *q = (struct read){.gateway = g, .request = request, .head = head, .epoch = what->epoch};
    list_append(&g->reads, &q->link);
    g->n_reads++;
    q->wait = history_page(w->history, what, false, on_page, q);
}

static uint64_t until_of(const struct fan_read *m)
{
    if (m->reverse)
        return m->since ? m->since - 1 : INT64_MAX;
    return m->until ? m->until : INT64_MAX;
}

void read_range(struct worker *w, struct gateway_link *g, const struct fan_read *m)
{
    bool up = history_is_up(w->history);
    w->metrics.reads_total++;
    if (!routes_owns(&w->routes, m->channel)) {
        gateway_send_not_mine(g, m->channel);
        send_failure(w, g, m->request, false);
    } else if (answer_from_ring(w, g, m, !up)) {
        w->metrics.reads_ring_total++;
    } else if (!up) {
        send_failure(w, g, m->request, false);
    } else {
        ask(w, g, m->request, false,
            &(struct history_ask){.channel = m->channel,
                                  .epoch = m->epoch,
                                  .since = m->reverse ? 0 : m->since,
                                  .until = until_of(m),
                                  .rows = m->limit < READ_ROWS_MAX ? m->limit : READ_ROWS_MAX,
                                  .bytes = (size_t)w->options.read_bytes,
                                  .reverse = m->reverse});
    }
}

void read_head(struct worker *w, struct gateway_link *g, const struct fan_ask_head *m)
{
    const struct channel *ch = routes_channel(&w->routes, m->channel);
    if (!routes_owns(&w->routes, m->channel)) {
        gateway_send_not_mine(g, m->channel);
        send_failure(w, g, m->request, true);
    } else if (ch && ring_head(&ch->ring) >= m->at_least) {
        gateway_send_head(g, &(struct fan_head){.request = m->request,
                                                .epoch = ch->epoch,
                                                .head = ring_head(&ch->ring)});
    } else if (!history_is_up(w->history)) {
        send_failure(w, g, m->request, true);
    } else {
        ask(w, g, m->request, true,
            &(struct history_ask){.channel = m->channel, .until = INT64_MAX});
    }
}

void read_forget_all(struct gateway_link *g)
{
    struct read *q, *spare;
    list_for_each_safe (q, spare, &g->reads, link) {
        history_forget(q->wait);
        list_remove(&q->link);
        free(q);
    }
}
