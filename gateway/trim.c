#include "trim.h"

#include "core/clock.h"

#include <malloc.h>

void trim_setup(void)
{
    mallopt(M_MXFAST, 0);
}

bool trim_is_due(struct trim *t, uint64_t free_bytes, uint64_t used_bytes)
{
    if (free_bytes < t->kept)
        t->kept = free_bytes;
    return free_bytes - t->kept > TRIM_LEAST && free_bytes - t->kept > used_bytes / TRIM_SHARE;
}

bool trim_turn(struct trim *t, int64_t now_ns, struct map *map)
{
    if (now_ns < t->due_ns)
        return false;
    t->due_ns = now_ns + TRIM_EVERY_S * NS_PER_S;
    struct mallinfo2 m = mallinfo2();
    if (!trim_is_due(t, m.fordblks, m.uordblks))
        return false;
    map_shrink(map);
    malloc_trim(0);
    t->kept = m.fordblks; /* pages that were given back count as free until they are used again */
    return true;
}
