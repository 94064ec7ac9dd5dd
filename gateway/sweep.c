#include "sweep.h"

#include "flow.h"

#include "core/clock.h"
#include "run/log.h"

#define QUIET_NS (20 * NS_PER_S)
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
                 BYTES_FMT(c->full), (unsigned long long)c->epoch, (unsigned long long)c->head,
                 (unsigned long long)answer->epoch, (unsigned long long)answer->head);
    if (missed)
        flow_subscribed(c->gateway, &(struct fan_subscribed){.channel = c->full, .epoch = answer->epoch, .seq = answer->head});
}

void sweep_heads(struct gateway *g)
{
    struct channel *c;
    int asked = 0;
    map_for_each(c, &g->channels, by_name)
    {
        if (asked >= AT_ONCE)
            return;
        if (c->state != CHANNEL_LIVE || c->ephemeral || c->sweep || (c->n_subs == 0 && !c->heard) || g->now_ns - c->heard_ns < QUIET_NS)
            continue;
        c->heard_ns = g->now_ns; /* not again for as long */
        c->sweep = ops_ask_head(g, c->full, c->head, head_came, c);
        asked++;
    }
}

void sweep_forget(struct channel *c)
{
    ops_cancel(c->gateway, c->sweep);
    c->sweep = 0;
}
