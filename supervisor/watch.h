/* When a child is killed for being silent: only for what that child alone shows. Pure.
 *
 * Silence is counted in ticks of our own loop (1 s) without a frame, not in time: a supervisor that was itself stopped
 * or starved finds one tick passed, and the frames waiting. */
#ifndef SUPERVISOR_WATCH_H
#define SUPERVISOR_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct watched {
    bool runs;            /* has a process that is not on its way out */
    bool greeted;         /* its ctl_hello came */
    unsigned faulted;     /* ticks since it was killed for a fault, if it has not greeted since; 0: it was not, or has */
    unsigned silent;      /* ticks since its last frame (since its start, before the first) */
};

enum watch_verdict {
    WATCH_NONE,       /* nobody is silent for too long */
    WATCH_KILL,       /* *ret_index shows a fault of its own */
    WATCH_ONE_BY_ONE, /* somebody is silent, but another one is being replaced */
    WATCH_SHARED,     /* less than half of the others are heard: the machine's fault or ours */
    WATCH_AWAY,       /* PostgreSQL or Kafka is known to be away */
};

/* limit: ticks; a process that has not greeted yet (it loads, it links) is given three times as many. For so long, and no
 * longer, the others are spared for the sake of one that was killed: it may never come back.
 * -> the verdict; with WATCH_KILL the one that is silent for longest */
enum watch_verdict watch_judge(const struct watched *all, size_t n, unsigned limit, bool away,
                               size_t *ret_index);

#endif
