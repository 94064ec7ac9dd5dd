#include "fairflush.h"

#include "connection.h"
#include "gateway.h"
#include "tenant.h"

#include "core/clock.h"
#include "run/log.h"

#define SLOW_WEIGHT (DRR_WEIGHT / 4)
#define PIECE_COST (FAIRFLUSH_WRITES * FAIRFLUSH_WRITE)
#define SLOW_MOST 100000 /* pieces of work in a second: more than a core does */
#define SLOW_WINDOW_NS (300 * NS_PER_MS)
#define SLOW_BURST_NS (5 * NS_PER_MS)
#define NARROW_AFTER_NS (2 * NS_PER_S)

int32_t fairflush_quantum(const struct gateway *g)
{
    return g->options->fair_queuing ? FAIRFLUSH_WRITES * FAIRFLUSH_WRITE : DRR_IN_ORDER;
}

void fairflush_init(struct gateway *g)
{
    struct fairflush *f = &g->flush;
    struct aimd_limits limits = {.start = FAIRFLUSH_SLOW,
                                 .max = SLOW_MOST,
                                 .target_ns = g->options->slow_turn_lag * NS_PER_MS,
                                 .window_ns = SLOW_WINDOW_NS,
                                 .burst_ns = SLOW_BURST_NS};
    drr_init(&f->tenants, fairflush_quantum(g));
    drr_init(&f->slow, fairflush_quantum(g));
    drr_flow_init(&f->slow_turn);
    drr_weigh(&f->slow_turn, SLOW_WEIGHT);
    aimd_init(&f->width, &limits, g->now_ns);
    f->judged_ns = g->now_ns;
}

static void join(struct gateway *g, struct tenant *t)
{
    struct fairflush *f = &g->flush;
    if (!t->noise.noisy) {
        drr_join(&f->tenants, &t->turn);
        return;
    }
    if (drr_is_empty(&f->slow))
        f->slow_since_ns = g->now_ns;
    drr_join(&f->slow, &t->turn);
    if (!f->parked)
        drr_join(&f->tenants, &f->slow_turn);
}

void fairflush_channel(struct channel *c)
{
    drr_join(&c->tenant->dirty, &c->dirty);
    join(c->gateway, c->tenant);
}

void fairflush_connection(struct connection *c)
{
    if (!list_is_linked(&c->talking))
        list_append(&c->tenant->talking, &c->talking);
    join(c->gateway, c->tenant);
}

static bool has_work(const struct tenant *t)
{
    return !list_is_empty(&t->talking) || !drr_is_empty(&t->dirty);
}

bool fairflush_begin(struct gateway *g)
{
    struct fairflush *f = &g->flush;
    if (!drr_is_empty(&f->slow))
        aimd_lag(&f->width, lag_now(&g->lag, g->now_ns), g->now_ns);
    if (f->parked && aimd_wait(&f->width, g->now_ns) == 0) {
        f->parked = false;
        drr_join(&f->tenants, &f->slow_turn);
    }
    return !drr_is_empty(&f->tenants);
}

int32_t fairflush_next_ms(const struct gateway *g)
{
    int64_t wait_ns = aimd_wait(&g->flush.width, g->now_ns);
    return g->flush.parked ? (int32_t)((wait_ns + NS_PER_MS - 1) / NS_PER_MS) : -1;
}

/* A flood that comes to its end is as much work in a narrow turn as in a wide one, and only later. */
bool fairflush_is_narrow(const struct gateway *g)
{
    return !drr_is_empty(&g->flush.slow) && g->now_ns - g->flush.slow_since_ns >= NARROW_AFTER_NS;
}

/* What goes is taken from the width when it is paid for; only that somebody had to wait is told here. */
static struct drr_flow *next_slow(struct gateway *g)
{
    struct fairflush *f = &g->flush;
    if (drr_is_empty(&f->slow))
        return NULL;
    f->parked = fairflush_is_narrow(g) && aimd_wait(&f->width, g->now_ns) && !aimd_take(&f->width, g->now_ns);
    return f->parked ? NULL : drr_next(&f->slow);
}

struct tenant *fairflush_next(struct gateway *g)
{
    struct fairflush *f = &g->flush;
    struct drr_flow *turn;
    while ((turn = drr_next(&f->tenants))) {
        if (turn == &f->slow_turn && !(turn = next_slow(g))) {
            drr_leave(&f->slow_turn);
            continue;
        }
        struct tenant *t = container_of(turn, struct tenant, turn);
        if (has_work(t))
            return t;
        drr_leave(turn);
    }
    return NULL;
}

void fairflush_pay(struct gateway *g, struct tenant *t, uint64_t cost)
{
    drr_pay(&t->turn, cost);
    if (!t->noise.noisy)
        return;
    drr_pay(&g->flush.slow_turn, cost);
    g->flush.unpaid += cost;
    for (; g->flush.unpaid >= PIECE_COST; g->flush.unpaid -= PIECE_COST)
        aimd_take(&g->flush.width, g->now_ns);
}

/* ---- who is noisy */

static void change_turns(struct gateway *g, struct tenant *t)
{
    g->metrics.tenants_slowed += t->noise.noisy ? 1 : -1;
    g->metrics.tenants_slowed_total += t->noise.noisy;
    log_info(t->noise.noisy ? "tenant_slowed" : "tenant_restored", "tenant=%.*s share=%u%% of this loop's time",
             BYTES_FMT(t->name), t->noise.share);
    if (!drr_is_waiting(&t->turn))
        return;
    drr_leave(&t->turn);
    join(g, t);
}

/* Who has more weight may take more. */
static int64_t most_of(const struct gateway *g, const struct tenant *t)
{
    int64_t most = (g->options->noisy_share * t->turn.weight + DRR_WEIGHT - 1) / DRR_WEIGHT;
    return !g->options->fair_queuing ? 0 : most < 100 ? most : 100;
}

void fairflush_judge(struct gateway *g)
{
    struct tenant *t;
    int64_t window_ns = g->now_ns - g->flush.judged_ns;
    g->flush.judged_ns = g->now_ns;
    map_for_each(t, &g->tenants, by_name)
        if (noise_judge(&t->noise, window_ns, most_of(g, t), g->flush.parked && drr_is_waiting(&t->turn)))
            change_turns(g, t);
}
