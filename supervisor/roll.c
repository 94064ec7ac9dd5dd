#include "roll.h"

#include "run/log.h"

/* ---- one's turn */

static uint32_t drain_ms(const struct roll *r, const struct child *c)
{
    return c->role == ROLE_GATEWAY ? (uint32_t)r->cell->options->drain : CELL_WORKER_DRAIN_MS;
}

static void turn_ends(struct roll *r)
{
    ev_timer_stop(r->cell->loop, &r->patience);
    r->phase = ROLL_IDLE;
    r->old = r->fresh = NULL;
}

static void turn_begins(struct roll *r, struct child *old, struct child *fresh)
{
    r->phase = ROLL_STARTING;
    r->old = old;
    r->fresh = fresh;
    old->roll_wanted = false;
    log_info("roll", "child=%s its turn: %u of %u", old->name, r->done + 1, r->of);
    ev_timer_set(&r->patience, r->cell->options->roll_patience / 1000., 0.);
    ev_timer_start(r->cell->loop, &r->patience);
    child_event(fresh, CHILD_ON_START);
}

static void takes_over(struct roll *r)
{
    ev_timer_stop(r->cell->loop, &r->patience);
    r->phase = ROLL_LEAVING;
    cell_take_over(r->cell, r->fresh);
    child_let_go(r->old, drain_ms(r, r->old));
}

/* ---- one after the other */

/* -> NULL when all had their turn */
static struct child *next_turn(const struct roll *r)
{
    struct child *c;
    for cell_each (c, r->cell)
        if (c->roll_wanted)
            return c;
    return NULL;
}

static void go_on(struct roll *r)
{
    struct child *c, *fresh;
    if (r->phase != ROLL_IDLE)
        return;
    if (!(c = next_turn(r))) {
        if (!r->stopped.n)
            log_info("roll_done", "processes=%u were replaced", r->done);
        return;
    }
    if ((fresh = cell_spare(r->cell, c))) /* else: when it is free */
        turn_begins(r, c, fresh);
}

static void discard_fresh(struct roll *r)
{
    struct child *fresh = r->fresh;
    turn_ends(r);
    child_let_go(fresh, 0);
}

void roll_stop(struct roll *r, const char *why)
{
    struct child *c;
    if (!roll_is_under_way(r))
        return;
    for cell_each (c, r->cell)
        c->roll_wanted = false;
    buf_clear(&r->stopped);
    buf_printf(&r->stopped, "%s%s%s; %u of %u are new, the others as before", r->old ? r->old->name : "",
               r->old ? ": " : "", why, r->done, r->of);
    log_error("roll_stopped", "why=\"%.*s\"", BYTES_FMT(buf_bytes(&r->stopped)));
    if (r->phase == ROLL_STARTING)
        discard_fresh(r);
    else
        turn_ends(r);
}

static void stop_at_fresh(struct roll *r)
{
    struct buf why;
    buf_init(&why);
    buf_printf(&why, "its new process ended before it was ready (%s)", r->fresh->last_end);
    roll_stop(r, why.p);
    buf_fini(&why);
}

static void on_patience(struct ev_loop *loop, ev_timer *w, int events)
{
    struct roll *r = w->data;
    struct buf why;
    buf_init(&why);
    buf_printf(&why, "its new process is not ready in %lld ms%s%.*s",
               (long long)r->cell->options->roll_patience, r->fresh->why.n ? ": " : "",
               BYTES_FMT(buf_bytes(&r->fresh->why)));
    roll_stop(r, why.p);
    buf_fini(&why);
}

static bool is_leaving(const struct child *c)
{
    return c->state == CHILD_DRAINING || c->state == CHILD_DOWN;
}

static void fresh_moved(struct roll *r)
{
    if (r->fresh->state == CHILD_UP)
        takes_over(r);
    else if (r->fresh->state == CHILD_BACKOFF)
        stop_at_fresh(r);
}

/* Scaled away, or gone after the next one took over. */
static void old_moved(struct roll *r)
{
    if (r->phase == ROLL_STARTING && is_leaving(r->old)) {
        r->of--;
        discard_fresh(r);
    } else if (r->phase == ROLL_LEAVING && r->old->state == CHILD_DOWN) {
        r->done++;
        turn_ends(r);
    }
}

void roll_moved(struct roll *r, struct child *c)
{
    if (!roll_is_under_way(r))
        return;
    if (c->roll_wanted && is_leaving(c)) {
        c->roll_wanted = false;
        r->of--;
    }
    if (r->phase == ROLL_STARTING && c == r->fresh)
        fresh_moved(r);
    else if (c == r->old)
        old_moved(r);
    go_on(r);
}

bool roll_is_under_way(const struct roll *r)
{
    return r->phase != ROLL_IDLE || next_turn(r);
}

/* ---- beginning */

static bool want(struct roll *r, struct child *c)
{
    if (!child_state_has_process(c->state) || c->state == CHILD_DRAINING || !cell_fills(r->cell, c))
        return false; /* without a process the next one will be a new one */
    if (!roll_is_under_way(r)) {
        r->done = r->of = 0;
        buf_clear(&r->stopped);
    }
    r->of += !c->roll_wanted;
    c->roll_wanted = true;
    return true;
}

unsigned roll_one(struct roll *r, struct child *c)
{
    bool wanted = want(r, c);
    if (wanted)
        go_on(r);
    return wanted;
}

unsigned roll_role(struct roll *r, enum child_role role)
{
    struct child *c;
    unsigned n = 0;
    for cell_each (c, r->cell)
        n += c->role == role && want(r, c);
    if (n)
        go_on(r);
    return n;
}

unsigned roll_all(struct roll *r)
{
    struct child *c;
    unsigned n = 0;
    for cell_each (c, r->cell)
        n += want(r, c);
    if (n)
        go_on(r);
    return n;
}

/* ---- life */

void roll_init(struct roll *r, struct cell *cell)
{
    *r = (struct roll){.cell = cell};
    buf_init(&r->stopped);
    ev_init(&r->patience, on_patience);
    r->patience.data = r;
}

void roll_fini(struct roll *r)
{
    ev_timer_stop(r->cell->loop, &r->patience);
    buf_fini(&r->stopped);
}
