/* How late the loop does what is due: an event that comes now waits for the rest of the turn, and a process that is
 * runnable waits for its core. Both are seen, neither is CPU time: the length of each turn, and how late the wheel's tick
 * came after it was due. What is told is the worst, falling to 1/e in LAG_MS. Pure. */
#ifndef GATEWAY_LAG_H
#define GATEWAY_LAG_H

#include <stdint.h>

#define LAG_MS 100

struct lag {
    int64_t worst_ns; /* as of at_ns */
    int64_t at_ns;
    int64_t due_ns; /* the next tick */
};

void lag_init(struct lag *l, int64_t now_ns);
void lag_saw(struct lag *l, int64_t late_ns, int64_t now_ns);
/* A timer of that period, which counts from when it was due and, when a whole period late, from now (libev's do). */
void lag_ticked(struct lag *l, int64_t period_ns, int64_t now_ns);
int64_t lag_now(const struct lag *l, int64_t now_ns); /* ns */

#endif
