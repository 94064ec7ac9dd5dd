/* The tenants' weights (option `weight`, wire/tenant.def) as PostgreSQL's configuration has them, for processes that are not
 * sent it: asked for anew every other second while the connection is up. While it is not, the last ones hold. */
#ifndef PG_WEIGHTS_H
#define PG_WEIGHTS_H

#include "core/bytes.h"
#include "core/map.h"
#include "pg/pg.h"

struct weights {
    struct map by_tenant; /* struct weight (weights.c); of tenants that have one of their own */
    int64_t due_ns;       /* CLOCK_MONOTONIC: when they are asked for again */
    bool asked;           /* not answered yet */
    bool refused;         /* the last time; said once */
};

void weights_init(struct weights *w);
void weights_fini(struct weights *w); /* pg_free came before */
void weights_tick(struct weights *w, struct pg *p, int64_t now_ns);
int64_t weights_of(const struct weights *w, struct bytes tenant); /* DRR_WEIGHT when it has none of its own */

/* One of a new set; weights_clear begins it. */
void weights_put(struct weights *w, struct bytes tenant, int64_t weight);
void weights_clear(struct weights *w);

#endif
