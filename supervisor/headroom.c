#include "headroom.h"

#include <stdlib.h>

int64_t headroom_of(const struct headroom *h)
{
    int64_t in_flight = (int64_t)(h->passed - h->adopted);
    return (int64_t)h->capacity - (int64_t)h->connections - in_flight;
}

static int most(const struct headroom *all, size_t n, size_t first, enum child_state state)
{
    int best = -1;
    int64_t best_room = 0;
    for (size_t i = 0; i < n; i++) {
        const struct headroom *h = &all[(first + i) % n];
        if (h->state != state || h->full || headroom_of(h) <= best_room)
            continue;
        best = (int)((first + i) % n);
        best_room = headroom_of(h);
    }
    return best;
}

int headroom_pick(const struct headroom *all, size_t n, size_t first)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].state == CHILD_UP)
            return most(all, n, first, CHILD_UP);
    return most(all, n, first, CHILD_WAITING);
}

static int by_lag(const void *left, const void *right)
{
    const struct headroom *a = left, *b = right;
    return (a->lag_ms > b->lag_ms) - (a->lag_ms < b->lag_ms);
}

uint32_t headroom_lag(struct headroom *all, size_t n)
{
    size_t up = 0;
    for (size_t i = 0; i < n; i++)
        if (all[i].state == CHILD_UP)
            all[up++] = all[i];
    if (up == 0)
        return 0;
    qsort(all, up, sizeof *all, by_lag);
    return all[(up - 1) / 2].lag_ms;
}
