/* Turning a loop until something is true, with an end to patience. */
#ifndef TESTS_UNIT_RUN_LOOP_H
#define TESTS_UNIT_RUN_LOOP_H

#include "core/clock.h"

#include <ev.h>

#define LOOP_PATIENCE_S 10

static inline void loop_wake(struct ev_loop *loop, ev_timer *w, int events)
{
}

/* -> whether it became true in time */
#define loop_until(loop, condition)                                                            \
    ({                                                                                         \
        int64_t loop_end_ = clock_mono_ns() + LOOP_PATIENCE_S * NS_PER_S;                      \
        ev_timer loop_tick_;                                                                   \
        ev_timer_init(&loop_tick_, loop_wake, 0.005, 0.005);                                   \
        ev_timer_start(loop, &loop_tick_);                                                     \
        while (!(condition) && clock_mono_ns() < loop_end_)                                    \
            ev_run(loop, EVRUN_ONCE);                                                          \
        ev_timer_stop(loop, &loop_tick_);                                                      \
        (condition);                                                                           \
    })

static inline void loop_for(struct ev_loop *loop, int64_t ms)
{
    int64_t end = clock_mono_ns() + ms * NS_PER_MS;
    (void)loop_until(loop, clock_mono_ns() >= end);
}

#endif
