#include "tables.h"

#include "call.h"

#include <assert.h>

const struct option_spec gateway_option_specs[] = {
#define OPT(flag, TYPE, field, dflt, min, max, unit, help)                                                   \
    {flag, OPTION_##TYPE, offsetof(struct gateway_options, field), dflt, min, max, unit, help},
#include "options.def"
#undef OPT
};
const size_t gateway_option_count = sizeof gateway_option_specs / sizeof *gateway_option_specs;

const struct metric_spec gateway_metric_specs[] = {
#define METRIC(KIND, field, help) {METRIC_##KIND, #field, offsetof(struct gateway_metrics, field), help},
#include "metrics.def"
#undef METRIC
};
const size_t gateway_metric_count = sizeof gateway_metric_specs / sizeof *gateway_metric_specs;

void gateway_options_default(struct gateway_options *o)
{
    struct buf text = {0};
    char *argv[] = {"cellcast-gateway", NULL};
    int answer = options_parse("cellcast-gateway", "", gateway_option_specs, gateway_option_count, o, 1, argv, NULL, &text);
    assert(answer == OPTIONS_RUN);
    buf_fini(&text);
}
