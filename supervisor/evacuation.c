#include "evacuation.h"

#include "core/clock.h"
#include "run/log.h"

#include <errno.h>

#define STEP_S 0.2
#define SMOOTH 0.3 /* weight of the last step in the speed that is told */

static bool is_on_its_way_out(const struct child *c)
{
    return c->state == CHILD_DRAINING || c->state == CHILD_REPLACING;
}

/* Its clients are to go. */
static bool empties(const struct child *c)
{
    return c->role == ROLE_GATEWAY && child_state_has_process(c->state) &&
           (c->set_aside || is_on_its_way_out(c));
}

/* ---- who takes them */

static bool takes(const struct child *g)
{
    return child_headroom(g).state == CHILD_UP;
}

static size_t find_receivers(const struct cell *cell, struct headroom *ret_all)
{
    const struct crew *crew = &cell->crews[ROLE_GATEWAY];
    size_t n = 0;
    for (unsigned i = 0; i < crew->made; i++)
        if (takes(crew->at[i]))
            ret_all[n++] = child_headroom(crew->at[i]);
    return n;
}

/* ---- telling */

static void tell(struct child *c, uint32_t rate)
{
    struct ctl_pace m = {.clear = c->set_aside && !is_on_its_way_out(c), .rate = rate};
    struct buf body;
    c->leaving.rate = rate;
    buf_init(&body);
    wire_put_ctl_pace(&body, &m);
    child_send(c, CTL_PACE, buf_bytes(&body));
    buf_fini(&body);
}

static void measure(struct child *c)
{
    double gone = (double)c->leaving.left - c->report.connections;
    c->leaving.speed += ((gone > 0 ? gone : 0) / STEP_S - c->leaving.speed) * SMOOTH;
    c->leaving.left = c->report.connections;
}

/* Each its share of the rate, by the clients that it still has. */
static void tell_all(struct evacuation *e, uint32_t rate, uint64_t left)
{
    struct child *g;
    for cell_each_gateway (g, e->cell) {
        if (!empties(g))
            continue;
        measure(g);
        tell(g, left ? (uint32_t)((uint64_t)rate * g->report.connections / left) : rate);
    }
}

static void step(struct evacuation *e)
{
    struct headroom receivers[SLOTS_MAX];
    int64_t now_ns = clock_mono_ns();
    struct child *g;
    uint64_t left = 0;
    bool any = false;
    for cell_each_gateway (g, e->cell) {
        any |= empties(g);
        left += empties(g) ? g->report.connections : 0;
    }
    if (left == 0)
        pace_init(&e->pace, e->cell->options->accept_lag * NS_PER_MS, now_ns);
    size_t n = find_receivers(e->cell, receivers);
    tell_all(e, pace_step(&e->pace, receivers, n, now_ns), left);
    if (!any)
        ev_timer_stop(e->cell->loop, &e->tick);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    step(w->data);
}

void evacuation_moved(struct evacuation *e)
{
    struct child *g;
    if (ev_is_active(&e->tick))
        return;
    for cell_each_gateway (g, e->cell)
        if (empties(g)) {
            ev_timer_set(&e->tick, STEP_S, STEP_S);
            ev_timer_start(e->cell->loop, &e->tick);
            return;
        }
}

/* ---- set aside */

static bool others_take(const struct cell *cell, const struct child *but)
{
    const struct crew *crew = &cell->crews[ROLE_GATEWAY];
    for (unsigned i = 0; i < crew->wanted; i++)
        if (crew->at[i] != but && takes(crew->at[i]))
            return true;
    return false;
}

int evacuation_set_aside(struct evacuation *e, struct child *gateway, bool aside)
{
    if (aside && !others_take(e->cell, gateway))
        return -EAGAIN;
    if (aside == gateway->set_aside)
        return 0;
    gateway->set_aside = aside;
    gateway->leaving = (struct leaving){.left = gateway->report.connections};
    log_info(aside ? "set_aside" : "taken_back", "child=%s connections=%u", gateway->name,
             gateway->report.connections);
    tell(gateway, 0);
    evacuation_moved(e);
    return 0;
}

bool evacuation_progress(const struct child *c, struct evacuation_progress *ret)
{
    if (!empties(c))
        return false;
    double speed = c->leaving.speed;
    *ret = (struct evacuation_progress){.left = c->report.connections,
                                        .rate = (uint32_t)(speed + 0.5),
                                        .eta_ms = -1};
    if (ret->left == 0)
        ret->eta_ms = 0;
    else if (speed >= 1)
        ret->eta_ms = (int64_t)(ret->left / speed * 1000);
    return true;
}

/* ---- life */

void evacuation_init(struct evacuation *e, struct cell *cell)
{
    *e = (struct evacuation){.cell = cell};
    pace_init(&e->pace, cell->options->accept_lag * NS_PER_MS, clock_mono_ns());
    ev_init(&e->tick, on_tick);
    e->tick.data = e;
}

void evacuation_fini(struct evacuation *e)
{
    ev_timer_stop(e->cell->loop, &e->tick);
}
