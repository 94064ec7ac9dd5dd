#include "gathering.h"

#include "ctl_link.h"
#include "distinct.h"
#include "gateway.h"

#include "core/random.h"
#include "wire/cell_names.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define PLACE_SHIFT 48 /* of a position: above it the cell's place, below it the position there */

struct part {
    char cell[TENANT_MAX + 1];
    bool came;
    struct ops_presence answer; /* its strings: in memory */
    struct buf entries, hashes;
};

struct gathering {
    struct gateway *g;
    uint64_t ticket;      /* of the operation that it answers */
    uint64_t here, there; /* its own questions; 0: answered, or there is none */
    uint32_t first;       /* place of the cell that entries are told from on */
    uint32_t limit;
    uint32_t own;         /* place of this cell; n: it does not serve the tenant */
    uint32_t n;
    bool failed;          /* something came that is no answer, or nothing at all */
    struct part parts[];
};

/* -> n_cells: it is not among them */
static uint32_t place_of(const struct gateway *g, const struct config_tenant *t)
{
    uint32_t place = 0;
    while (place < t->n_cells && !bytes_is(t->cells[place]->name, g->options->cell))
        place++;
    return place;
}

static const struct config_tenant *tenant_of(const struct gateway *g, struct bytes channel)
{
    struct bytes tenant, name;
    return g->config && channel_split(channel, &tenant, &name) ? config_tenant(g->config, tenant) : NULL;
}

bool gathering_is_needed(const struct gateway *g, struct bytes channel)
{
    const struct config_tenant *t = tenant_of(g, channel);
    return t && t->n_cells > (place_of(g, t) < t->n_cells ? 1 : 0);
}

/* ---- the answers, put together */

static uint32_t code_of(const struct gathering *q)
{
    for (const struct part *p = q->parts; p < q->parts + q->n; p++)
        if (!p->came || p->answer.code)
            return p->came ? p->answer.code : 100;
    return q->failed ? 100 : 0;
}

static uint32_t count_entries(struct bytes entries)
{
    struct presence_entry e;
    uint32_t n = 0;
    while (wire_next_presence_entry(&entries, &e) > 0)
        n++;
    return n;
}

static uint64_t position(uint32_t place, uint64_t after)
{
    return (uint64_t)place << PLACE_SHIFT | after;
}

/* The entries of one cell after the other, as far as whole cells fit. -> the next page's position; 0: that is all */
static uint64_t put_entries(const struct gathering *q, struct buf *into)
{
    uint32_t room = q->limit;
    for (uint32_t place = q->first; place < q->n; place++) {
        const struct part *p = &q->parts[place];
        uint32_t n = count_entries(buf_bytes(&p->entries));
        if (n > room)
            return position(place, 0);
        buf_append_bytes(into, buf_bytes(&p->entries));
        room -= n;
        if (p->answer.next)
            return position(place, p->answer.next);
    }
    return 0;
}

/* -> whether they can be told apart: all have told who they are, or they are all in one cell */
static bool knows_users(const struct gathering *q)
{
    uint32_t with_users = 0, untold = 0;
    for (const struct part *p = q->parts; p < q->parts + q->n; p++) {
        with_users += p->answer.users > 0;
        untold += p->hashes.n != p->answer.users * sizeof(uint64_t);
    }
    return untold == 0 || with_users <= 1;
}

static uint32_t count_distinct_users(const struct gathering *q)
{
    struct distinct users = {0};
    uint64_t hash;
    for (const struct part *p = q->parts; p < q->parts + q->n; p++)
        for (struct bytes hashes = buf_bytes(&p->hashes); wire_get_u64(&hashes, &hash);)
            distinct_add(&users, hash);
    return (uint32_t)distinct_count(&users);
}

static void put_counts(const struct gathering *q, struct ops_presence *all)
{
    uint32_t with_hashes = 0;
    for (const struct part *p = q->parts; p < q->parts + q->n; p++) {
        all->clients += p->answer.clients;
        all->users += p->answer.users;
        with_hashes += p->hashes.n > 0;
    }
    all->users_added = !knows_users(q);
    if (with_hashes > 1 && !all->users_added)
        all->users = count_distinct_users(q);
}

static void put_missing(const struct gathering *q, struct buf *into)
{
    for (const struct part *p = q->parts; p < q->parts + q->n; p++)
        if (!p->came || p->answer.code)
            wire_put_cell_name(into, &(struct cell_name){.name = bytes_str(p->cell)});
}

static void finish_if_complete(struct gathering *q)
{
    struct buf entries = {0}, missing = {0};
    struct ops_presence all = {.code = code_of(q)};
    if (q->here || q->there)
        return;
    put_counts(q, &all);
    put_missing(q, &missing);
    if (q->limit)
        all.next = put_entries(q, &entries);
    all.entries = buf_bytes(&entries);
    all.missing = buf_bytes(&missing);
    ops_presence_gathered(q->g, q->ticket, &all); /* q has gone */
    buf_fini(&entries);
    buf_fini(&missing);
}

/* -> whether it is one */
static bool take_part(struct gathering *q, uint32_t place, const struct ops_presence *answer)
{
    struct part *p = place < q->n ? &q->parts[place] : NULL;
    if (!p || p->came)
        return false;
    p->came = true;
    p->answer = *answer;
    buf_append_bytes(&p->entries, answer->entries);
    buf_append_bytes(&p->hashes, answer->hashes);
    return true;
}

static void told_here(void *ctx, const struct ops_presence *answer)
{
    struct gathering *q = ctx;
    q->here = 0;
    take_part(q, q->own, answer);
    finish_if_complete(q);
}

/* -> whether it is an answer to what was asked; a cell whose configuration is another one may count places otherwise */
static bool take_answer(struct gathering *q, struct bytes body)
{
    struct call_presence m;
    return wire_get_call_presence(body, &m) == 0 && m.cell != q->own &&
           take_part(q, m.cell, &(struct ops_presence){.code = m.status,
                                                       .clients = m.clients,
                                                       .users = m.users,
                                                       .entries = m.entries,
                                                       .hashes = m.hashes,
                                                       .next = m.next});
}

/* A cell that has never run was not asked: nobody is there. */
static void take_unused(struct gathering *q, struct bytes missing)
{
    for (uint32_t i = 0; i < q->n; i++)
        if (i != q->own && !q->parts[i].came)
            q->parts[i].came = !cell_names_have(missing, bytes_str(q->parts[i].cell));
}

static void told_there(void *ctx, const struct ops_called *called)
{
    struct gathering *q = ctx;
    struct bytes answers = called->answers;
    struct ctl_answer one;
    uint32_t n = 0;
    q->there = 0;
    for (; wire_next_ctl_answer(&answers, &one) > 0; n++)
        q->failed |= !take_answer(q, one.body);
    q->failed |= n < called->asked && called->missing.n == 0;
    if (!q->failed)
        take_unused(q, called->missing);
    finish_if_complete(q);
}

/* ---- asking */

/* What the cell in that place is asked for: only counts where the page begins behind it. */
static uint64_t ask_worker(struct gateway *g, const struct call_ask_presence *m, uint32_t place, ops_presence_fn *done,
                           void *ctx)
{
    struct fan_ask_presence here = {.channel = m->channel,
                                    .after = place == m->cell ? m->after : 0,
                                    .limit = place < m->cell ? 0 : m->limit,
                                    .bytes = m->bytes,
                                    .users = m->users,
                                    .seed = m->seed};
    return ops_presence_here(g, &here, done, ctx);
}

static void ask_all(struct gathering *q, const struct config_tenant *t, const struct call_ask_presence *m)
{
    struct buf body = {0};
    if (q->own < q->n)
        q->here = ask_worker(q->g, m, q->own, told_here, q);
    wire_put_call_ask_presence(&body, m);
    q->there = ops_call_cells(q->g, BYTES(GATHERING_METHOD), t->name, buf_bytes(&body), told_there, q);
    buf_fini(&body);
}

struct gathering *gathering_new(struct gateway *g, uint64_t ticket, struct bytes channel, uint64_t after, uint32_t limit)
{
    const struct config_tenant *t = tenant_of(g, channel);
    struct gathering *q = calloc(1, sizeof *q + t->n_cells * sizeof *q->parts);
    assert(q);
    q->g = g;
    q->ticket = ticket;
    q->n = (uint32_t)t->n_cells;
    q->own = place_of(g, t);
    q->first = (uint32_t)(after >> PLACE_SHIFT);
    for (uint32_t i = 0; i < q->n; i++)
        snprintf(q->parts[i].cell, sizeof q->parts[i].cell, "%.*s", BYTES_FMT(t->cells[i]->name));
    q->limit = limit;
    struct call_ask_presence m = {.channel = channel,
                                  .cell = q->first,
                                  .after = after & (position(1, 0) - 1),
                                  .limit = limit,
                                  .bytes = (uint32_t)g->options->presence_answer_max / q->n,
                                  .users = q->n > 1 ? (uint32_t)g->options->presence_users_max / q->n : 0,
                                  .seed = random_u64()};
    ask_all(q, t, &m);
    return q;
}

void gathering_cancel(struct gathering *q)
{
    ops_cancel(q->g, q->here);
    ops_cancel(q->g, q->there);
}

void gathering_free(struct gathering *q)
{
    if (!q)
        return;
    for (uint32_t i = 0; i < q->n; i++) {
        buf_fini(&q->parts[i].entries);
        buf_fini(&q->parts[i].hashes);
    }
    free(q);
}

/* ---- being asked */

struct summoned {
    struct list link; /* gateway::summoned */
    struct gateway *g;
    uint64_t request;
    uint32_t place;
};

static void answer(struct gateway *g, uint64_t request, uint32_t place, const struct ops_presence *a)
{
    struct buf body = {0};
    struct call_presence m = {.cell = place,
                              .status = a->code,
                              .clients = a->clients,
                              .users = a->users,
                              .entries = a->entries,
                              .hashes = a->hashes,
                              .next = a->next};
    wire_put_call_presence(&body, &m);
    ctl_answer_send(g->ctl, request, buf_bytes(&body));
    buf_fini(&body);
}

static void worker_told(void *ctx, const struct ops_presence *a)
{
    struct summoned *s = ctx;
    answer(s->g, s->request, s->place, a);
    list_remove(&s->link);
    free(s);
}

void gathering_summoned(struct gateway *g, const struct ctl_call *m)
{
    struct call_ask_presence question;
    const struct config_tenant *t =
        wire_get_call_ask_presence(m->body, &question) == 0 ? tenant_of(g, question.channel) : NULL;
    uint32_t place = t ? place_of(g, t) : 0;
    if (!t || place == t->n_cells || !bytes_equal(t->name, m->tenant)) {
        answer(g, m->request, UINT32_MAX, &(struct ops_presence){.code = 100});
        return;
    }
    struct summoned *s = calloc(1, sizeof *s);
    assert(s);
    *s = (struct summoned){.g = g, .request = m->request, .place = place};
    list_init(&s->link);
    list_append(&g->summoned, &s->link);
    ask_worker(g, &question, place, worker_told, s);
}

void gathering_fini(struct gateway *g)
{
    struct summoned *s;
    while ((s = list_first(&g->summoned, struct summoned, link))) {
        list_remove(&s->link);
        free(s);
    }
}
