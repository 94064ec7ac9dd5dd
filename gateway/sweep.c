#include "sweep.h"

#include "flow.h"

#include "run/log.h"

#define QUIET_MS 20000
#define AT_ONCE 500 /* channels asked for in one call: with one a second, 10,000 quiet ones have been seen after 20 s, 100,000 after 200 s */

static void head_came(void *ctx, const struct ops_head *answer)
{
    struct channel *c = ctx;
    c->sweep = 0;
    if (answer->code || c->state != CHANNEL_LIVE)
        return;
    bool missed = answer->epoch > c->epoch || (answer->epoch == c->epoch && answer->head > c->head);
    if (missed)
        log_warn("head_missed", "channel=%.*s epoch=%llu head=%llu theirs=%llu/%llu what is missing is read",
                 BYTES_FMT(channel_full(c)), (unsigned long long)c->epoch, (unsigned long long)c->head,
                 (unsigned long long)answer->epoch, (unsigned long long)answer->head);
    if (missed)
        flow_subscribed(c->gateway, &(struct fan_subscribed){.channel = channel_full(c), .epoch = answer->epoch, .seq = answer->head});
}

static bool is_due(const struct gateway *g, const struct channel *c)
{
    return c->state == CHANNEL_LIVE && !c->ephemeral && !c->sweep && (c->n_subs || c->heard) && gateway_now_ms(g) - c->heard_ms >= QUIET_MS;
}

static struct channel *next_in_turn(struct gateway *g)
{
    struct map_node *at = g->sweep_next ? g->sweep_next : map_next(&g->channels, NULL);
    g->sweep_next = map_next(&g->channels, at);
    return container_of(at, struct channel, by_name);
}

/* Goes on where it stopped, so that each has its turn however many there are. */
void sweep_heads(struct gateway *g)
{
    int asked = 0;
    for (size_t n = g->channels.count; n && asked < AT_ONCE; n--) {
        struct channel *c = next_in_turn(g);
        if (!is_due(g, c))
            continue;
        c->heard_ms = gateway_now_ms(g); /* not again for as long */
        c->sweep = ops_ask_head(g, channel_full(c), c->head, head_came, c);
        asked++;
    }
}

void sweep_forget(struct channel *c)
{
    struct gateway *g = c->gateway;
    if (g->sweep_next == &c->by_name)
        g->sweep_next = map_next(&g->channels, g->sweep_next);
    ops_cancel(g, c->sweep);
    c->sweep = 0;
}
