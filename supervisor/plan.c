#include "plan.h"

#include "wire/codec.h"

#include <assert.h>
#include <string.h>

void plan_init(struct plan *p)
{
    *p = (struct plan){0};
}

uint32_t plan_share(const struct plan *p, uint32_t worker)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->hashed; i++)
        n += p->owners[i] == worker;
    return n;
}

static uint32_t index_of(const uint32_t *workers, uint32_t n, uint32_t slot)
{
    for (uint32_t i = 0; i < n; i++)
        if (workers[i] == slot)
            return i;
    return n;
}

/* A worker keeps what it has, up to the fair share; the first (partitions % n) workers that have it keep one more.
 * What is free then goes to whoever has least, so no two shares differ by more than one. */
static void spread(const struct plan *before, struct plan *after, const uint32_t *workers,
                   uint32_t n)
{
    uint32_t shares[n];
    memset(shares, 0, sizeof shares);
    uint32_t fair = after->partitions / n, larger = after->partitions % n;
    for (uint32_t i = 0; i < after->partitions; i++) {
        uint32_t at = i < before->partitions ? index_of(workers, n, before->owners[i]) : n;
        if (at == n || shares[at] > fair || (shares[at] == fair && larger == 0))
            continue;
        if (shares[at] == fair)
            larger--;
        shares[at]++;
        after->owners[i] = workers[at];
    }
    for (uint32_t i = 0; i < after->partitions; i++) {
        if (after->owners[i])
            continue;
        uint32_t least = 0;
        for (uint32_t at = 1; at < n; at++)
            if (shares[at] < shares[least])
                least = at;
        shares[least]++;
        after->owners[i] = workers[least];
    }
}

void plan_renew(struct plan *p, uint64_t now_ms)
{
    p->generation = now_ms > p->generation ? now_ms : p->generation + 1;
}

bool plan_assign(struct plan *p, uint32_t hashed, uint32_t lanes, const uint32_t *workers, uint32_t n_workers,
                 uint64_t now_ms)
{
    struct plan after = {.hashed = hashed, .partitions = hashed + lanes};
    assert(hashed <= PARTITIONS_MAX && lanes <= LANE_MAX);
    if (n_workers == 0 || hashed == 0)
        return false;
    spread(p, &after, workers, n_workers);
    if (p->hashed == hashed && p->partitions == after.partitions &&
        memcmp(p->owners, after.owners, after.partitions * sizeof *after.owners) == 0)
        return false;
    after.generation = p->generation;
    *p = after;
    plan_renew(p, now_ms);
    return true;
}

void plan_put_owners(const struct plan *p, struct buf *into)
{
    for (uint32_t i = 0; i < p->partitions; i++)
        wire_put_u32(into, p->owners[i]);
}
