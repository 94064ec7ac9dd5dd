#include "lag.h"

#include "core/clock.h"

#include <math.h>

void lag_init(struct lag *l, int64_t now_ns)
{
    *l = (struct lag){.at_ns = now_ns, .due_ns = now_ns};
}

int64_t lag_now(const struct lag *l, int64_t now_ns)
{
    if (l->worst_ns == 0)
        return 0;
    return (int64_t)((double)l->worst_ns * exp(-(double)(now_ns - l->at_ns) / (LAG_MS * NS_PER_MS)));
}

void lag_saw(struct lag *l, int64_t late_ns, int64_t now_ns)
{
    if (late_ns < lag_now(l, now_ns))
        return;
    l->worst_ns = late_ns;
    l->at_ns = now_ns;
}

void lag_ticked(struct lag *l, int64_t period_ns, int64_t now_ns)
{
    if (now_ns > l->due_ns)
        lag_saw(l, now_ns - l->due_ns, now_ns);
    l->due_ns += period_ns;
    if (l->due_ns < now_ns)
        l->due_ns = now_ns;
}
