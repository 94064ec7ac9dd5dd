/* How many clients a second may be sent away: what the gateways that take them have room for, at a rate that finds its own
 * height by the lag of their loops, as the gate does for those who come (core/aimd.h, --accept-lag). Pure. */
#ifndef SUPERVISOR_PACE_H
#define SUPERVISOR_PACE_H

#include "core/aimd.h"
#include "headroom.h"

#define PACE_START 100 /* clients a second, and the least */
#define PACE_MAX 10000

struct pace {
    struct aimd aimd;
};

void pace_init(struct pace *p, int64_t lag_ns, int64_t now_ns);
/* all: those that take clients; sorted by it. -> clients a second from now on; 0 while nobody has room */
uint32_t pace_step(struct pace *p, struct headroom *all, size_t n, int64_t now_ns);

#endif
