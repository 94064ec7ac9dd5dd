#include "budget.h"

#include "connection.h"
#include "gateway.h"
#include "hub.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define METER_WEIGHT 0.4   /* of the newest measuring */
#define WAIT_MOST_NS (60 * NS_PER_S) /* looked at again by then */
#define RELEASED_AT_ONCE 16
#define SHED_S 0.5         /* ephemeral ones are shed when less than so many seconds' worth is left */

void budgets_init(struct budgets *b, int64_t now_ns)
{
    *b = (struct budgets){.gateways = 1, .measured_ns = now_ns};
    map_init(&b->all);
    map_init(&b->outlets);
    list_init(&b->waiting);
    list_init(&b->by_age);
}

static void outlet_free(struct budgets *b, struct outlet *o)
{
    map_remove(&b->outlets, &o->by_channel);
    list_remove(&o->by_age);
    free(o);
}

static void forget_outlets(struct budgets *b)
{
    while (!list_is_empty(&b->by_age))
        outlet_free(b, list_first(&b->by_age, struct outlet, by_age));
}

void budgets_fini(struct budgets *b)
{
    struct budget *budget;
    forget_outlets(b);
    map_for_each (budget, &b->all, by_tenant)
        free(budget);
    map_fini(&b->all);
    map_fini(&b->outlets);
}

/* ---- quotas and shares */

/* max(rate / gateways, rate - others'): the others keep what they use, up to their even share. */
static double share(double rate, double others, uint32_t gateways)
{
    double even = rate / gateways, left = rate - others;
    return left > even ? left : even;
}

static void take_shares(struct budget *b, const struct tenant_options *o, uint32_t gateways)
{
    b->connection_limit = (uint32_t)o->connection_limit;
    b->publish_rate = share((double)o->publish_rate, b->others.publishes, gateways);
    b->publish_bytes = share((double)o->publish_bytes, b->others.bytes, gateways);
    b->delivery_rate = share((double)o->delivery_rate, b->others.deliveries, gateways);
}

static void configure(struct gateway *g, struct budget *b)
{
    static const struct tenant_options none;
    const struct config_tenant *t = g->config ? config_tenant(g->config, b->tenant) : NULL;
    take_shares(b, t ? &t->options : &none, g->budgets.gateways);
}

static struct budget *find(const struct budgets *b, struct bytes tenant)
{
    return map_find_bytes(&b->all, tenant, struct budget, by_tenant, tenant);
}

struct budget *budget_of(struct gateway *g, struct bytes tenant)
{
    struct budget *b = find(&g->budgets, tenant);
    if (b || !g->config || !config_tenant(g->config, tenant))
        return b;
    b = calloc(1, sizeof *b + tenant.n);
    assert(b);
    memcpy(b->text, tenant.p, tenant.n);
    b->tenant = bytes_of(b->text, tenant.n);
    list_init(&b->waits);
    list_init(&b->late);
    map_insert(&g->budgets.all, &b->by_tenant, hash_bytes(b->tenant));
    configure(g, b);
    return b;
}

void budgets_configured(struct gateway *g)
{
    struct budget *b;
    map_for_each (b, &g->budgets.all, by_tenant)
        configure(g, b);
    forget_outlets(&g->budgets);
}

/* ---- connections */

static bool has_place(struct gateway *g, struct budget *b)
{
    if (!b || !b->connection_limit || b->connections + b->others.connections < b->connection_limit)
        return true;
    g->metrics.quota_connections_refused_total++;
    b->refused.counted++;
    return false;
}

bool budget_has_place(struct gateway *g, struct bytes tenant)
{
    return has_place(g, budget_of(g, tenant));
}

bool budget_enter(struct gateway *g, struct bytes tenant)
{
    struct budget *b = budget_of(g, tenant);
    if (!has_place(g, b))
        return false;
    if (b)
        b->connections++;
    return true;
}

void budget_leave(struct gateway *g, struct bytes tenant)
{
    struct budget *b = find(&g->budgets, tenant);
    if (b && b->connections)
        b->connections--;
}

/* ---- publishes */

static struct outlet *outlet_of(struct budgets *b, struct bytes channel)
{
    struct outlet *o = map_find_bytes(&b->outlets, channel, struct outlet, by_channel, channel);
    if (o) {
        list_remove(&o->by_age);
        list_append(&b->by_age, &o->by_age);
        return o;
    }
    if (b->outlets.count >= BUDGET_CHANNELS_MAX)
        outlet_free(b, list_first(&b->by_age, struct outlet, by_age));
    o = calloc(1, sizeof *o + channel.n);
    assert(o);
    memcpy(o->text, channel.p, channel.n);
    o->channel = bytes_of(o->text, channel.n);
    map_insert(&b->outlets, &o->by_channel, hash_bytes(o->channel));
    list_append(&b->by_age, &o->by_age);
    return o;
}

/* -> NULL, or which is used up */
static const char *channel_used_up(struct outlet *o, const struct namespace_options *n, int64_t now_ns)
{
    if (!bucket_has(&o->publishes, (double)n->publish_rate, 0, now_ns))
        return "quota publish_rate of the channel's namespace";
    return bucket_has(&o->bytes, (double)n->publish_bytes, 0, now_ns) ? NULL : "quota publish_bytes of the channel's namespace";
}

static const char *tenant_used_up(struct budget *b, int64_t now_ns)
{
    if (!bucket_has(&b->publishes, b->publish_rate, 0, now_ns))
        return "quota publish_rate of the tenant";
    return bucket_has(&b->bytes, b->publish_bytes, 0, now_ns) ? NULL : "quota publish_bytes of the tenant";
}

static void charge_publish(struct budget *b, struct outlet *o, const struct namespace_options *n, size_t bytes, int64_t now_ns)
{
    b->published.counted += 1;
    b->published_bytes.counted += (double)bytes;
    bucket_take(&b->publishes, b->publish_rate, 1, now_ns);
    bucket_take(&b->bytes, b->publish_bytes, (double)bytes, now_ns);
    if (!o)
        return;
    bucket_take(&o->publishes, (double)n->publish_rate, 1, now_ns);
    bucket_take(&o->bytes, (double)n->publish_bytes, (double)bytes, now_ns);
}

uint32_t budget_publish(struct gateway *g, struct bytes channel, size_t bytes, const char **ret_which)
{
    const struct config_namespace *ns = config_namespace_of(g->config, channel);
    struct budget *b = ns ? budget_of(g, ns->tenant->name) : NULL;
    if (!b)
        return 0;
    const struct namespace_options *n = &ns->options;
    struct outlet *o = n->publish_rate || n->publish_bytes ? outlet_of(&g->budgets, channel) : NULL;
    const char *own = o ? channel_used_up(o, n, g->now_ns) : NULL, *which = own ? own : tenant_used_up(b, g->now_ns);
    if (!which) {
        charge_publish(b, o, n, bytes, g->now_ns);
        return 0;
    }
    g->metrics.quota_publishes_refused_total++;
    b->refused.counted++;
    *ret_which = which;
    return own ? 132 : 131;
}

void budget_refused(struct gateway *g, struct bytes channel)
{
    struct bytes tenant, name;
    struct budget *b = channel_split(channel, &tenant, &name) ? find(&g->budgets, tenant) : NULL;
    if (b)
        b->refused.counted++;
}

/* ---- deliveries */

bool budget_is_spent(const struct channel *c)
{
    struct budget *b = c->ephemeral ? NULL : channel_budget(c);
    return b && !bucket_has(&b->deliveries, b->delivery_rate, 0, c->gateway->now_ns);
}

void budget_set_aside(struct channel *c)
{
    struct budget *b = channel_budget(c);
    struct gateway *g = c->gateway;
    g->metrics.quota_deliveries_late_total++;
    drr_leave(&c->dirty);
    list_append(&b->late, &c->dirty.turn);
    if (!list_is_linked(&b->waits))
        list_append(&g->budgets.waiting, &b->waits);
}

bool budget_admits(struct channel *c)
{
    struct budget *b = channel_budget(c);
    if (!b)
        return true;
    if (!bucket_has(&b->deliveries, b->delivery_rate, b->delivery_rate * SHED_S, c->gateway->now_ns)) {
        c->gateway->metrics.quota_ephemeral_dropped_total += c->n_subs;
        return false;
    }
    b->deliveries.left -= c->n_subs;
    b->delivered.counted += c->n_subs;
    return true;
}

static double worth_waiting_for(const struct budget *b)
{
    return b->delivery_rate * BUDGET_LATE_MS / 1000;
}

/* -> ns until there is so much of it that going on is worth it */
static int64_t wait_of(struct budget *b, int64_t now_ns)
{
    double level = worth_waiting_for(b);
    if (bucket_has(&b->deliveries, b->delivery_rate, level, now_ns))
        return 0;
    return (int64_t)((level - b->deliveries.left) / b->delivery_rate * NS_PER_S) + 1;
}

static void release(struct budget *b)
{
    for (int n = 0; n < RELEASED_AT_ONCE && !list_is_empty(&b->late); n++) {
        struct channel *c = list_first(&b->late, struct channel, dirty.turn);
        list_remove(&c->dirty.turn);
        fairflush_channel(c);
    }
    if (list_is_empty(&b->late))
        list_remove(&b->waits);
}

void budgets_release(struct gateway *g)
{
    struct budget *b, *next;
    list_for_each_safe (b, next, &g->budgets.waiting, waits)
        if (wait_of(b, g->now_ns) == 0)
            release(b);
}

int32_t budgets_next_ms(const struct gateway *g)
{
    struct budget *b;
    int64_t least = INT64_MAX;
    list_for_each (b, &g->budgets.waiting, waits) {
        int64_t wait = wait_of(b, g->now_ns);
        least = wait < least ? wait : least;
    }
    if (least > WAIT_MOST_NS)
        least = WAIT_MOST_NS;
    return list_is_empty(&g->budgets.waiting) ? -1 : (int32_t)((least + NS_PER_MS - 1) / NS_PER_MS);
}

/* ---- sharing */

static void measure(struct meter *m, double seconds)
{
    m->rate += (m->counted / seconds - m->rate) * METER_WEIGHT;
    m->counted = 0;
    if (m->rate < 0.01)
        m->rate = 0;
}

static bool has_quota(const struct budget *b)
{
    return b->connection_limit || b->publish_rate > 0 || b->publish_bytes > 0 || b->delivery_rate > 0;
}

static void report(const struct budget *b, struct buf *list)
{
    struct tenant_usage u = {.tenant = b->tenant,
                             .connections = b->connections,
                             .publishes_m = (uint64_t)(b->published.rate * 1000),
                             .bytes = (uint64_t)b->published_bytes.rate,
                             .deliveries = (uint64_t)b->delivered.rate};
    if (has_quota(b) && (u.connections || u.publishes_m || u.bytes || u.deliveries))
        wire_put_tenant_usage(list, &u);
}

bool budgets_report(struct gateway *g, struct buf *list)
{
    struct budget *b;
    double seconds = (double)(g->now_ns - g->budgets.measured_ns) / NS_PER_S;
    if (seconds <= 0)
        return false;
    g->budgets.measured_ns = g->now_ns;
    map_for_each (b, &g->budgets.all, by_tenant) {
        measure(&b->published, seconds);
        measure(&b->published_bytes, seconds);
        measure(&b->delivered, seconds);
        measure(&b->refused, seconds);
        report(b, list);
    }
    bool told = g->budgets.told;
    g->budgets.told = list->n > 0;
    return g->budgets.heard && (told || g->budgets.told);
}

int budgets_heard(struct gateway *g, const struct ctl_usage *m)
{
    struct bytes list = m->tenants;
    struct tenant_usage u;
    struct budget *b;
    int more;
    g->budgets.heard = true;
    g->budgets.gateways = m->gateways ? m->gateways : 1;
    map_for_each (b, &g->budgets.all, by_tenant)
        b->others = (__typeof__(b->others)){0};
    while ((more = wire_next_tenant_usage(&list, &u)) > 0) {
        b = budget_of(g, u.tenant);
        if (b)
            b->others = (__typeof__(b->others)){u.connections, (double)u.publishes_m / 1000, (double)u.bytes, (double)u.deliveries};
    }
    map_for_each (b, &g->budgets.all, by_tenant)
        configure(g, b);
    return more;
}
