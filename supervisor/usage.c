#include "usage.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- sums */

struct sum {
    struct map_node by_tenant; /* of a map of sums */
    struct tenant_usage usage; /* its text belongs to a report */
};

static struct sum *sum_of(struct map *sums, struct bytes tenant)
{
    struct sum *s = map_find_bytes(sums, tenant, struct sum, by_tenant, usage.tenant);
    if (s)
        return s;
    s = calloc(1, sizeof *s);
    assert(s);
    s->usage.tenant = tenant;
    map_insert(sums, &s->by_tenant, hash_bytes(tenant));
    return s;
}

static void add_report(struct map *sums, struct bytes list)
{
    struct tenant_usage u;
    while (wire_next_tenant_usage(&list, &u) > 0) {
        struct tenant_usage *s = &sum_of(sums, u.tenant)->usage;
        s->connections += u.connections;
        s->publishes_m += u.publishes_m;
        s->bytes += u.bytes;
        s->deliveries += u.deliveries;
    }
}

void usage_of_others(const struct buf *reports, size_t n, size_t but, struct buf *into)
{
    struct map sums;
    struct sum *s;
    map_init(&sums);
    for (size_t i = 0; i < n; i++)
        if (i != but && reports[i].n)
            add_report(&sums, buf_bytes(&reports[i]));
    map_for_each (s, &sums, by_tenant) {
        wire_put_tenant_usage(into, &s->usage);
        free(s);
    }
    map_fini(&sums);
}

/* ---- telling */

static uint32_t count_gateways(const struct cell *cell)
{
    const struct child *g;
    uint32_t n = 0;
    for cell_each_gateway (g, cell)
        n += child_can_hear(g);
    return n;
}

static void tell(struct usage *u, struct child *gateway, uint32_t gateways)
{
    struct buf list = {0}, body = {0};
    usage_of_others(u->reports, SLOTS_MAX + 1, gateway->seat, &list);
    wire_put_ctl_usage(&body, &(struct ctl_usage){.gateways = gateways, .tenants = buf_bytes(&list)});
    child_send(gateway, CTL_USAGE, buf_bytes(&body));
    buf_fini(&list);
    buf_fini(&body);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct usage *u = w->data;
    struct child *g;
    if (!u->changed)
        return;
    u->changed = false;
    uint32_t gateways = count_gateways(u->cell);
    for cell_each_gateway (g, u->cell)
        if (child_can_hear(g))
            tell(u, g, gateways);
}

/* ---- hearing */

static bool is_a_list(struct bytes list)
{
    struct tenant_usage u;
    int more;
    while ((more = wire_next_tenant_usage(&list, &u)) > 0)
        ;
    return more == 0;
}

int usage_told(struct usage *u, const struct child *gateway, struct bytes body)
{
    struct ctl_usage m;
    if (wire_get_ctl_usage(body, &m) < 0 || m.tenants.n > USAGE_BYTES_MAX || !is_a_list(m.tenants))
        return -EBADMSG;
    struct buf *report = &u->reports[gateway->seat];
    if (bytes_equal(buf_bytes(report), m.tenants))
        return 0;
    buf_clear(report);
    buf_append_bytes(report, m.tenants);
    u->changed = true;
    return 0;
}

void usage_greeted(struct usage *u)
{
    u->changed = true;
}

void usage_gone(struct usage *u, const struct child *gateway)
{
    buf_fini(&u->reports[gateway->seat]);
    u->changed = true;
}

/* ---- life */

void usage_init(struct usage *u, struct cell *cell)
{
    *u = (struct usage){.cell = cell};
    ev_timer_init(&u->tick, on_tick, USAGE_TELL_S, USAGE_TELL_S);
    u->tick.data = u;
    ev_timer_start(cell->loop, &u->tick);
}

void usage_fini(struct usage *u)
{
    if (!u->cell)
        return;
    ev_timer_stop(u->cell->loop, &u->tick);
    for (size_t i = 0; i <= SLOTS_MAX; i++)
        buf_fini(&u->reports[i]);
}
