#include "cell.h"

#include "core/clock.h"
#include "run/log.h"

#include <assert.h>
#include <stdio.h>

void cell_init(struct cell *cell, struct ev_loop *loop, const struct supervisor_options *options,
               const struct child_handlers *handlers, void *owner)
{
    *cell = (struct cell){
        .loop = loop, .options = options, .handlers = handlers, .owner = owner};
    cell->crews[ROLE_GATEWAY].wanted = (unsigned)options->gateways;
    cell->crews[ROLE_WORKER].wanted = (unsigned)options->workers;
    plan_init(&cell->plan);
}

void cell_fini(struct cell *cell)
{
    for (int role = 0; role < ROLE_COUNT; role++)
        for (unsigned i = 0; i < cell->crews[role].made; i++)
            child_free(cell->crews[role].at[i]);
}

/* ---- walks */

struct child *cell_gateway(const struct cell *cell, unsigned index)
{
    const struct crew *crew = &cell->crews[ROLE_GATEWAY];
    return index < crew->made ? crew->at[index] : NULL;
}

struct child *cell_worker(const struct cell *cell, unsigned index)
{
    const struct crew *crew = &cell->crews[ROLE_WORKER];
    return index < crew->made ? crew->at[index] : NULL;
}

struct child *cell_at(const struct cell *cell, unsigned index)
{
    unsigned gateways = cell->crews[ROLE_GATEWAY].made;
    return index < gateways ? cell_gateway(cell, index) : cell_worker(cell, index - gateways);
}

bool cell_all_down(const struct cell *cell, enum child_role role)
{
    const struct crew *crew = &cell->crews[role];
    for (unsigned i = 0; i < crew->made; i++)
        if (crew->at[i]->state != CHILD_DOWN)
            return false;
    return true;
}

void cell_send_all(struct cell *cell, enum child_role role, enum ctl_type type, struct bytes body)
{
    const struct crew *crew = &cell->crews[role];
    for (unsigned i = 0; i < crew->made; i++)
        child_send(crew->at[i], type, body);
}

/* ---- the map */

void cell_worker_path(const struct cell *cell, unsigned slot, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s/worker-%u.sock", cell->options->run_dir, slot);
}

static void put_map(const struct cell *cell, struct buf *into)
{
    struct buf owners, workers;
    struct child *w;
    char path[128];
    buf_init(&owners);
    buf_init(&workers);
    plan_put_owners(&cell->plan, &owners);
    for cell_each_worker (w, cell) {
        if (!w->planned)
            continue;
        cell_worker_path(cell, w->slot, path, sizeof path);
        struct ctl_worker one = {.slot = w->slot, .path = bytes_str(path)};
        wire_put_ctl_worker(&workers, &one);
    }
    struct ctl_map map = {.generation = cell->plan.generation,
                          .partitions = cell->plan.partitions,
                          .owners = buf_bytes(&owners),
                          .workers = buf_bytes(&workers)};
    wire_put_ctl_map(into, &map);
    buf_fini(&owners);
    buf_fini(&workers);
}

static void assign(struct cell *cell)
{
    uint32_t slots[SLOTS_MAX], n = 0;
    struct child *w;
    struct buf map;
    for cell_each_worker (w, cell)
        if (w->planned)
            slots[n++] = w->slot;
    uint64_t now_ms = (uint64_t)(clock_real_ns() / NS_PER_MS);
    if (!plan_assign(&cell->plan, cell->partitions, slots, n, now_ms))
        return;
    log_info("map_changed", "generation=%llu partitions=%u workers=%u",
             (unsigned long long)cell->plan.generation, cell->plan.partitions, n);
    buf_init(&map);
    put_map(cell, &map);
    /* Workers first: one that learns of its share later than a gateway refuses the first subscriptions. */
    cell_send_all(cell, ROLE_WORKER, CTL_MAP, buf_bytes(&map));
    cell_send_all(cell, ROLE_GATEWAY, CTL_MAP, buf_bytes(&map));
    buf_fini(&map);
}

void cell_greeted(struct cell *cell, struct child *c)
{
    bool leaving = c->state == CHILD_DRAINING || c->slot > cell->crews[c->role].wanted;
    if (c->role == ROLE_WORKER && !c->planned && !leaving) {
        c->planned = true;
        assign(cell); /* tells it, too: it can hear now */
        return;
    }
    if (cell->plan.generation == 0)
        return;
    struct buf map;
    buf_init(&map);
    put_map(cell, &map);
    child_send(c, CTL_MAP, buf_bytes(&map));
    buf_fini(&map);
}

/* ---- who is wanted */

static void make_slots(struct cell *cell, enum child_role role)
{
    struct crew *crew = &cell->crews[role];
    assert(crew->wanted <= SLOTS_MAX);
    while (crew->made < crew->wanted) {
        crew->at[crew->made] =
            child_new(cell->loop, role, crew->made + 1, cell->handlers, cell->owner);
        crew->made++;
    }
}

static void start_slots(struct cell *cell, enum child_role role)
{
    struct crew *crew = &cell->crews[role];
    make_slots(cell, role);
    for (unsigned i = 0; i < crew->wanted; i++)
        child_event(crew->at[i], CHILD_ON_START);
}

static void drain_beyond(struct cell *cell, enum child_role role, uint32_t drain_ms)
{
    struct crew *crew = &cell->crews[role];
    for (unsigned i = crew->wanted; i < crew->made; i++)
        child_let_go(crew->at[i], CHILD_ON_DRAIN, drain_ms);
}

void cell_start(struct cell *cell, uint32_t partitions)
{
    cell->partitions = partitions;
    if (!cell->started) {
        cell->started = true;
        make_slots(cell, ROLE_WORKER);
        for (unsigned i = 0; i < cell->crews[ROLE_WORKER].wanted; i++)
            cell->crews[ROLE_WORKER].at[i]->planned = true;
    }
    assign(cell);
    start_slots(cell, ROLE_WORKER);
    start_slots(cell, ROLE_GATEWAY);
}

void cell_scale(struct cell *cell, unsigned gateways, unsigned workers)
{
    struct crew *g = &cell->crews[ROLE_GATEWAY], *w = &cell->crews[ROLE_WORKER];
    g->wanted = gateways ? gateways : g->wanted;
    w->wanted = workers ? workers : w->wanted;
    if (!cell->started)
        return;
    for (unsigned i = w->wanted; i < w->made; i++)
        w->at[i]->planned = false;
    assign(cell);
    start_slots(cell, ROLE_WORKER);
    start_slots(cell, ROLE_GATEWAY);
    drain_beyond(cell, ROLE_WORKER, CELL_WORKER_DRAIN_MS);
    drain_beyond(cell, ROLE_GATEWAY, (uint32_t)cell->options->drain);
}
