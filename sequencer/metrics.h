/* What the sequencer counts: metrics.def. Counting is `s->metrics.batches_total++`. */
#ifndef SEQUENCER_METRICS_H
#define SEQUENCER_METRICS_H

#include "run/metrics.h"

struct sequencer_metrics {
#define METRIC(KIND, field, help) METRIC_CTYPE_##KIND field;
#include "metrics.def"
#undef METRIC
};

void sequencer_metrics_snapshot(const struct sequencer_metrics *m, struct buf *into);

#endif
