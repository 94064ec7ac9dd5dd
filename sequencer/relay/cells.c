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
    lanes_init(&c->lanes);
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
    lanes_fini(&c->lanes);
}

/* -> what stands before the next space, taken off the front */
static struct bytes take_word(struct bytes *text)
{
    const char *space = memchr(text->p, ' ', text->n);
    struct bytes word = bytes_of(text->p, space ? (size_t)(space - text->p) : text->n);
    size_t used = word.n + (space ? 1 : 0);
    *text = bytes_of(text->p + used, text->n - used);
    return word;
}

static void take_lanes(struct cells *c, struct bytes text)
{
    lanes_fini(&c->lanes);
    lanes_init(&c->lanes);
    while (text.n) {
        struct bytes channel = take_word(&text);
        uint64_t lane;
        if (bytes_u64(take_word(&text), &lane))
            lanes_put(&c->lanes, channel, lane);
    }
}

void cells_begin(struct cells *c, int64_t version, struct bytes lanes, struct cells_change *change)
{
    *change = (struct cells_change){.gone = c->used};
    c->version = version;
    forget_tenants(c);
    take_lanes(c, lanes);
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
        struct bytes one = take_word(&tenants);
        if (one.n)
            host(c, one, cell);
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
    int32_t total = (int32_t)partitions + (int32_t)c->lanes.most;
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
        c->cell[n].there = 0;
    } else if (!bytes_is(topic, c->cell[n].topic) || partitions != c->cell[n].partitions) {
        change->made |= 1ull << n;
        change->moved |= 1ull << n;
        c->cell[n].there = 0;
    } else if (total != c->cell[n].total) {
        change->made |= 1ull << n;
    }
    set_text(c->cell[n].topic, topic);
    c->cell[n].partitions = (int32_t)partitions;
    c->cell[n].total = total;
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
