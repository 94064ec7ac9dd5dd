/* What the worker counts: metrics.def. Read by run/metrics.h; counting is
 * `w->metrics.holes_total++`. */
#ifndef FANOUT_METRICS_H
#define FANOUT_METRICS_H

#include "run/metrics.h"

struct worker_metrics {
#define METRIC(KIND, field, help) METRIC_CTYPE_##KIND field;
#include "metrics.def"
#undef METRIC
};

void worker_metrics_snapshot(const struct worker_metrics *m, struct buf *into);

#endif
