#include "join.h"

#include "delta.h"
#include "entrance.h"
#include "filter.h"
#include "hold.h"
#include "hub.h"
#include "invitation.h"
#include "page.h"
#include "passive.h"
#include "reply.h"

#include "core/clock.h"
#include "wire/codec.h"

#include <assert.h>
#include <stdlib.h>

static void too_late(struct wheel_timer *t)
{
    join_fail(container_of(t, struct joining, deadline)->sub, 100);
}

static struct bytes copy(struct bytes text)
{
    if (text.n == 0)
        return (struct bytes){0};
    char *p = malloc(text.n);
    assert(p);
    return bytes_of(memcpy(p, text.p, text.n), text.n);
}

static void take_cache(struct joining *j, const struct config_namespace *ns)
{
    j->newest = ns && ns->caches;
    j->since.recover |= j->newest && ns->options.auto_cache_recover;
}

void join_begin(struct sub *s, const struct joining *how)
{
    struct gateway *g = s->connection->gateway;
    struct joining *j = malloc(sizeof *j);
    assert(j);
    *j = *how;
    j->sub = s;
    take_cache(j, config_namespace_of(g->config, channel_full(s->channel)));
    j->data = copy(how->data);
    list_init(&j->due);
    wheel_timer_init(&j->deadline, too_late);
    if (j->answers != JOIN_PUSH) /* who waits for nothing needs no error */
        wheel_set(&g->wheel, &j->deadline, g->now_ns + g->options->subscribe_timeout * NS_PER_MS);
    sub_extras(s)->joining = j;
    s->sent = j->since.recover ? j->since.offset : 0;
    if (j->answers == JOIN_COMMAND)
        connection_began(s->connection, true);
    if (j->invitation)
        invitation_waits(j->invitation);
    join_decide_soon(s);
}

void join_forget(struct sub *s)
{
    struct joining *j = s->extras ? s->extras->joining : NULL;
    if (!j)
        return;
    ops_cancel(s->connection->gateway, j->ticket);
    wheel_cancel(&j->deadline);
    list_remove(&j->due);
    if (j->answers == JOIN_COMMAND)
        connection_ended(s->connection, true);
    invitation_came(j->invitation);
    s->extras->joining = NULL;
    free((char *)j->data.p);
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

void join_fail(struct sub *s, uint32_t code)
{
    struct connection *c = s->connection;
    const struct joining *j = s->extras->joining;
    enum join_for answers = j->answers;
    uint32_t id = j->id;
    sub_end(s);
    if (answers == JOIN_CONNECT)
        entrance_fail(c, code);
    else if (answers == JOIN_PUSH)
        connection_disconnect(c, DISCONNECT_INSUFFICIENT_STATE, NULL);
    else
        connection_reply_error(c, id, code);
}

/* ---- the reply */

static struct frame *next_missed(struct sub *s)
{
    struct channel *c = s->channel;
    if (s->sent >= c->head)
        return NULL;
    return s->sent >= channel_base(c) ? channel_frame(c, s->sent + 1) : page_next(s);
}

/* most: bytes */
static void list_publications(struct sub *s, struct buf *into, size_t most)
{
    struct frame *f;
    while ((f = next_missed(s))) {
        if (filter_drops(s, f))
            continue;
        struct bytes form = delta_form(s, f);
        if (into->n + form.n > most || hold_lacks(s, f))
            return;
        wire_put_str(into, form);
        sub_told(s, f);
        delta_count(s->connection->gateway, f, form);
        s->connection->gateway->metrics.deliveries_total++;
        budget_charge(channel_budget(s->channel)); /* a reply does not wait, but is paid for */
    }
}

static struct reply_subscribed result_of(const struct sub *s, bool recovered)
{
    const struct joining *j = s->extras->joining;
    return (struct reply_subscribed){.ttl = j->ttl,
                                     .positioned = s->positioned,
                                     .recoverable = s->recoverable,
                                     .epoch = s->channel->epoch,
                                     .offset = recovered ? j->since.offset : s->channel->head,
                                     .was_recovering = j->since.recover,
                                     .recovered = recovered,
                                     .delta = s->deltas,
                                     .data = j->data};
}

/* Before the answer is written: the cursor stands where the answer says. */
static void stand(struct sub *s, bool recovered)
{
    struct gateway_metrics *m = &s->connection->gateway->metrics;
    m->subscribes_total++;
    if (s->extras->joining->since.recover && s->recoverable)
        *(recovered ? &m->recovered_total : &m->unrecovered_total) += 1;
    if (recovered)
        return;
    page_leave(s);
    s->sent = s->channel->head;
}

/* Behind the answer. */
static void go_live(struct sub *s)
{
    join_forget(s);
    s->live = true;
    if (s->sent < s->channel->head)
        sub_extras(s)->old = s->channel->head;
    if (s->present)
        sub_tell_presence(s, false);
    if (s->connection->unfocused)
        passive_begin(s);
}

/* Of what was missed; the rest follows as pushes. Replies to a socket that is full would pile up, and are bounded; cursors
 * are not. */
static size_t reply_takes(const struct connection *c)
{
    const struct gateway_options *o = c->gateway->options;
    return c->blocked || c->out.n > (size_t)o->replies_max / 2 ? 0 : (size_t)o->recovered_bytes;
}

static void reply(struct sub *s, bool recovered)
{
    struct connection *c = s->connection;
    const struct joining *j = s->extras->joining;
    struct reply_subscribed r = result_of(s, recovered);
    struct buf publications = {0};
    if (recovered)
        list_publications(s, &publications, reply_takes(c));
    r.publications = buf_bytes(&publications);
    reply_put(c->encoding, &c->out, &(struct reply){.id = j->id, .kind = REPLY_SUBSCRIBE, .subscribed = r});
    buf_fini(&publications);
    go_live(s);
    connection_said(c);
}

/* What was missed follows as pushes. */
static void push(struct sub *s, bool recovered)
{
    struct connection *c = s->connection;
    struct reply_subscribed r = result_of(s, recovered);
    r.was_recovering = r.recovered = false; /* a push has no such members */
    push_put(c->encoding, &c->out, s->channel, s->full, &(struct push){.kind = PUSH_SUBSCRIBE, .subscribed = r});
    go_live(s);
    connection_said(c);
}

/* Its page may have gone since: what was there goes on to be, and follows the answer. */
static bool stays_settled(const struct sub *s)
{
    const struct joining *j = s->extras->joining;
    return j->settled && s->channel->state == CHANNEL_LIVE && s->channel->epoch == j->settled_epoch;
}

/* It does not keep its page from the others of its connect, which may need more of them than there are. */
static void settle(struct sub *s)
{
    struct connection *c = s->connection;
    struct joining *j = s->extras->joining;
    if (!j->settled)
        c->extras->entrance->unsettled--;
    j->settled = true;
    j->settled_epoch = s->channel->epoch;
    if (pages_are_wanted(c->gateway))
        page_leave(s);
    if (c->extras->entrance->unsettled == 0)
        entrance_settled(c);
}

static void succeed(struct sub *s, bool recovered)
{
    enum join_for answers = s->extras->joining->answers;
    if (answers == JOIN_CONNECT) {
        settle(s);
        return;
    }
    stand(s, recovered);
    if (answers == JOIN_PUSH)
        push(s, recovered);
    else
        reply(s, recovered);
}

void join_unrecovered(struct sub *s)
{
    struct joining *j = s->extras->joining;
    j->lost = true;
    if (j->reject)
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
    if (answer->code && j->answers != JOIN_PUSH) {
        join_fail(s, 100);
    } else if (answer->code == 0 && answer->epoch == s->channel->epoch && answer->head >= j->since.offset) {
        j->confirmed_epoch = answer->epoch;
        join_decide_soon(s);
    } else if (s->channel->head >= j->since.offset) {
        join_decide_soon(s); /* it came here meanwhile */
    } else {
        join_unrecovered(s);
    }
}

static void ask_head(struct sub *s)
{
    struct joining *j = s->extras->joining;
    if (j->ticket == 0)
        j->ticket = ops_ask_head(s->connection->gateway, channel_full(s->channel), j->since.offset, head_said, s);
}

enum outcome { WAITS, RECOVERED, UNRECOVERED };

static bool stands_at(const struct sub *s, uint64_t seq)
{
    const struct since *since = &s->extras->joining->since;
    return since->offset == seq && (!since->has_epoch || since->epoch == s->channel->epoch);
}

/* Recovers from just before the newest; the head may have moved since a page with what was that was asked for. */
static enum outcome judge_newest(struct sub *s)
{
    struct channel *c = s->channel;
    struct since *since = &s->extras->joining->since;
    bool has_it = stands_at(s, c->head), had_all = c->head && stands_at(s, c->head - 1);
    if (!has_it && c->head == 0)
        return UNRECOVERED;
    s->sent = has_it ? c->head : c->head - 1;
    if (s->sent >= channel_base(c))
        page_leave(s);
    if (has_it)
        return RECOVERED;
    const struct frame *f = next_missed(s);
    if (!f)
        return WAITS;
    if (f->removal && !had_all)
        return UNRECOVERED;
    *since = (struct since){.recover = true, .offset = s->sent, .has_epoch = true, .epoch = c->epoch};
    return RECOVERED;
}

/* What it waits for has been asked for. */
static enum outcome judge(struct sub *s)
{
    struct channel *c = s->channel;
    const struct joining *j = s->extras->joining;
    if (c->state != CHANNEL_LIVE)
        return WAITS;
    if (!j->since.recover || !s->recoverable || j->lost)
        return UNRECOVERED;
    if (j->newest)
        return judge_newest(s);
    if (j->since.has_epoch && j->since.epoch != c->epoch)
        return UNRECOVERED;
    if (j->since.offset > c->head && j->confirmed_epoch != c->epoch) {
        ask_head(s);
        return WAITS;
    }
    return j->since.offset >= channel_floor(c) || page_next(s) ? RECOVERED : WAITS;
}

static void decide(struct sub *s)
{
    if (stays_settled(s))
        return;
    enum outcome outcome = judge(s);
    if (outcome == UNRECOVERED && s->extras->joining->since.recover && s->recoverable)
        join_unrecovered(s);
    else if (outcome != WAITS)
        succeed(s, outcome == RECOVERED);
}

bool join_is_settled(struct sub *s)
{
    struct joining *j = s->extras->joining;
    j->settled = stays_settled(s) || judge(s) != WAITS;
    j->settled_epoch = s->channel->epoch;
    return j->settled;
}

void join_enter(struct sub *s, struct buf *entries)
{
    size_t most = (size_t)s->connection->gateway->options->recovered_bytes; /* of all of them */
    bool recovered = judge(s) != UNRECOVERED; /* its page may have gone for one of the others': it follows all the same */
    struct reply_subscribed r = result_of(s, recovered);
    struct buf publications = {0};
    stand(s, recovered);
    if (recovered && entries->n < most)
        list_publications(s, &publications, most - entries->n);
    r.publications = buf_bytes(&publications);
    reply_put_entry(s->connection->encoding, entries, channel_spelling(s->channel, s->full), &r);
    buf_fini(&publications);
    go_live(s);
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
