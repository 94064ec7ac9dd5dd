#include "history.h"

#include "core/clock.h"
#include "core/list.h"
#include "core/map.h"
#include "pg/pg.h"
#include "rows.h"
#include "run/log.h"

#include <assert.h>
#include <stdlib.h>

#define REFUSED_S 1. /* what PostgreSQL refuses is asked again after it */

struct history {
    struct ev_loop *loop;
    struct pg *pg;
    struct pg_params *params;
    const struct history_handlers *handlers;
    void *owner;
    struct worker_metrics *metrics;
    unsigned in_flight, max;
    struct head_batch
        *batch;          /* in flight; one at a time: what comes meanwhile fills the next one */
    struct list waiting; /* struct query::link, in the order of asking */
    struct list flying;  /* struct query::link, in flight */
    struct map queries;  /* struct query::by_key: the youngest of each */
    struct list heads;   /* struct head_ask::link, in the order of asking */
    struct map by_channel; /* struct head_ask::by_channel: those on `heads` */
    ev_timer again;      /* active: PostgreSQL refused something just now */
};

/* waiting ──▶ in flight ──▶ answered, or waiting again */
struct query {
    struct map_node
        by_key;        /* of struct history::queries, unless a younger one took the place */
    struct list link;  /* of struct history::waiting or ::flying; on none behind its like */
    struct list waits; /* struct history_wait::link */
    struct history *h;
    struct query *next; /* its like, waiting for this one's answer */
    bool in_map, in_flight;
    int64_t sent_ns;
    struct history_ask ask;
    struct bytes key; /* owned: the numbers of `ask`, then the channel */
};

struct history_wait {
    struct list link; /* of struct query::waits */
    history_done *done;
    void *ctx;
    bool patient;
};

struct head_ask {
    struct map_node by_channel; /* of struct history::by_channel while it waits */
    struct list link; /* of struct history::heads or struct head_batch::asks */
    struct bytes channel;
};

struct head_batch {
    struct list asks; /* struct head_ask::link */
    struct history *h;
    int64_t sent_ns;
};

static void send_what_may(struct history *h);

/* ---- pages */

static struct query *query_new(struct history *h, const struct history_ask *ask,
                               struct buf *key)
{
    struct query *q = calloc(1, sizeof *q);
    assert(q);
    q->h = h;
    q->ask = *ask;
    q->key.n = key->n;
    q->key.p = buf_take(key);
    q->ask.channel = bytes_of(q->key.p + q->key.n - ask->channel.n, ask->channel.n);
    list_init(&q->link);
    list_init(&q->waits);
    q->in_map = true;
    map_insert(&h->queries, &q->by_key, hash_bytes(q->key));
    h->metrics->queries_waiting++;
    return q;
}

static void query_leave_map(struct query *q)
{
    if (q->in_map)
        map_remove(&q->h->queries, &q->by_key);
    q->in_map = false;
}

static void query_free(struct query *q)
{
    struct history_wait *w, *spare;
    list_for_each_safe (w, spare, &q->waits, link)
        free(w);
    query_leave_map(q);
    list_remove(&q->link);
    free((char *)q->key.p);
    free(q);
}

/* The one that the asker may join, or a new one. */
static struct query *query_for(struct history *h, const struct history_ask *ask)
{
    uint64_t numbers[] = {ask->epoch, ask->since, ask->until,
                          ask->rows,  ask->bytes, ask->reverse};
    struct buf key = {0};
    buf_append(&key, numbers, sizeof numbers);
    buf_append_bytes(&key, ask->channel);
    struct query *like =
        map_find_bytes(&h->queries, buf_bytes(&key), struct query, by_key, key);
    if (like && (!like->in_flight || ask->settled)) {
        buf_fini(&key);
        h->metrics->queries_joined_total++;
        return like;
    }
    if (like)
        query_leave_map(like);
    struct query *q = query_new(h, ask, &key);
    if (like)
        like->next = q;
    else
        list_append(&h->waiting, &q->link);
    return q;
}

struct history_wait *history_page(struct history *h, const struct history_ask *ask,
                                  bool patient, history_done *done, void *ctx)
{
    struct history_wait *w = calloc(1, sizeof *w);
    assert(w);
    *w = (struct history_wait){.done = done, .ctx = ctx, .patient = patient};
    list_append(&query_for(h, ask)->waits, &w->link);
    send_what_may(h);
    return w;
}

void history_forget(struct history_wait *w)
{
    list_remove(&w->link);
    free(w);
}

/* only_impatient: the others go on waiting. A `done` may ask anew. */
static void answer(struct query *q, const struct page *page, bool only_impatient)
{
    struct list waits;
    struct history_wait *w;
    list_init(&waits);
    while ((w = list_first(&q->waits, struct history_wait, link))) {
        list_remove(&w->link);
        list_append(&waits, &w->link);
    }
    while ((w = list_first(&waits, struct history_wait, link))) {
        list_remove(&w->link);
        if (only_impatient && w->patient) {
            list_append(&q->waits, &w->link);
            continue;
        }
        w->done(w->ctx, page);
        free(w);
    }
}

static void hold_back(struct history *h)
{
    if (!ev_is_active(&h->again)) {
        ev_timer_set(&h->again, REFUSED_S, 0.);
        ev_timer_start(h->loop, &h->again);
    }
}

static void refused(struct history *h, const char *what, enum pg_status status,
                    const struct pg_result *r)
{
    h->metrics->queries_failed_total++;
    if (status == PG_LOST)
        return;
    if (!ev_is_active(&h->again))
        log_error("query_refused", "what=%s sqlstate=%s asked again in 1 s: %s", what,
                  r ? pg_sqlstate(r) : "", r ? pg_message(r) : "no row");
    hold_back(h);
}

static void query_failed(struct query *q)
{
    struct history *h = q->h;
    answer(q, NULL, true);
    if (list_is_empty(&q->waits)) {
        query_free(q);
        return;
    }
    h->metrics->queries_waiting++;
    list_prepend(&h->waiting, &q->link);
}

static void on_page(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct query *q = ctx;
    struct history *h = q->h;
    struct query *next = q->next;
    struct page page = {.channel = q->ask.channel,
                        .epoch = q->ask.epoch,
                        .since = q->ask.since,
                        .until = q->ask.until,
                        .reverse = q->ask.reverse};
    h->in_flight--;
    list_remove(&q->link);
    q->in_flight = false;
    q->next = NULL;
    histogram_record(&h->metrics->query_seconds, (clock_mono_ns() - q->sent_ns) / NS_PER_US);
    if (next)
        list_append(&h->waiting, &next->link);
    if (status == PG_OK && rows_page(r, q->ask.rows, &page) == 0) {
        query_leave_map(q); /* who asks anew when he is answered must not join this one */
        answer(q, &page, false);
        rows_page_fini(&page);
        query_free(q);
    } else {
        refused(h, "page", status, r);
        query_failed(q);
    }
    send_what_may(h);
}

static void send_page(struct history *h, struct query *q)
{
    list_remove(&q->link);
    h->metrics->queries_waiting--;
    if (list_is_empty(&q->waits)) { /* all who asked have gone */
        query_free(q);
        return;
    }
    list_append(&h->flying, &q->link);
    q->in_flight = true;
    q->sent_ns = clock_mono_ns();
    h->in_flight++;
    h->metrics->queries_total++;
    rows_ask_page(h->pg, h->params, &q->ask, on_page, q);
}

/* ---- heads */

static void head_waits(struct history *h, struct head_ask *a)
{
    list_append(&h->heads, &a->link);
    map_insert(&h->by_channel, &a->by_channel, hash_bytes(a->channel));
}

static struct head_ask *head_waits_no_more(struct history *h, struct head_ask *a)
{
    list_remove(&a->link);
    map_remove(&h->by_channel, &a->by_channel);
    return a;
}

void history_head(struct history *h, struct bytes channel)
{
    struct head_ask *a = calloc(1, sizeof *a + channel.n);
    assert(a);
    memcpy(a + 1, channel.p, channel.n);
    a->channel = bytes_of(a + 1, channel.n);
    head_waits(h, a);
}

void history_forget_head(struct history *h, struct bytes channel)
{
    struct head_ask *a = map_find_bytes(&h->by_channel, channel, struct head_ask, by_channel, channel);
    if (a)
        free(head_waits_no_more(h, a));
}

static void batch_free(struct head_batch *b)
{
    struct head_ask *a, *spare;
    if (!b)
        return;
    list_for_each_safe (a, spare, &b->asks, link)
        free(a);
    free(b);
}

static void on_heads(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct head_batch *b = ctx;
    struct history *h = b->h;
    struct head_ask *a;
    struct bytes channel;
    uint64_t epoch, seq;
    h->in_flight--;
    h->batch = NULL;
    histogram_record(&h->metrics->query_seconds, (clock_mono_ns() - b->sent_ns) / NS_PER_US);
    if (status != PG_OK) {
        refused(h, "heads", status, r);
        while ((a = list_first(&b->asks, struct head_ask, link))) {
            list_remove(&a->link);
            head_waits(h, a);
        }
    }
    for (int row = 0; status == PG_OK && rows_head(r, row, &channel, &epoch, &seq); row++)
        h->handlers->head(h->owner, channel, epoch, seq);
    batch_free(b);
    send_what_may(h);
}

static void send_heads(struct history *h)
{
    struct head_batch *b = calloc(1, sizeof *b);
    struct head_ask *a;
    assert(b);
    b->h = h;
    list_init(&b->asks);
    struct bytes channels[HISTORY_HEADS];
    size_t n = 0;
    while (n < HISTORY_HEADS && (a = list_first(&h->heads, struct head_ask, link))) {
        list_append(&b->asks, &head_waits_no_more(h, a)->link);
        channels[n++] = a->channel;
    }
    b->sent_ns = clock_mono_ns();
    h->batch = b;
    h->in_flight++;
    h->metrics->queries_total++;
    rows_ask_heads(h->pg, h->params, channels, n, on_heads, b);
}

static void send_what_may(struct history *h)
{
    while (pg_is_up(h->pg) && !ev_is_active(&h->again) && h->in_flight < h->max) {
        struct query *q = list_first(&h->waiting, struct query, link);
        if (!h->batch && !list_is_empty(&h->heads))
            send_heads(h);
        else if (q)
            send_page(h, q);
        else
            break;
    }
    h->metrics->queries_in_flight = h->in_flight;
}

void history_turn(struct history *h)
{
    send_what_may(h);
}

/* ---- life */

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    send_what_may(timer->data);
}

static void on_up(void *owner, struct pg *p)
{
    send_what_may(owner);
}

static void on_down(void *owner, struct pg *p, const char *why)
{
    struct history *h = owner;
    struct query *q, *spare;
    struct list waiting;
    /* Answers may ask anew, so the list is taken first. */
    list_init(&waiting);
    list_for_each_safe (q, spare, &h->waiting, link) {
        list_remove(&q->link);
        list_append(&waiting, &q->link);
    }
    while ((q = list_first(&waiting, struct query, link))) {
        list_remove(&q->link);
        h->metrics->queries_waiting--;
        query_failed(q);
    }
}

static const struct pg_handlers doors = {.up = on_up, .down = on_down};

struct history *history_new(struct ev_loop *loop, const char *conninfo, const char *name,
                            unsigned queries_max, const struct history_handlers *handlers,
                            void *owner, struct worker_metrics *metrics)
{
    struct history *h = calloc(1, sizeof *h);
    assert(h);
    *h = (struct history){.loop = loop,
                          .handlers = handlers,
                          .owner = owner,
                          .metrics = metrics,
                          .max = queries_max};
    list_init(&h->waiting);
    list_init(&h->flying);
    list_init(&h->heads);
    map_init(&h->queries);
    map_init(&h->by_channel);
    h->params = pg_params_new();
    ev_timer_init(&h->again, on_again, REFUSED_S, 0.);
    h->again.data = h;
    h->pg = pg_new(loop, conninfo, name, rows_setup, &doors, h);
    return h;
}

struct pg *history_connection(struct history *h)
{
    return h->pg;
}

bool history_is_up(const struct history *h)
{
    return pg_is_up(h->pg);
}

void history_free(struct history *h)
{
    if (!h)
        return;
    ev_timer_stop(h->loop, &h->again);
    pg_free(h->pg);
    pg_params_free(h->params);
    struct query *q, *spare;
    list_for_each_safe (q, spare, &h->waiting, link)
        query_free(q);
    list_for_each_safe (q, spare, &h->flying, link) {
        if (q->next)
            query_free(q->next);
        query_free(q);
    }
    batch_free(h->batch);
    struct head_ask *a, *next;
    list_for_each_safe (a, next, &h->heads, link)
        free(a);
    map_fini(&h->by_channel);
    map_fini(&h->queries);
    free(h);
}
