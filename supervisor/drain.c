#include "drain.h"

static void drain_role(struct drain *d, enum child_role role)
{
    struct child *c;
    uint32_t ms = role == ROLE_GATEWAY ? (uint32_t)d->cell->options->drain : CELL_WORKER_DRAIN_MS;
    for cell_each (c, d->cell)
        if (c->role == role)
            child_let_go(c, ms);
}

void drain_moved(struct drain *d)
{
    if (d->state == DRAIN_GATEWAYS && cell_all_down(d->cell, ROLE_GATEWAY)) {
        d->state = DRAIN_WORKERS;
        drain_role(d, ROLE_WORKER);
    }
    if (d->state == DRAIN_WORKERS && cell_all_down(d->cell, ROLE_WORKER)) {
        d->state = DRAIN_DONE;
        d->stopped(d->owner);
    }
}

void drain_stop(struct drain *d)
{
    if (d->state != DRAIN_RUNNING)
        return;
    acceptor_close(d->acceptor);
    d->cell->started = false;
    d->state = DRAIN_GATEWAYS;
    drain_role(d, ROLE_GATEWAY);
    drain_moved(d);
}

void drain_init(struct drain *d, struct cell *cell, struct acceptor *acceptor,
                void (*stopped)(void *owner), void *owner)
{
    *d = (struct drain){.cell = cell, .acceptor = acceptor, .stopped = stopped, .owner = owner};
}
