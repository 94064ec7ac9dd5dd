#include "fairflush.h"

#include "connection.h"
#include "gateway.h"
#include "tenant.h"

#include "run/log.h"

#define LANE_WEIGHT (DRR_WEIGHT / 4)

int32_t fairflush_quantum(const struct gateway *g)
{
    return g->options->fair_queuing ? FAIRFLUSH_WRITES * FAIRFLUSH_WRITE : DRR_IN_ORDER;
}

void fairflush_init(struct gateway *g)
{
    struct fairflush *f = &g->flush;
    drr_init(&f->tenants, fairflush_quantum(g));
    drr_init(&f->slow, fairflush_quantum(g));
    drr_flow_init(&f->lane);
    drr_weigh(&f->lane, LANE_WEIGHT);
    f->judged_ns = g->now_ns;
}

static void join(struct fairflush *f, struct tenant *t)
{
    if (!t->noise.noisy) {
        drr_join(&f->tenants, &t->turn);
        return;
    }
    drr_join(&f->slow, &t->turn);
    drr_join(&f->tenants, &f->lane);
}

void fairflush_channel(struct channel *c)
{
    drr_join(&c->tenant->dirty, &c->dirty);
    join(&c->gateway->flush, c->tenant);
}

void fairflush_connection(struct connection *c)
{
    if (!list_is_linked(&c->talking))
        list_append(&c->tenant->talking, &c->talking);
    join(&c->gateway->flush, c->tenant);
}

static bool has_work(const struct tenant *t)
{
    return !list_is_empty(&t->talking) || !drr_is_empty(&t->dirty);
}

struct tenant *fairflush_next(struct fairflush *f)
{
    struct drr_flow *turn;
    while ((turn = drr_next(&f->tenants))) {
        if (turn == &f->lane && !(turn = drr_next(&f->slow))) {
            drr_leave(&f->lane);
            continue;
        }
        struct tenant *t = container_of(turn, struct tenant, turn);
        if (has_work(t))
            return t;
        drr_leave(turn);
    }
    return NULL;
}

void fairflush_pay(struct fairflush *f, struct tenant *t, uint64_t cost)
{
    drr_pay(&t->turn, cost);
    if (t->noise.noisy)
        drr_pay(&f->lane, cost);
}

/* ---- who is noisy */

static void change_lanes(struct gateway *g, struct tenant *t)
{
    g->metrics.tenants_slowed += t->noise.noisy ? 1 : -1;
    g->metrics.tenants_slowed_total += t->noise.noisy;
    log_info(t->noise.noisy ? "tenant_slowed" : "tenant_restored", "tenant=%.*s share=%u%% of this loop's time",
             BYTES_FMT(t->name), t->noise.share);
    if (!drr_is_waiting(&t->turn))
        return;
    drr_leave(&t->turn);
    join(&g->flush, t);
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
        if (noise_judge(&t->noise, window_ns, most_of(g, t)))
            change_lanes(g, t);
}
