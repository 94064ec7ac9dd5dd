#include "cell.h"

#include "command.h"
#include "config_copy.h"
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
    slot_ports_init(&cell->ports, (unsigned)options->slot_port_base);
}

void cell_fini(struct cell *cell)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        for (unsigned i = 0; i < cell->crews[role].made; i++)
            child_free(cell->crews[role].at[i]);
        child_free(cell->crews[role].spare);
    }
    slot_ports_fini(&cell->ports);
    buf_fini(&cell->lanes);
}

/* ---- walks */

static bool is_taken(const struct child *spare)
{
    return spare && spare->state != CHILD_DOWN;
}

static unsigned crew_size(const struct crew *crew)
{
    return crew->made + is_taken(crew->spare);
}

static struct child *crew_at(const struct crew *crew, unsigned index)
{
    if (index < crew->made)
        return crew->at[index];
    return index < crew_size(crew) ? crew->spare : NULL;
}

struct child *cell_gateway(const struct cell *cell, unsigned index)
{
    return crew_at(&cell->crews[ROLE_GATEWAY], index);
}

struct child *cell_worker(const struct cell *cell, unsigned index)
{
    return crew_at(&cell->crews[ROLE_WORKER], index);
}

struct child *cell_at(const struct cell *cell, unsigned index)
{
    unsigned gateways = crew_size(&cell->crews[ROLE_GATEWAY]);
    return index < gateways ? cell_gateway(cell, index) : cell_worker(cell, index - gateways);
}

bool cell_all_down(const struct cell *cell, enum child_role role)
{
    const struct crew *crew = &cell->crews[role];
    struct child *c;
    for (unsigned i = 0; (c = crew_at(crew, i)); i++)
        if (c->state != CHILD_DOWN)
            return false;
    return true;
}

void cell_send_all(struct cell *cell, enum child_role role, enum ctl_type type, struct bytes body)
{
    const struct crew *crew = &cell->crews[role];
    struct child *c;
    for (unsigned i = 0; (c = crew_at(crew, i)); i++)
        child_send(c, type, body);
}

struct child *cell_find(const struct cell *cell, struct bytes name)
{
    const struct bytes prefix = BYTES("gateway-");
    const struct crew *crew = &cell->crews[ROLE_GATEWAY];
    uint64_t slot;
    if (name.n > prefix.n && memcmp(name.p, prefix.p, prefix.n) == 0)
        name = bytes_of(name.p + prefix.n, name.n - prefix.n);
    if (!bytes_u64(name, &slot) || slot < 1 || slot > crew->made)
        return NULL;
    return crew->at[slot - 1];
}

/* ---- the map */

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
        command_socket(cell->options, w->slot, w->second, path, sizeof path);
        struct ctl_worker one = {.slot = w->slot, .path = bytes_str(path)};
        wire_put_ctl_worker(&workers, &one);
    }
    struct ctl_map map = {.generation = cell->plan.generation,
                          .partitions = cell->plan.hashed,
                          .owners = buf_bytes(&owners),
                          .workers = buf_bytes(&workers),
                          .lanes = buf_bytes(&cell->lanes)};
    wire_put_ctl_map(into, &map);
    buf_fini(&owners);
    buf_fini(&workers);
}

static void tell_map(struct cell *cell, unsigned workers)
{
    struct buf map;
    log_info("map_changed", "generation=%llu partitions=%u lanes=%u workers=%u",
             (unsigned long long)cell->plan.generation, cell->plan.hashed,
             cell->plan.partitions - cell->plan.hashed, workers);
    buf_init(&map);
    put_map(cell, &map);
    /* Workers first: one that learns of its share later than a gateway refuses the first subscriptions. */
    cell_send_all(cell, ROLE_WORKER, CTL_MAP, buf_bytes(&map));
    cell_send_all(cell, ROLE_GATEWAY, CTL_MAP, buf_bytes(&map));
    buf_fini(&map);
}

static uint64_t now_ms(void)
{
    return (uint64_t)(clock_real_ns() / NS_PER_MS);
}

/* renew: the map is another one, whoever owns what */
static void assign(struct cell *cell, bool renew)
{
    uint32_t slots[SLOTS_MAX], n = 0;
    struct child *w;
    for cell_each_worker (w, cell)
        if (w->planned)
            slots[n++] = w->slot;
    bool changed = plan_assign(&cell->plan, cell->partitions, cell->lanes_most, slots, n, now_ms());
    if (!changed && renew && cell->plan.generation) {
        plan_renew(&cell->plan, now_ms());
        changed = true;
    }
    if (changed)
        tell_map(cell, n);
}

void cell_greeted(struct cell *cell, struct child *c)
{
    bool leaving = c->state == CHILD_DRAINING || c->slot > cell->crews[c->role].wanted;
    if (c->role == ROLE_WORKER && !c->planned && !leaving && cell_fills(cell, c)) {
        c->planned = true;
        assign(cell, false); /* tells it, too: it can hear now */
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

/* ---- one beside another */

bool cell_fills(const struct cell *cell, const struct child *c)
{
    return cell->crews[c->role].at[c->slot - 1] == c;
}

bool cell_counts(const struct cell *cell, const struct child *c)
{
    return cell_fills(cell, c) && c->slot <= cell->crews[c->role].wanted && c->state != CHILD_DRAINING;
}

struct child *cell_spare(struct cell *cell, const struct child *beside)
{
    struct crew *crew = &cell->crews[beside->role];
    if (!crew->spare)
        crew->spare = child_new(cell->loop, beside->role, SLOTS_MAX, cell->handlers, cell->owner);
    if (is_taken(crew->spare))
        return NULL;
    crew->spare->second = !beside->second;
    child_fill(crew->spare, beside->slot, "next");
    return crew->spare;
}

/* What is the slot's, and not the process's. */
static void hand_over(struct child *from, struct child *to)
{
    to->counts = from->counts;
    to->set_aside = from->set_aside;
    to->planned = from->planned;
    to->roll_wanted = from->roll_wanted; /* ordered while `to` was starting: it may be of the program of before */
    from->counts = (struct child_counts){0};
    from->set_aside = from->planned = from->roll_wanted = false;
}

struct child *cell_take_over(struct cell *cell, struct child *spare)
{
    struct crew *crew = &cell->crews[spare->role];
    struct child *before = crew->at[spare->slot - 1];
    assert(crew->spare == spare);
    crew->at[spare->slot - 1] = spare;
    crew->spare = before;
    hand_over(before, spare);
    child_fill(spare, spare->slot, NULL);
    child_fill(before, before->slot, "last");
    if (spare->role == ROLE_WORKER && spare->planned) {
        plan_renew(&cell->plan, now_ms());
        tell_map(cell, crew->wanted);
    } else if (spare->role == ROLE_WORKER) { /* the one before it has never greeted */
        spare->planned = true;
        assign(cell, false);
    }
    return before;
}

/* ---- who is wanted */

static void make_slots(struct cell *cell, enum child_role role)
{
    struct crew *crew = &cell->crews[role];
    assert(crew->wanted <= SLOTS_MAX);
    while (crew->made < crew->wanted) {
        struct child *c = child_new(cell->loop, role, crew->made, cell->handlers, cell->owner);
        crew->at[crew->made++] = c;
        child_fill(c, crew->made, NULL);
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
        child_let_go(crew->at[i], drain_ms);
}

/* -> whether they are other ones than before */
static bool take_lanes(struct cell *cell, struct bytes config)
{
    struct buf before = cell->lanes;
    buf_init(&cell->lanes);
    cell->lanes_most = config_lanes(config, &cell->lanes);
    bool same = bytes_equal(buf_bytes(&before), buf_bytes(&cell->lanes));
    buf_fini(&before);
    return !same;
}

void cell_start(struct cell *cell, uint32_t partitions, struct bytes config)
{
    bool other_lanes = take_lanes(cell, config);
    cell->partitions = partitions;
    if (!cell->started) {
        cell->started = true;
        make_slots(cell, ROLE_WORKER);
        for (unsigned i = 0; i < cell->crews[ROLE_WORKER].wanted; i++)
            cell->crews[ROLE_WORKER].at[i]->planned = true;
    }
    assign(cell, other_lanes);
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
    assign(cell, false);
    start_slots(cell, ROLE_WORKER);
    start_slots(cell, ROLE_GATEWAY);
    drain_beyond(cell, ROLE_WORKER, CELL_WORKER_DRAIN_MS);
    drain_beyond(cell, ROLE_GATEWAY, (uint32_t)cell->options->drain);
}
