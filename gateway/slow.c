#include "slow.h"

#include "gateway.h"
#include "sub.h"

#include "run/log.h"

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

static void count(struct gateway *g)
{
    const struct connection *c;
    g->metrics.slow_connections = g->metrics.slow_subscriptions = g->metrics.unread_bytes = 0;
    list_for_each(c, &g->slow, talking)
    {
        g->metrics.slow_connections++;
        g->metrics.unread_bytes += (int64_t)c->out.n;
        for (uint32_t i = 0; i < c->n_subs; i++)
            g->metrics.slow_subscriptions += sub_is_behind(c->subs[i]);
    }
}

/* Who has more than an even share goes, who has been slow for longest first, until the others fit. */
static void bound(struct gateway *g)
{
    struct connection *c, *next;
    int64_t most = g->options->unread_bytes, share = most / (g->metrics.slow_connections + 1), before = g->metrics.unread_bytes;
    list_for_each_safe(c, next, &g->slow, talking)
    {
        if (g->metrics.unread_bytes <= most)
            break;
        if ((int64_t)c->out.n <= share)
            continue;
        g->metrics.unread_bytes -= (int64_t)c->out.n;
        connection_disconnect(c, DISCONNECT_SLOW, NULL);
    }
    if (before > most)
        log_warn("unread_bound", "bytes=%lld left=%lld slow clients are disconnected: --unread-bytes", (long long)before, (long long)g->metrics.unread_bytes);
}

void slow_tick(struct gateway *g)
{
    count(g);
    bound(g);
}
