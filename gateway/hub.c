#include "hub.h"

#include "fan_link.h"
#include "passive.h"
#include "sweep.h"
#include "tenant.h"

#include "core/clock.h"
#include "wire/option_bounds.h"

struct channel *hub_find(const struct gateway *g, struct bytes full)
{
    return hub_find_hashed(g, full, hash_bytes(full));
}

struct channel *hub_find_hashed(const struct gateway *g, struct bytes full, uint64_t hash)
{
    for (struct map_node *at = map_bucket(&g->channels, hash); at; at = at->next) {
        struct channel *c = container_of(at, struct channel, by_name);
        if (at->hash == hash && bytes_equal(channel_full(c), full))
            return c;
    }
    return NULL;
}

void hub_give_up(struct wheel_timer *t)
{
    struct channel *c = container_of(t, struct channel_extras, linger)->channel;
    struct gateway *g = c->gateway;
    fan_unsubscribe(g->fan, c);
    sweep_forget(c);
    map_remove(&g->channels, &c->by_name);
    g->metrics.channels--;
    channel_free(&g->rings, c);
}

void hub_configure(struct channel *c)
{
    const struct config_namespace *ns = config_namespace_of(c->gateway->config, channel_full(c));
    int64_t delay = ns ? ns->options.batch_delay : 0;
    c->conflates = ns && ns->conflates;
    c->deltas = ns && ns->deltas && ns->options.delta_publish;
    bool limited = ns && ns->tenant->options.delivery_rate;
    if (limited || c->extras)
        channel_extras(c)->budget = limited ? budget_of(c->gateway, ns->tenant->name) : NULL;
    channel_tidy(c);
    c->batch_ms = (uint16_t)(delay < BATCH_DELAY_MAX ? delay : BATCH_DELAY_MAX);
}

struct channel *hub_open(struct gateway *g, struct bytes full)
{
    struct channel *c = hub_find(g, full);
    if (c && c->extras) {
        wheel_cancel(&c->extras->linger);
        channel_tidy(c);
    }
    if (c)
        return c;
    c = channel_new(g, full);
    c->tenant = tenant_ref(g, channel_tenant(c));
    c->ephemeral = config_is_ephemeral(g->config, full);
    hub_configure(c);
    c->heard_ms = gateway_now_ms(g);
    map_insert(&g->channels, &c->by_name, hash_bytes(channel_full(c)));
    g->metrics.channels++;
    fan_subscribe(g->fan, c);
    return c;
}

void hub_release(struct channel *c)
{
    struct gateway *g = c->gateway;
    if (c->n_subs == 0 && !c->heard)
        wheel_set(&g->wheel, &channel_extras(c)->linger, g->now_ns + g->options->channel_linger * NS_PER_MS);
}

void hub_forget_removed(struct channel *c)
{
    uint64_t floor = channel_floor(c), base = channel_base(c);
    for (uint32_t i = 0; floor > base && i < c->n_subs; i++)
        if (sub_is_behind(c->subs[i]) && c->subs[i]->sent >= base && c->subs[i]->sent < floor)
            return;
    channel_forget(&c->gateway->rings, c, floor);
    c->removed = false;
}

void hub_queue(struct channel *c)
{
    if (!batch_hold(c->gateway, c))
        fairflush_channel(c);
}

void hub_news(struct channel *c)
{
    passive_news(c);
    hub_dirty(c);
}

void hub_dirty(struct channel *c)
{
    if (c->batched)
        batch_more(c);
    else if (drr_is_waiting(&c->dirty))
        c->flush_again = true;
    else if (c->n_subs)
        hub_queue(c);
}
