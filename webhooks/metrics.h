/* What the sender of webhooks counts, from metrics.def; exposed as cellcast_webhooks_FIELD. */
#ifndef WEBHOOKS_METRICS_H
#define WEBHOOKS_METRICS_H

#include "run/metrics.h"

struct webhooks_metrics {
#define METRIC(KIND, field, help) METRIC_CTYPE_##KIND field;
#include "metrics.def"
#undef METRIC
};

extern const struct metric_spec webhooks_metric_specs[];
extern const size_t webhooks_metric_count;

#endif
