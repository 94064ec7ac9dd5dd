#include "metrics.h"

const struct metric_spec webhooks_metric_specs[] = {
#define METRIC(KIND, field, help)                                                              \
    {METRIC_##KIND, #field, offsetof(struct webhooks_metrics, field), help},
#include "metrics.def"
#undef METRIC
};
const size_t webhooks_metric_count = sizeof webhooks_metric_specs / sizeof *webhooks_metric_specs;
