/* What the supervisor counts about itself and the cell, from metrics.def. */
#ifndef SUPERVISOR_METRICS_H
#define SUPERVISOR_METRICS_H

#include "run/metrics.h"

struct supervisor_metrics {
#define METRIC(KIND, field, help) METRIC_CTYPE_##KIND field;
#include "metrics.def"
#undef METRIC
};

#endif
