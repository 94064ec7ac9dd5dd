#include "metrics.h"

const struct metric_spec relay_metric_specs[] = {
#define METRIC(KIND, field, help)                                                              \
    {METRIC_##KIND, #field, offsetof(struct relay_metrics, field), help},
#include "metrics.def"
#undef METRIC
};
const size_t relay_metric_count = sizeof relay_metric_specs / sizeof *relay_metric_specs;
