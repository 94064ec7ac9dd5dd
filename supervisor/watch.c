#include "watch.h"

#define START_ALLOWANCE 3

static bool is_silent(const struct watched *w, unsigned limit)
{
    return w->runs && w->silent >= (w->greeted ? limit : limit * START_ALLOWANCE);
}

enum watch_verdict watch_judge(const struct watched *all, size_t n, unsigned limit, bool away,
                               size_t *ret_index)
{
    size_t silent = 0, running = 0, worst = 0, ending = 0;
    for (size_t i = 0; i < n; i++) {
        running += all[i].runs;
        ending += all[i].faulted && all[i].faulted < limit * START_ALLOWANCE;
        if (!is_silent(&all[i], limit))
            continue;
        if (silent == 0 || all[i].silent > all[worst].silent)
            worst = i;
        silent++;
    }
    if (silent == 0)
        return WATCH_NONE;
    if (away)
        return WATCH_AWAY;
    if (ending)
        return WATCH_ONE_BY_ONE;
    if (running > 1 && (running - silent) * 2 < running)
        return WATCH_SHARED;
    *ret_index = worst;
    return WATCH_KILL;
}
