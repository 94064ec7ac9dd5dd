#include "tenant.h"

#include "gateway.h"

#include <assert.h>
#include <stdlib.h>

/* Of one without a name, or of nobody's, there is nothing to be read. */
static void weigh(const struct gateway *g, struct tenant *t)
{
    const struct config_tenant *configured = g->config ? config_tenant(g->config, t->name) : NULL;
    drr_weigh(&t->turn, configured ? configured->options.weight : DRR_WEIGHT);
}

static struct bytes known_as(const struct gateway *g, struct bytes name)
{
    return g->options->fair_queuing ? name : BYTES("");
}

struct tenant *tenant_find(const struct gateway *g, struct bytes name)
{
    return map_find_bytes(&g->tenants, known_as(g, name), struct tenant, by_name, name);
}

static struct tenant *make(struct gateway *g, struct bytes name)
{
    struct tenant *t = calloc(1, sizeof *t + name.n);
    assert(t);
    memcpy(t->text, name.n ? name.p : "", name.n);
    t->name = bytes_of(t->text, name.n);
    list_init(&t->talking);
    list_init(&t->page_waiters);
    drr_flow_init(&t->page_turn);
    drr_flow_init(&t->turn);
    drr_init(&t->dirty, fairflush_quantum(g));
    weigh(g, t);
    map_insert(&g->tenants, &t->by_name, hash_bytes(t->name));
    return t;
}

struct tenant *tenant_ref(struct gateway *g, struct bytes name)
{
    struct tenant *t = tenant_find(g, name);
    if (!t)
        t = make(g, known_as(g, name));
    t->refs++;
    return t;
}

void tenant_unref(struct gateway *g, struct tenant *t)
{
    if (!t || --t->refs)
        return;
    assert(list_is_empty(&t->talking) && drr_is_empty(&t->dirty) && list_is_empty(&t->page_waiters) && t->pages == 0);
    g->metrics.tenants_slowed -= t->noise.noisy;
    drr_leave(&t->turn);
    map_remove(&g->tenants, &t->by_name);
    free(t);
}

void tenants_configure(struct gateway *g)
{
    struct tenant *t;
    map_for_each(t, &g->tenants, by_name)
        weigh(g, t);
}
