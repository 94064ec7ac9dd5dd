#include "noise.h"

#define WINDOWS_TO_NOISY 2
#define WINDOWS_TO_QUIET 5

static uint8_t percent(int64_t part, int64_t whole)
{
    int64_t percent = whole > 0 ? part * 100 / whole : 0;
    return (uint8_t)(percent < 100 ? percent : 100);
}

bool noise_judge(struct noise *n, int64_t window_ns, int64_t most, bool held)
{
    n->share = percent(n->busy_ns, window_ns);
    n->busy_ns = 0;
    bool loud = most > 0 && n->share >= most, calm = most == 0 || (!held && n->share < (most + 1) / 2);
    bool other = n->noisy ? calm : loud;
    n->streak = other ? n->streak + 1 : 0;
    if (n->streak < (n->noisy ? WINDOWS_TO_QUIET : WINDOWS_TO_NOISY))
        return false;
    n->noisy = !n->noisy;
    n->streak = 0;
    return true;
}
