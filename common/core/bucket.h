/* How often something may happen: a bucket that fills evenly, up to a second's worth, and from which each one takes what
 * it costs. What is taken may be more than is there (one large message must pass some time): then nothing is taken until
 * the debt is paid. So over any T seconds at most rate * (T + 1) and one more are taken. Pure: time is a parameter.
 *
 *     left    burst ──▶ 0 ──▶ debt        filled once per moment of now_ns: otherwise a compare and a subtraction
 *
 * A bucket of zeros is full. The rate is the caller's: it may be another one each time. */
#ifndef CORE_BUCKET_H
#define CORE_BUCKET_H

#include "core/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    double left;   /* may be taken at at_ns; below 0: debt */
    int64_t at_ns; /* CLOCK_MONOTONIC */
};

/* What an idle one holds. */
static inline double bucket_burst(double rate)
{
    return rate > 1 ? rate : 1;
}

/* rate: a second, above 0. */
static inline void bucket_fill(struct bucket *b, double rate, int64_t now_ns)
{
    b->left += (double)(now_ns - b->at_ns) * rate / NS_PER_S;
    b->at_ns = now_ns;
    if (b->left > bucket_burst(rate))
        b->left = bucket_burst(rate);
}

/* -> whether more than `level` is left. rate 0: no limit */
static inline bool bucket_has(struct bucket *b, double rate, double level, int64_t now_ns)
{
    if (rate <= 0)
        return true;
    if (b->at_ns != now_ns)
        bucket_fill(b, rate, now_ns);
    return b->left > level;
}

/* Takes that much, whatever is left. */
static inline void bucket_take(struct bucket *b, double rate, double cost, int64_t now_ns)
{
    if (rate <= 0)
        return;
    if (b->at_ns != now_ns)
        bucket_fill(b, rate, now_ns);
    b->left -= cost;
}

/* -> ns until something is left; 0: now */
static inline int64_t bucket_wait(struct bucket *b, double rate, int64_t now_ns)
{
    return bucket_has(b, rate, 0, now_ns) ? 0 : (int64_t)(-b->left / rate * NS_PER_S) + 1;
}

#endif
