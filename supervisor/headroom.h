/* Which gateway gets the next connection. Pure.
 *
 * Headroom is capacity - connections - (passed - adopted): what was passed but is not yet among the connections that
 * the gateway last reported counts as taken. A gateway that says it is not ready gets none while another one is ready;
 * when none is, the fault is shared (no sequencer, a slow database) and turning everybody away would help nobody:
 * then those that had been ready get them. One that never was ready gets none: it has no configuration. */
#ifndef SUPERVISOR_HEADROOM_H
#define SUPERVISOR_HEADROOM_H

#include "child_table.h"

#include <stddef.h>
#include <stdint.h>

struct headroom {
    enum child_state state;
    bool full;            /* its ACCEPT_FD took no more in this turn */
    uint32_t capacity;    /* ctl_status */
    uint32_t connections; /* ctl_status */
    uint64_t adopted;     /* ctl_status */
    uint64_t passed;      /* to this process */
    uint32_t lag_ms;      /* ctl_status */
};

int64_t headroom_of(const struct headroom *h); /* may be negative */
/* first: where to begin, so that equal ones take turns. -> index, or -1 when nobody can take one */
int headroom_pick(const struct headroom *all, size_t n, size_t first);
/* Lag by which the cell's gate goes: half of those that are ready lag no more. One that alone lags, under one tenant's
 * flood, does not narrow it for all: its own gate does (gateway/admission.h). Sorts. -> ms, 0 when none is ready */
uint32_t headroom_lag(struct headroom *all, size_t n);

#endif
