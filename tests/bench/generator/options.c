#include "options.h"

#include <stddef.h>

const struct option_spec bench_option_specs[] = {
#define OPT(flag, TYPE, field, dflt, min, max, unit, help)                                     \
    {flag, OPTION_##TYPE, offsetof(struct bench_options, field), dflt, min, max, unit, help},
#include "options.def"
#undef OPT
};
const size_t bench_option_count = sizeof bench_option_specs / sizeof *bench_option_specs;
