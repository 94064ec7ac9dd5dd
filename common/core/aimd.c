#include "core/aimd.h"

#include "core/clock.h"

#include <math.h>

#define FORGET_NS (10 * NS_PER_S)

static double most_credit(const struct aimd *a)
{
    return fmax(a->rate * (double)a->limits.burst_ns / NS_PER_S, 1);
}

void aimd_init(struct aimd *a, const struct aimd_limits *limits, int64_t now_ns)
{
    *a = (struct aimd){.limits = *limits, .credit_ns = now_ns, .window_ns = now_ns, .lagged_ns = now_ns};
    a->rate = fmin(limits->start, limits->max);
    a->soft = limits->max;
    a->credit = most_credit(a);
}

static void halve(struct aimd *a, int64_t now_ns)
{
    a->rate = fmin(fmax(a->rate / 2, a->limits.start), a->limits.max);
    a->soft = a->rate;
    a->lagged_ns = now_ns;
}

static void grow(struct aimd *a)
{
    double to = a->rate < a->soft ? fmin(a->rate * 2, a->soft) : a->rate + a->limits.start / 2;
    a->rate = fmin(to, a->limits.max);
}

static void judge(struct aimd *a, int64_t now_ns)
{
    bool lags = a->worst_ns > a->limits.target_ns, spared = a->spared;
    a->spared = lags && !spared;
    if (now_ns - a->lagged_ns > FORGET_NS)
        a->soft = a->limits.max;
    if (a->spared)
        halve(a, now_ns);
    else if (!lags && a->wanted)
        grow(a);
}

/* Closes a window that is over. What lies further back than it had nobody who wanted to pass. */
static void turn(struct aimd *a, int64_t now_ns)
{
    if (now_ns - a->window_ns < a->limits.window_ns)
        return;
    judge(a, now_ns);
    a->window_ns = now_ns;
    a->wanted = false;
    a->worst_ns = a->lag_ns;
}

static double credit_at(const struct aimd *a, int64_t now_ns)
{
    return fmin(a->credit + a->rate * (double)(now_ns - a->credit_ns) / NS_PER_S, most_credit(a));
}

bool aimd_take(struct aimd *a, int64_t now_ns)
{
    if (a->limits.max == 0)
        return true;
    turn(a, now_ns);
    a->credit = credit_at(a, now_ns);
    a->credit_ns = now_ns;
    if (a->credit < 1) {
        a->wanted = true;
        return false;
    }
    a->credit -= 1;
    return true;
}

int64_t aimd_wait(const struct aimd *a, int64_t now_ns)
{
    double missing = 1 - credit_at(a, now_ns);
    return a->limits.max == 0 || missing <= 0 ? 0 : (int64_t)ceil(missing * NS_PER_S / a->rate);
}

void aimd_lag(struct aimd *a, int64_t lag_ns, int64_t now_ns)
{
    a->lag_ns = lag_ns;
    if (lag_ns > a->worst_ns)
        a->worst_ns = lag_ns;
    turn(a, now_ns);
}
