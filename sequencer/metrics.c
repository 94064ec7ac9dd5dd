#include "metrics.h"

static const struct metric_spec specs[] = {
#define METRIC(KIND, field, help)                                                              \
    {METRIC_##KIND, #field, offsetof(struct sequencer_metrics, field), help},
#include "metrics.def"
#undef METRIC
};

void sequencer_metrics_snapshot(const struct sequencer_metrics *m, struct buf *into)
{
    metrics_snapshot("sequencer", specs, sizeof specs / sizeof *specs, m, into);
}
