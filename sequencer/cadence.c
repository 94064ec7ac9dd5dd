#include "cadence.h"

int64_t cadence_wait(struct cadence *c, size_t ready, size_t enough, int64_t now_ns)
{
    if (ready >= enough || now_ns < c->alone_until_ns)
        return 0;
    int64_t wait_ns = bucket_wait(&c->batches, c->rate, now_ns);
    c->held |= wait_ns > NS_PER_S / c->rate / 2;
    return wait_ns;
}

void cadence_begun(struct cadence *c, size_t n, int64_t now_ns)
{
    if (n > 1)
        c->alone_until_ns = 0;
    else if (c->held)
        c->alone_until_ns = now_ns + (int64_t)(CADENCE_ALONE / c->rate * NS_PER_S);
    c->held = false;
    if (bucket_has(&c->batches, c->rate, 0, now_ns)) /* else it did not wait, and leaves no debt */
        bucket_take(&c->batches, c->rate, 1, now_ns);
}
