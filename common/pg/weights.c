#include "pg/weights.h"

#include "core/clock.h"
#include "core/drr.h"
#include "run/log.h"

#include <assert.h>
#include <stdlib.h>

#define ASK_NS (2 * NS_PER_S)

struct weight {
    struct map_node by_tenant; /* struct weights::by_tenant */
    int64_t weight;
    struct bytes tenant;
    char text[];
};

static const char ask_sql[] = "SELECT name, weight FROM cellcast.weights()";

void weights_init(struct weights *w)
{
    *w = (struct weights){0};
    map_init(&w->by_tenant);
}

void weights_clear(struct weights *w)
{
    struct weight *one;
    map_for_each(one, &w->by_tenant, by_tenant)
    {
        map_remove(&w->by_tenant, &one->by_tenant);
        free(one);
    }
}

void weights_fini(struct weights *w)
{
    weights_clear(w);
    map_fini(&w->by_tenant);
}

void weights_put(struct weights *w, struct bytes tenant, int64_t weight)
{
    struct weight *one = malloc(sizeof *one + tenant.n);
    assert(one);
    memcpy(one->text, tenant.p, tenant.n);
    *one = (struct weight){.weight = weight, .tenant = bytes_of(one->text, tenant.n)};
    map_insert(&w->by_tenant, &one->by_tenant, hash_bytes(one->tenant));
}

int64_t weights_of(const struct weights *w, struct bytes tenant)
{
    const struct weight *one = map_find_bytes(&w->by_tenant, tenant, struct weight, by_tenant, tenant);
    return one ? one->weight : DRR_WEIGHT;
}

static void on_answer(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct weights *w = ctx;
    w->asked = false;
    if (status == PG_REFUSED && !w->refused)
        log_warn("weights_refused", "why=\"%s\" all tenants have the same weight here", pg_message(r));
    w->refused = status == PG_REFUSED;
    if (status != PG_OK)
        return;
    weights_clear(w);
    for (int i = 0; i < pg_rows(r); i++)
        weights_put(w, pg_bytes(r, i, 0), pg_i64(r, i, 1));
}

void weights_tick(struct weights *w, struct pg *p, int64_t now_ns)
{
    if (w->asked || now_ns < w->due_ns || !pg_is_up(p))
        return;
    w->asked = true;
    w->due_ns = now_ns + ASK_NS;
    pg_query(p, ask_sql, NULL, on_answer, w);
}
