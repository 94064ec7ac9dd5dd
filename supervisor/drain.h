/* How processes leave on purpose: the whole cell (SIGTERM: gateways, then workers), or one after the other in a
 * rolling restart (SIGHUP: each is drained, started anew, and ready before the next one's turn).
 *
 *     RUNNING ──stop──▶ GATEWAYS ──all down──▶ WORKERS ──all down──▶ DONE: stopped()
 */
#ifndef SUPERVISOR_DRAIN_H
#define SUPERVISOR_DRAIN_H

#include "accept.h"
#include "cell.h"

enum drain_state { DRAIN_RUNNING, DRAIN_GATEWAYS, DRAIN_WORKERS, DRAIN_DONE };

struct drain {
    struct cell *cell;
    struct acceptor *acceptor;
    enum drain_state state;
    ev_timer patience; /* of the child whose turn it is in a rolling restart */
    void (*stopped)(void *owner);
    void *owner;
};

void drain_init(struct drain *d, struct cell *cell, struct acceptor *acceptor,
                void (*stopped)(void *owner), void *owner);
void drain_fini(struct drain *d);
void drain_stop(struct drain *d); /* no way back */
/* Every process that runs now is replaced; asked for again meanwhile: those that had their turn get another one.
 * -> how many, 0 while stopping */
unsigned drain_roll(struct drain *d);
void drain_roll_role(struct drain *d, enum child_role role); /* of one role only */
void drain_moved(struct drain *d, struct child *c); /* a child changed its state */
bool drain_is_rolling(const struct drain *d);

#endif
