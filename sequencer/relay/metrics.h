/* What the relay counts, from metrics.def; exposed as cellcast_relay_FIELD. */
#ifndef RELAY_METRICS_H
#define RELAY_METRICS_H

#include "run/metrics.h"

struct relay_metrics {
#define METRIC(KIND, field, help) METRIC_CTYPE_##KIND field;
#include "metrics.def"
#undef METRIC
};

extern const struct metric_spec relay_metric_specs[];
extern const size_t relay_metric_count;

#endif
