#include "sweep.h"

#include "flow.h"

#include "run/log.h"

#define QUIET_MS 20000
#define AT_ONCE 500 /* channels asked for in one call; with one call per second 10,000 quiet ones are seen in 20 s */

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

void sweep_heads(struct gateway *g)
{
    struct channel *c;
    int asked = 0;
    map_for_each(c, &g->channels, by_name)
    {
        if (asked >= AT_ONCE)
            return;
        if (c->state != CHANNEL_LIVE || c->ephemeral || c->sweep || (c->n_subs == 0 && !c->heard) || gateway_now_ms(g) - c->heard_ms < QUIET_MS)
            continue;
        c->heard_ms = gateway_now_ms(g); /* not again for as long */
        c->sweep = ops_ask_head(g, channel_full(c), c->head, head_came, c);
        asked++;
    }
}

void sweep_forget(struct channel *c)
{
    ops_cancel(c->gateway, c->sweep);
    c->sweep = 0;
}
