/* How the whole cell leaves on purpose (SIGTERM): gateways, then workers.
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
    void (*stopped)(void *owner);
    void *owner;
};

void drain_init(struct drain *d, struct cell *cell, struct acceptor *acceptor,
                void (*stopped)(void *owner), void *owner);
void drain_stop(struct drain *d);  /* no way back */
void drain_moved(struct drain *d); /* a child changed its state */

#endif
