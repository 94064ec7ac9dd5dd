/* Options of cellcast-bench; each row of options.def is a field here. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "run/options.h"

struct bench_options {
#define OPT(flag, TYPE, field, ...) OPTION_CTYPE_##TYPE field;
#include "options.def"
#undef OPT
};

extern const struct option_spec bench_option_specs[];
extern const size_t bench_option_count;

#endif
