/* The partition map of the cell: which worker owns which partition of its topic. Pure.
 *
 * Every partition has an owner as long as there is a worker at all; the shares of two workers differ by one at most;
 * a change moves no more partitions than that demands. A worker that died is still in the plan, and so keeps its
 * partitions: it is back within seconds, and what killed it may lie in a record, which moving would hand to the next. */
#ifndef SUPERVISOR_PLAN_H
#define SUPERVISOR_PLAN_H

#include "core/buf.h"
#include "wire/lanes.h"

#include <stdint.h>

#define PARTITIONS_MAX 4096

struct plan {
    uint64_t generation; /* grows with every change; 0: there is no map yet */
    uint32_t hashed;     /* partitions of the topic that channels are hashed over; 0: not known yet */
    uint32_t partitions; /* these, and the lanes behind them (wire/lanes.h) */
    uint32_t owners[PARTITIONS_MAX + LANE_MAX]; /* worker slot, from 1 */
};

void plan_init(struct plan *p);
/* Makes the map for these workers (slots from 1, ascending, none twice). now_ms: ms since 1970; a generation is the
 * larger of it and the last one + 1, so that it grows above restarts of the supervisor without a file: its children,
 * who hold the old one, end with it. -> true when the map changed (no worker, no partition: never) */
bool plan_assign(struct plan *p, uint32_t hashed, uint32_t lanes, const uint32_t *workers, uint32_t n_workers,
                 uint64_t now_ms);
/* The same map in a new generation: a worker is to be found elsewhere, or a channel in another lane. */
void plan_renew(struct plan *p, uint64_t now_ms);
uint32_t plan_share(const struct plan *p, uint32_t worker); /* hashed partitions that it owns */
/* ctl_map's field `owners` */
void plan_put_owners(const struct plan *p, struct buf *into);

#endif
