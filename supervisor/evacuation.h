/* Clients move from gateways that are set aside, or on their way out, to the others: five times a second each of the former
 * is told its share of what the latter can take (pace.h). One that is on its way out has an end besides (ctl_drain). */
#ifndef SUPERVISOR_EVACUATION_H
#define SUPERVISOR_EVACUATION_H

#include "cell.h"
#include "pace.h"

struct evacuation {
    struct cell *cell;
    struct pace pace;
    ev_timer tick; /* while there is somebody to tell */
};

struct evacuation_progress {
    uint32_t left;  /* connections */
    uint32_t rate;  /* a second, as they really go */
    int64_t eta_ms; /* -1: not known */
};

void evacuation_init(struct evacuation *e, struct cell *cell);
void evacuation_fini(struct evacuation *e);
void evacuation_moved(struct evacuation *e); /* a child changed its state: there may be somebody to tell */
/* Gets no connections from now on, and its clients go; or takes them again. Lives on in the slot's next process.
 * -> 0, or -EAGAIN: no other gateway could take them */
int evacuation_set_aside(struct evacuation *e, struct child *gateway, bool aside);
/* -> false: it keeps its clients */
bool evacuation_progress(const struct child *c, struct evacuation_progress *ret);

#endif
