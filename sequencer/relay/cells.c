#include "cells.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct cells_tenant {
    struct map_node by_name; /* struct cells::tenants */
    struct bytes name;       /* in text */
    uint64_t cells;
    char text[];
};

void cells_init(struct cells *c)
{
    *c = (struct cells){.version = -1};
    map_init(&c->tenants);
}

static void forget_tenants(struct cells *c)
{
    struct cells_tenant *t;
    map_for_each (t, &c->tenants, by_name) {
        map_remove(&c->tenants, &t->by_name);
        free(t);
    }
}

void cells_fini(struct cells *c)
{
    forget_tenants(c);
    map_fini(&c->tenants);
}

void cells_begin(struct cells *c, int64_t version, struct cells_change *change)
{
    *change = (struct cells_change){.gone = c->used};
    c->version = version;
    forget_tenants(c);
}

static void host(struct cells *c, struct bytes tenant, int cell)
{
    struct cells_tenant *t =
        map_find_bytes(&c->tenants, tenant, struct cells_tenant, by_name, name);
    if (!t) {
        t = malloc(sizeof *t + tenant.n);
        assert(t);
        memcpy(t->text, tenant.p, tenant.n);
        t->name = bytes_of(t->text, tenant.n);
        t->cells = 0;
        map_insert(&c->tenants, &t->by_name, hash_bytes(tenant));
    }
    t->cells |= 1ull << cell;
}

static void host_all(struct cells *c, struct bytes tenants, int cell)
{
    while (tenants.n) {
        const char *space = memchr(tenants.p, ' ', tenants.n);
        struct bytes one = bytes_of(tenants.p, space ? (size_t)(space - tenants.p) : tenants.n);
        if (one.n)
            host(c, one, cell);
        size_t used = one.n + (space ? 1 : 0);
        tenants = bytes_of(tenants.p + used, tenants.n - used);
    }
}

static void set_text(char *to, struct bytes from)
{
    memcpy(to, from.p, from.n);
    to[from.n] = 0;
}

int cells_put(struct cells *c, struct cells_change *change, struct bytes name,
              struct bytes topic, int64_t partitions, struct bytes tenants)
{
    if (name.n == 0 || name.n > CELL_NAME_MAX || topic.n == 0 || topic.n > CELL_TOPIC_MAX)
        return -EINVAL;
    if (partitions < 1 || partitions > CELL_PARTITIONS_MAX)
        return -EINVAL;
    int n = cells_find(c, name);
    if (n < 0) {
        /* A number that a cell of the version before still has is not given away: its
         * deliveries are not gone yet. */
        if (c->used == UINT64_MAX)
            return -ENOSPC;
        n = __builtin_ctzll(~c->used);
        c->used |= 1ull << n;
        set_text(c->cell[n].name, name);
        change->made |= 1ull << n;
    } else if (!bytes_is(topic, c->cell[n].topic) || partitions != c->cell[n].partitions) {
        change->made |= 1ull << n;
        change->moved |= 1ull << n;
    }
    set_text(c->cell[n].topic, topic);
    c->cell[n].partitions = (int32_t)partitions;
    change->gone &= ~(1ull << n);
    host_all(c, tenants, n);
    return 0;
}

void cells_end(struct cells *c, struct cells_change *change)
{
    c->used &= ~change->gone;
}

uint64_t cells_of(const struct cells *c, struct bytes tenant)
{
    const struct cells_tenant *t =
        map_find_bytes(&c->tenants, tenant, struct cells_tenant, by_name, name);
    return t ? t->cells : 0;
}

int cells_find(const struct cells *c, struct bytes name)
{
    for (uint64_t left = c->used; left; left &= left - 1) {
        int n = __builtin_ctzll(left);
        if (bytes_is(name, c->cell[n].name))
            return n;
    }
    return -1;
}
