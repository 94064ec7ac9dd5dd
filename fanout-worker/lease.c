#include "lease.h"

#include <assert.h>
#include <stdlib.h>

struct lease *lease_new(struct list *leases, struct bytes gateway)
{
    struct lease *l = calloc(1, sizeof *l + gateway.n);
    assert(l);
    l->name = bytes_of(memcpy(l + 1, gateway.p, gateway.n), gateway.n);
    list_init(&l->entries);
    list_append(leases, &l->link);
    return l;
}

void lease_free(struct lease *l)
{
    list_remove(&l->link);
    free(l);
}

struct lease *lease_find(const struct list *leases, struct bytes gateway, uint64_t origin)
{
    struct lease *l, *left_behind = NULL;
    list_for_each (l, leases, link) {
        if (!bytes_equal(l->name, gateway))
            continue;
        if (l->origin == origin)
            return l;
        if (!l->linked)
            left_behind = l;
    }
    return left_behind;
}
