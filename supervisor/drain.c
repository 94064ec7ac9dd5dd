#include "drain.h"

#include "run/log.h"

static uint32_t drain_ms(const struct drain *d, const struct child *c)
{
    return c->role == ROLE_GATEWAY ? (uint32_t)d->cell->options->drain : CELL_WORKER_DRAIN_MS;
}

/* ---- the whole cell */

static void drain_role(struct drain *d, enum child_role role)
{
    struct child *c;
    for cell_each (c, d->cell)
        if (c->role == role)
            child_let_go(c, CHILD_ON_DRAIN, drain_ms(d, c));
}

static void stop_step(struct drain *d)
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
    ev_timer_stop(d->cell->loop, &d->patience);
    acceptor_close(d->acceptor);
    d->cell->started = false;
    d->state = DRAIN_GATEWAYS;
    drain_role(d, ROLE_GATEWAY);
    stop_step(d);
}

/* ---- one after the other */

bool drain_is_rolling(const struct drain *d)
{
    struct child *c;
    for cell_each (c, d->cell)
        if (c->rolling || c->roll_wanted)
            return true;
    return false;
}

static void give_up_roll(struct drain *d)
{
    struct child *c;
    for cell_each (c, d->cell)
        c->rolling = c->roll_wanted = false;
}

static void on_patience(struct ev_loop *loop, ev_timer *w, int events)
{
    struct drain *d = w->data;
    struct child *c;
    for cell_each (c, d->cell)
        if (c->rolling)
            log_error("roll_given_up", "child=%s state=%s is not ready in %lld ms: the others "
                                       "stay as they are",
                      c->name, child_state_name(c->state),
                      (long long)d->cell->options->roll_patience);
    give_up_roll(d);
}

/* -> NULL while one is under way, and when all had their turn */
static struct child *next_turn(struct drain *d)
{
    struct child *c, *next = NULL;
    for cell_each (c, d->cell) {
        if (c->rolling)
            return NULL;
        if (c->roll_wanted && !next)
            next = c;
    }
    return next;
}

static void roll_step(struct drain *d)
{
    struct child *c;
    ev_timer_stop(d->cell->loop, &d->patience);
    while ((c = next_turn(d))) {
        c->roll_wanted = false;
        c->rolling = true;
        log_info("roll", "child=%s its turn", c->name);
        child_let_go(c, CHILD_ON_REPLACE, drain_ms(d, c));
        if (c->state != CHILD_REPLACING)
            c->rolling = false; /* it has no process: the next one will be a new one */
    }
    ev_timer_set(&d->patience,
                 (d->cell->options->roll_patience + d->cell->options->drain) / 1000., 0.);
    if (drain_is_rolling(d))
        ev_timer_start(d->cell->loop, &d->patience);
    else
        log_info("roll_done", "every process was replaced");
}

/* role: ROLE_COUNT for all */
static unsigned want_roll(struct drain *d, enum child_role role)
{
    struct child *c;
    unsigned n = 0;
    if (d->state != DRAIN_RUNNING)
        return 0;
    for cell_each (c, d->cell) {
        if (role != ROLE_COUNT && c->role != role)
            continue;
        if (!child_state_has_process(c->state) || c->state == CHILD_DRAINING)
            continue;
        c->roll_wanted = true;
        n++;
    }
    if (n)
        roll_step(d);
    return n;
}

unsigned drain_roll(struct drain *d)
{
    return want_roll(d, ROLE_COUNT);
}

void drain_roll_role(struct drain *d, enum child_role role)
{
    want_roll(d, role);
}

/* ---- */

void drain_moved(struct drain *d, struct child *c)
{
    if (d->state != DRAIN_RUNNING) {
        stop_step(d);
        return;
    }
    bool leaves = c->state == CHILD_DRAINING || c->state == CHILD_DOWN;
    if (leaves)
        c->roll_wanted = false;
    if (c->rolling && (leaves || c->state == CHILD_UP)) {
        c->rolling = false;
        roll_step(d);
    }
}

void drain_init(struct drain *d, struct cell *cell, struct acceptor *acceptor,
                void (*stopped)(void *owner), void *owner)
{
    *d = (struct drain){.cell = cell, .acceptor = acceptor, .stopped = stopped, .owner = owner};
    ev_init(&d->patience, on_patience);
    d->patience.data = d;
}

void drain_fini(struct drain *d)
{
    ev_timer_stop(d->cell->loop, &d->patience);
}
