/* A rate that finds its own height: how many may pass in a second while the lag that they cause stays below a target.
 * Additive increase, multiplicative decrease, as TCP finds the width of a path (Jacobson 1988). Pure: time and lag are
 * parameters.
 *
 *     start ── doubles each window ──▶ soft ── start / 2 more each window ──▶ max      while it was not enough
 *     lag above target: halved, not below start; soft is where it then stands. The next window is not judged: what the
 *     halving did is not to be seen before. Ten seconds without lag: soft is forgotten.
 *
 * A window in which all who wanted to could pass changes nothing: an idle gate is as narrow as it was left. */
#ifndef CORE_AIMD_H
#define CORE_AIMD_H

#include <stdbool.h>
#include <stdint.h>

struct aimd_limits {
    double start, max; /* per second; max 0: everybody passes */
    int64_t target_ns; /* lag */
    int64_t window_ns;
    int64_t burst_ns; /* what was not used for so long may still be */
};

struct aimd {
    struct aimd_limits limits;
    double rate;   /* per second, now */
    double soft;   /* up to here it doubles */
    double credit; /* may pass at once */
    int64_t credit_ns, window_ns; /* when these were last looked at, and began */
    int64_t lagged_ns; /* last halving */
    int64_t lag_ns, worst_ns; /* last told; worst of the window */
    bool wanted;       /* somebody could not pass in this window */
    bool spared;       /* the window before ended with a halving */
};

void aimd_init(struct aimd *a, const struct aimd_limits *limits, int64_t now_ns);
bool aimd_take(struct aimd *a, int64_t now_ns); /* -> whether one may pass now */
int64_t aimd_wait(const struct aimd *a, int64_t now_ns); /* ns until the next one may; 0: now */
/* As it is from now on, until told anew. */
void aimd_lag(struct aimd *a, int64_t lag_ns, int64_t now_ns);

#endif
