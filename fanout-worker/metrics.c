#include "metrics.h"

static const struct metric_spec specs[] = {
#define METRIC(KIND, field, help)                                                              \
    {METRIC_##KIND, #field, offsetof(struct worker_metrics, field), help},
#include "metrics.def"
#undef METRIC
};

void worker_metrics_snapshot(const struct worker_metrics *m, struct buf *into)
{
    metrics_snapshot("worker", specs, sizeof specs / sizeof *specs, m, into);
}
