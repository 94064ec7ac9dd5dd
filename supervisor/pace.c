#include "pace.h"

#include "core/clock.h"

#include <math.h>

#define WINDOW_NS (400 * NS_PER_MS) /* those who were sent away are back by then, and their lag is reported */

void pace_init(struct pace *p, int64_t lag_ns, int64_t now_ns)
{
    const struct aimd_limits limits = {.start = PACE_START, .max = PACE_MAX, .target_ns = lag_ns,
                                       .window_ns = WINDOW_NS, .burst_ns = WINDOW_NS};
    aimd_init(&p->aimd, &limits, now_ns);
}

uint32_t pace_step(struct pace *p, struct headroom *all, size_t n, int64_t now_ns)
{
    int64_t room = 0;
    for (size_t i = 0; i < n; i++)
        room += headroom_of(&all[i]) > 0 ? headroom_of(&all[i]) : 0;
    if (room == 0)
        return 0;
    aimd_lag(&p->aimd, headroom_lag(all, n) * NS_PER_MS, now_ns);
    while (aimd_take(&p->aimd, now_ns)) /* there are always more who wait to go */
        ;
    return (uint32_t)fmin(p->aimd.rate, (double)room);
}
