/* What the tables options.def and metrics.def declare, as structs. */
#ifndef GATEWAY_TABLES_H
#define GATEWAY_TABLES_H

#include "run/metrics.h"
#include "run/options.h"

struct gateway_options {
#define OPT(flag, TYPE, field, ...) OPTION_CTYPE_##TYPE field;
#include "options.def"
#undef OPT
};

struct gateway_metrics {
#define METRIC(KIND, field, help) METRIC_CTYPE_##KIND field;
#include "metrics.def"
#undef METRIC
};

extern const struct option_spec gateway_option_specs[];
extern const size_t gateway_option_count;
extern const struct metric_spec gateway_metric_specs[];
extern const size_t gateway_metric_count;

/* Fills in the defaults alone, as if nothing had been said anywhere. For tests. */
void gateway_options_default(struct gateway_options *o);

#endif
