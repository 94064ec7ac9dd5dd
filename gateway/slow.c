#include "slow.h"

#include "gateway.h"
#include "sub.h"

void slow_begins(struct connection *c)
{
    c->blocked = true;
    list_remove(&c->talking);
    list_append(&c->gateway->slow, &c->talking);
}

void slow_ends(struct connection *c)
{
    if (!c->blocked)
        return;
    c->blocked = false;
    list_remove(&c->talking);
}

void slow_skip(struct sub *s)
{
    uint64_t newest = s->channel->head;
    if (!s->live || s->positioned || !s->channel->conflates || s->sent + 1 >= newest)
        return;
    s->connection->gateway->metrics.conflated_total += newest - 1 - s->sent;
    sub_pass(s, newest - 1);
}

void slow_conflate(struct connection *c)
{
    for (uint32_t i = 0; i < c->n_subs; i++)
        slow_skip(c->subs[i]);
}

void slow_count(struct gateway *g)
{
    const struct connection *c;
    g->metrics.slow_connections = g->metrics.slow_subscriptions = 0;
    list_for_each(c, &g->slow, talking)
    {
        g->metrics.slow_connections++;
        for (uint32_t i = 0; i < c->n_subs; i++)
            g->metrics.slow_subscriptions += sub_is_behind(c->subs[i]);
    }
}
