#include "ops.h"

#include "ctl_link.h"
#include "fan_link.h"
#include "gathering.h"
#include "gateway.h"
#include "kafka_link.h"
#include "seq_link.h"

#include "core/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CALL_TIMEOUT_NS (3 * NS_PER_S) /* the supervisor waits for 2 s itself */

enum operation_kind { PUBLISH, READ, PRESENCE, HEAD, CALL };

struct operation {
    struct map_node by_ticket; /* struct ops::all */
    struct list due;           /* struct ops::due, when it failed at once */
    uint64_t ticket;
    struct gateway *g;
    enum operation_kind kind;
    union {
        ops_published_fn *published;
        ops_range_fn *range;
        ops_presence_fn *presence;
        ops_head_fn *head;
        ops_called_fn *called;
    } done;
    void *ctx;
    int slot;      /* of the worker that was asked, or -1 */
    uint32_t code; /* why it failed */
    const char *why; /* the same in words, or NULL */
    struct gathering *gathering; /* that answers it, or NULL */
    struct wheel_timer deadline;
};

struct ops {
    struct gateway *g;
    struct map all;   /* struct operation::by_ticket */
    struct list due;  /* struct operation::due */
    uint64_t ticket;  /* last one given */
};

struct ops *ops_new(struct gateway *g)
{
    struct ops *o = calloc(1, sizeof *o);
    assert(o);
    o->g = g;
    map_init(&o->all);
    list_init(&o->due);
    return o;
}

static void forget(struct operation *o)
{
    map_remove(&o->g->ops->all, &o->by_ticket);
    list_remove(&o->due);
    wheel_cancel(&o->deadline);
    if (o->gathering)
        gathering_cancel(o->gathering);
    gathering_free(o->gathering);
    free(o);
}

void ops_free(struct ops *ops)
{
    struct operation *o;
    if (!ops)
        return;
    map_for_each(o, &ops->all, by_ticket) {
        wheel_cancel(&o->deadline);
        gathering_free(o->gathering);
        free(o);
    }
    map_fini(&ops->all);
    free(ops);
}

static struct operation *find(const struct gateway *g, uint64_t ticket)
{
    return map_find_u64(&g->ops->all, ticket, struct operation, by_ticket, ticket);
}

/* What the answer of a failed operation is; frees it. */
static void fail(struct operation *o)
{
    struct operation copy = *o;
    forget(o);
    switch (copy.kind) {
    case PUBLISH:
        copy.done.published(copy.ctx, &(struct ops_published){.code = copy.code, .text = bytes_str(copy.why ? copy.why : "")});
        break;
    case READ:
        copy.done.range(copy.ctx, &(struct ops_range){.code = copy.code});
        break;
    case PRESENCE:
        copy.done.presence(copy.ctx, &(struct ops_presence){.code = copy.code});
        break;
    case HEAD:
        copy.done.head(copy.ctx, &(struct ops_head){.code = copy.code});
        break;
    case CALL:
        copy.done.called(copy.ctx, &(struct ops_called){.asked = 1});
        break;
    }
}

static void fail_soon(struct operation *o, uint32_t code)
{
    o->code = code;
    o->slot = -1;
    if (!list_is_linked(&o->due))
        list_append(&o->g->ops->due, &o->due);
}

/* What a worker has yet to begin it need not do. */
static void take_back(const struct operation *o)
{
    if (o->slot >= 0 && (o->kind == READ || o->kind == HEAD))
        fan_forget(o->g->fan, (uint32_t)o->slot, o->ticket);
}

static void too_late(struct wheel_timer *t)
{
    struct operation *o = container_of(t, struct operation, deadline);
    take_back(o);
    o->code = 100;
    fail(o);
}

static struct operation *begin(struct gateway *g, enum operation_kind kind, void *ctx, int64_t timeout_ns)
{
    struct operation *o = calloc(1, sizeof *o);
    assert(o);
    o->g = g;
    o->kind = kind;
    o->ctx = ctx;
    o->slot = -1;
    o->ticket = ++g->ops->ticket;
    list_init(&o->due);
    map_insert(&g->ops->all, &o->by_ticket, hash_u64(o->ticket));
    wheel_timer_init(&o->deadline, too_late);
    if (timeout_ns)
        wheel_set(&g->wheel, &o->deadline, g->now_ns + timeout_ns);
    return o;
}

/* slot: of the worker that was asked, or -errno. */
static uint64_t asked(struct operation *o, int slot)
{
    o->slot = slot;
    if (slot < 0)
        fail_soon(o, 100);
    return o->ticket;
}

static int64_t ask_timeout(const struct gateway *g)
{
    return g->options->ask_timeout * NS_PER_MS;
}

/* ---- asking */

uint64_t ops_publish(struct gateway *g, const struct ops_publish *what, ops_published_fn *done, void *ctx)
{
    struct operation *o = begin(g, PUBLISH, ctx, 0); /* its time is kept by pending.c */
    o->done.published = done;
    uint32_t over = budget_publish(g, what->channel, what->data.n, &o->why);
    if (over) {
        g->metrics.publishes_refused_total++;
        fail_soon(o, over);
        return o->ticket;
    }
    const char *too_many = what->ephemeral ? "too many wait: --ephemeral-max, --ephemeral-bytes" : "too many wait: --publishes-max, --publishes-bytes";
    int error = what->ephemeral ? kafka_link_publish(g->kafka, o->ticket, what) : seq_publish(g->seq, o->ticket, what);
    if (error == 0)
        return o->ticket;
    *(what->ephemeral ? &g->metrics.ephemeral_refused_total : &g->metrics.publishes_refused_total) += 1;
    o->why = error == -ENOBUFS ? too_many : "the broker does not answer; nothing was published";
    fail_soon(o, error == -ENOBUFS ? 111 : error == -EMSGSIZE ? 107 : 100);
    return o->ticket;
}

uint64_t ops_read(struct gateway *g, struct bytes channel, uint64_t epoch, uint64_t since, uint32_t limit, bool reverse,
                  ops_range_fn *done, void *ctx)
{
    struct operation *o = begin(g, READ, ctx, ask_timeout(g));
    o->done.range = done;
    struct fan_read m = {.request = o->ticket,
                         .channel = channel,
                         .epoch = epoch,
                         .since = since,
                         .limit = limit,
                         .reverse = reverse};
    return asked(o, fan_read(g->fan, &m));
}

uint64_t ops_presence_here(struct gateway *g, struct fan_ask_presence *what, ops_presence_fn *done, void *ctx)
{
    struct operation *o = begin(g, PRESENCE, ctx, ask_timeout(g));
    o->done.presence = done;
    what->request = o->ticket;
    return asked(o, fan_ask_presence(g->fan, what));
}

uint64_t ops_presence(struct gateway *g, struct bytes channel, uint64_t after, uint32_t limit, ops_presence_fn *done, void *ctx)
{
    struct fan_ask_presence here = {.channel = channel, .after = after, .limit = limit, .bytes = (uint32_t)g->options->presence_answer_max};
    if (!gathering_is_needed(g, channel))
        return ops_presence_here(g, &here, done, ctx);
    struct operation *o = begin(g, PRESENCE, ctx, 0); /* its questions have deadlines of their own */
    o->done.presence = done;
    o->gathering = gathering_new(g, o->ticket, channel, after, limit);
    return o->ticket;
}

uint64_t ops_ask_head(struct gateway *g, struct bytes channel, uint64_t at_least, ops_head_fn *done, void *ctx)
{
    struct operation *o = begin(g, HEAD, ctx, ask_timeout(g));
    o->done.head = done;
    struct fan_ask_head m = {.request = o->ticket, .channel = channel, .at_least = at_least};
    return asked(o, fan_ask_head(g->fan, &m));
}

static uint64_t call(struct gateway *g, struct ctl_ask *m, ops_called_fn *done, void *ctx)
{
    struct operation *o = begin(g, CALL, ctx, CALL_TIMEOUT_NS);
    struct buf cells = {0};
    o->done.called = done;
    if (g->config)
        config_other_cells(g->config, config_tenant(g->config, m->tenant), bytes_str(g->options->cell), &cells);
    m->request = o->ticket;
    m->cells = buf_bytes(&cells);
    if (!ctl_ask_send(g->ctl, m))
        fail_soon(o, 100);
    buf_fini(&cells);
    return o->ticket;
}

uint64_t ops_call(struct gateway *g, struct bytes method, struct bytes tenant, struct bytes body, ops_called_fn *done,
                  void *ctx)
{
    return call(g, &(struct ctl_ask){.method = method, .tenant = tenant, .body = body}, done, ctx);
}

uint64_t ops_call_cells(struct gateway *g, struct bytes method, struct bytes tenant, struct bytes body, ops_called_fn *done,
                        void *ctx)
{
    return call(g, &(struct ctl_ask){.method = method, .tenant = tenant, .body = body, .one = 1}, done, ctx);
}

void ops_cancel(struct gateway *g, uint64_t ticket)
{
    struct operation *o = ticket ? find(g, ticket) : NULL;
    if (!o)
        return;
    take_back(o);
    forget(o);
}

/* ---- answers */

/* Taken out of the map before its asker is told: that one may ask again, or cancel. */
static bool finish(struct gateway *g, uint64_t ticket, enum operation_kind kind, struct operation *ret)
{
    struct operation *o = find(g, ticket);
    if (!o || o->kind != kind)
        return false;
    *ret = *o;
    forget(o);
    return true;
}

void ops_publish_done(struct gateway *g, uint64_t ticket, const struct ops_published *answer)
{
    struct operation o;
    if (finish(g, ticket, PUBLISH, &o))
        o.done.published(o.ctx, answer);
}

void ops_range_came(struct gateway *g, const struct fan_range *m)
{
    struct operation o;
    if (finish(g, m->request, READ, &o))
        o.done.range(o.ctx, &(struct ops_range){.code = m->status,
                                                .epoch = m->epoch,
                                                .head = m->head,
                                                .more = m->more,
                                                .publications = m->publications});
}

void ops_presence_came(struct gateway *g, const struct fan_presence *m)
{
    struct operation o;
    if (finish(g, m->request, PRESENCE, &o))
        o.done.presence(o.ctx, &(struct ops_presence){.code = m->status,
                                                      .clients = m->clients,
                                                      .users = m->users,
                                                      .entries = m->entries,
                                                      .hashes = m->hashes,
                                                      .next = m->next});
}

void ops_presence_gathered(struct gateway *g, uint64_t ticket, const struct ops_presence *answer)
{
    struct operation o;
    if (finish(g, ticket, PRESENCE, &o))
        o.done.presence(o.ctx, answer);
}

void ops_head_came(struct gateway *g, const struct fan_head *m)
{
    struct operation o;
    if (finish(g, m->request, HEAD, &o))
        o.done.head(o.ctx, &(struct ops_head){.code = m->status, .epoch = m->epoch, .head = m->head});
}

void ops_result_came(struct gateway *g, const struct ctl_result *m)
{
    struct operation o;
    if (finish(g, m->request, CALL, &o))
        o.done.called(o.ctx, &(struct ops_called){.asked = m->asked, .answers = m->answers, .missing = m->missing});
}

void ops_worker_lost(struct gateway *g, uint32_t slot)
{
    struct operation *o;
    map_for_each(o, &g->ops->all, by_ticket) {
        if (o->slot == (int)slot)
            fail_soon(o, 100);
    }
}

bool ops_turn(struct gateway *g)
{
    struct list due;
    struct operation *o;
    list_init(&due);
    if (!list_is_empty(&g->ops->due)) { /* what is appended meanwhile is the next turn's */
        list_insert_before(&g->ops->due, &due);
        list_remove(&g->ops->due);
    }
    while ((o = list_first(&due, struct operation, due)))
        fail(o);
    return !list_is_empty(&g->ops->due);
}
