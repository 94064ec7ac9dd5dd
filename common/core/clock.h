/* The two clocks, in nanoseconds. What is tested takes time as a parameter; only doorways read these. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline int64_t clock_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static inline int64_t clock_real_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

/* µs since 1970, the unit of every stamp on the wire (wire/README.md). */
static inline uint64_t clock_real_us(void)
{
    return (uint64_t)(clock_real_ns() / NS_PER_US);
}

#endif
