#include "join.h"

#include "hold.h"
#include "hub.h"
#include "page.h"
#include "passive.h"
#include "reply.h"

#include "core/clock.h"

#include <assert.h>
#include <stdlib.h>

static void too_late(struct wheel_timer *t)
{
    join_fail(container_of(t, struct joining, deadline)->sub, 100);
}

void join_begin(struct sub *s, const struct joining *how)
{
    struct gateway *g = s->connection->gateway;
    struct joining *j = malloc(sizeof *j);
    assert(j);
    *j = *how;
    j->sub = s;
    list_init(&j->due);
    wheel_timer_init(&j->deadline, too_late);
    wheel_set(&g->wheel, &j->deadline, g->now_ns + g->options->subscribe_timeout * NS_PER_MS);
    sub_extras(s)->joining = j;
    s->sent = j->recover ? j->offset : 0;
    connection_began(s->connection, true);
    join_decide_soon(s);
}

void join_forget(struct sub *s)
{
    struct joining *j = s->extras->joining;
    ops_cancel(s->connection->gateway, j->ticket);
    wheel_cancel(&j->deadline);
    list_remove(&j->due);
    connection_ended(s->connection, true);
    s->extras->joining = NULL;
    free(j);
    sub_tidy(s);
}

void join_decide_soon(struct sub *s)
{
    struct gateway *g = s->connection->gateway;
    struct list *due = &s->extras->joining->due;
    if (!list_is_linked(due))
        list_append(&g->joinings, due);
}

/* The unsubscribe that overtook the reply is answered behind it. */
static void unsubscribe_after(struct connection *c, uint32_t id)
{
    if (id == 0)
        return;
    reply_empty(&c->out, id, "unsubscribe");
    connection_said(c);
}

void join_fail(struct sub *s, uint32_t code)
{
    struct connection *c = s->connection;
    uint32_t id = s->extras->joining->id, unsubscribe_id = s->extras->joining->unsubscribe_id;
    sub_end(s);
    if (connection_reply_error(c, id, code))
        unsubscribe_after(c, unsubscribe_id);
}

/* ---- the reply */

static const struct frame *next_missed(struct sub *s)
{
    struct channel *c = s->channel;
    if (s->sent >= c->head)
        return NULL;
    return s->sent >= channel_base(c) ? channel_frame(c, s->sent + 1) : page_next(s);
}

static void put_publications(struct sub *s, struct buf *out)
{
    size_t start = out->n, most = (size_t)s->connection->gateway->options->recovered_bytes;
    const struct frame *f;
    while ((f = next_missed(s)) && out->n - start + f->n <= most && !hold_lacks(s, f)) {
        buf_append_str(out, out->n == start ? ",\"publications\":[" : ",");
        buf_append(out, f->json, f->n);
        s->sent = f->seq;
        if (f->id > s->connection->shown)
            s->connection->shown = f->id;
        s->connection->gateway->metrics.deliveries_total++;
        budget_charge(channel_budget(s->channel)); /* a reply does not wait, but is paid for */
    }
    if (out->n > start)
        buf_append_char(out, ']');
}

static void succeed(struct sub *s, bool recovered)
{
    struct connection *c = s->connection;
    struct gateway *g = c->gateway;
    struct joining *j = s->extras->joining;
    struct reply_subscribed r = {.ttl = j->ttl,
                                 .positioned = s->positioned,
                                 .epoch = s->channel->epoch,
                                 .offset = recovered ? j->offset : s->channel->head,
                                 .was_recovering = j->recover,
                                 .recovered = recovered};
    uint32_t unsubscribe_id = j->unsubscribe_id;
    g->metrics.subscribes_total++;
    if (j->recover && s->positioned)
        *(recovered ? &g->metrics.recovered_total : &g->metrics.unrecovered_total) += 1;
    if (!recovered) {
        page_leave(s);
        s->sent = s->channel->head;
    }
    reply_subscribed_begin(&c->out, j->id, &r);
    if (recovered)
        put_publications(s, &c->out);
    reply_end(&c->out);
    join_forget(s);
    s->live = true;
    if (s->sent < s->channel->head)
        sub_extras(s)->old = s->channel->head;
    if (s->present)
        sub_tell_presence(s, false);
    if (c->unfocused)
        passive_begin(s);
    if (!connection_said(c) || unsubscribe_id == 0)
        return;
    sub_leave(s);
    unsubscribe_after(c, unsubscribe_id);
}

void join_unrecovered(struct sub *s)
{
    if (s->extras->joining->reject)
        join_fail(s, 112);
    else
        succeed(s, false);
}

/* ---- above our head */

static void head_said(void *ctx, const struct ops_head *answer)
{
    struct sub *s = ctx;
    struct joining *j = s->extras->joining;
    j->ticket = 0;
    if (answer->code) {
        join_fail(s, 100);
    } else if (answer->epoch == s->channel->epoch && answer->head >= j->offset) {
        j->head_confirmed = true;
        join_decide_soon(s);
    } else if (s->channel->head >= j->offset) {
        join_decide_soon(s); /* it came here meanwhile */
    } else {
        join_unrecovered(s);
    }
}

static void ask_head(struct sub *s)
{
    struct joining *j = s->extras->joining;
    if (j->ticket == 0)
        j->ticket = ops_ask_head(s->connection->gateway, s->channel->full, j->offset, head_said, s);
}

static void decide(struct sub *s)
{
    struct channel *c = s->channel;
    struct joining *j = s->extras->joining;
    if (c->state != CHANNEL_LIVE)
        return;
    if (!j->recover || !s->positioned)
        succeed(s, false);
    else if (j->has_epoch && j->epoch != c->epoch)
        join_unrecovered(s);
    else if (j->offset > c->head && !j->head_confirmed)
        ask_head(s);
    else if (j->offset >= channel_base(c) || page_next(s))
        succeed(s, true);
}

void join_decide_due(struct gateway *g)
{
    struct list due; /* what is appended meanwhile is the next turn's */
    list_init(&due);
    if (list_is_empty(&g->joinings))
        return;
    list_insert_before(&g->joinings, &due);
    list_remove(&g->joinings);
    struct joining *j;
    while ((j = list_first(&due, struct joining, due))) {
        list_remove(&j->due);
        decide(j->sub);
    }
}
