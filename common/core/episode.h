/* Something that may happen thousands of times a second and is told once: an episode ends when it has not happened for
 * EPISODE_QUIET_NS. */
#ifndef CORE_EPISODE_H
#define CORE_EPISODE_H

#include "core/clock.h"

#include <stdbool.h>

#define EPISODE_QUIET_NS (10 * NS_PER_S)

struct episode {
    int64_t since_ns, last_ns;
    uint64_t n; /* times in this one; 0: there is none */
};

/* -> whether one begins */
static inline bool episode_happens(struct episode *e, int64_t now_ns)
{
    bool begins = e->n == 0 || now_ns - e->last_ns > EPISODE_QUIET_NS;
    if (begins)
        *e = (struct episode){.since_ns = now_ns};
    e->last_ns = now_ns;
    e->n++;
    return begins;
}

/* Asked now and then. -> whether one is over; ret_ended: it, to be told of */
static inline bool episode_ends(struct episode *e, int64_t now_ns, struct episode *ret_ended)
{
    if (e->n == 0 || now_ns - e->last_ns <= EPISODE_QUIET_NS)
        return false;
    *ret_ended = *e;
    *e = (struct episode){0};
    return true;
}

#endif
