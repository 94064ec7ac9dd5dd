#include "passive.h"

#include "connection.h"
#include "ephemeral.h"
#include "gateway.h"
#include "hub.h"
#include "page.h"
#include "reply.h"
#include "slow.h"
#include "sub.h"

#define BEHIND (16 << 10) /* bytes that wait for a client; above, it is told a second later */

static void fire(struct wheel_timer *t);

void passive_init(struct passive *p)
{
    *p = (struct passive){0};
    wheel_timer_init(&p->timer, fire);
}

bool passive_is_idle(const struct passive *p)
{
    return p->n == 0 && !list_is_linked(&p->timer.link);
}

static void set(struct channel *c, int64_t at_ns)
{
    wheel_set(&c->gateway->wheel, &c->extras->passive.timer, at_ns);
}

/* ---- telling */

static void tell(struct sub *s)
{
    struct channel *c = s->channel;
    struct gateway *g = c->gateway;
    if (s->sent >= c->head)
        return;
    if (s->connection->out.n > BEHIND) {
        c->extras->passive.moved = true;
        return;
    }
    push_put(s->connection->encoding, &s->connection->out, c, s->full,
             &(struct push){.kind = PUSH_HEAD, .head = {.epoch = c->epoch, .offset = c->head}});
    g->metrics.heads_told_total++;
    connection_said(s->connection);
}

/* From the last one down: whoever ends meanwhile, the one that takes its place has been told. -> whether some are left */
static bool tell_some(struct channel *c)
{
    struct passive *p = &c->extras->passive;
    uint32_t at = p->left < c->n_subs ? p->left : c->n_subs;
    uint32_t end = at > PASSIVE_SLICE ? at - PASSIVE_SLICE : 0;
    while (at-- > end)
        if (at < c->n_subs && c->subs[at]->passive)
            tell(c->subs[at]);
    p->left = end;
    return end > 0;
}

static void go_on(struct channel *c)
{
    struct passive *p = &c->extras->passive;
    if (p->left == 0) {
        p->left = p->moved ? c->n_subs : 0;
        p->moved = false;
        p->next_ns = c->gateway->now_ns + PASSIVE_NS;
    }
    if (p->left == 0) {
        channel_tidy(c);
        return;
    }
    set(c, p->next_ns); /* while it is set the extras stay, whoever ends */
    if (tell_some(c))
        set(c, c->gateway->now_ns);
}

static void fire(struct wheel_timer *t)
{
    struct passive *p = container_of(t, struct passive, timer);
    go_on(container_of(p, struct channel_extras, passive)->channel);
}

void passive_news(struct channel *c)
{
    struct passive *p = c->extras ? &c->extras->passive : NULL;
    if (!p || p->n == 0 || c->ephemeral)
        return;
    p->moved = true;
    if (!list_is_linked(&p->timer.link))
        set(c, c->gateway->now_ns);
}

/* ---- one subscription */

void passive_begin(struct sub *s)
{
    struct channel *c = s->channel;
    if (s->passive)
        return;
    s->passive = true;
    channel_extras(c)->passive.n++;
    c->gateway->metrics.passive_subscriptions++;
    page_leave(s);
    if (s->sent < c->head)
        passive_news(c);
}

void passive_forget(struct sub *s)
{
    struct channel *c = s->channel;
    if (!s->passive)
        return;
    s->passive = false;
    c->extras->passive.n--;
    c->gateway->metrics.passive_subscriptions--;
    channel_tidy(c);
}

void passive_end(struct sub *s)
{
    if (!s->passive)
        return;
    passive_forget(s);
    if (s->channel->ephemeral)
        sub_pass(s, s->channel->head);
    slow_skip(s);
    if (s->sent >= s->channel->head)
        return;
    sub_extras(s)->old = s->channel->head;
    connection_dirty(s->connection);
}
