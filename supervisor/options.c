#include "options.h"

#include "child.h"

#include <stddef.h>

const struct option_spec supervisor_option_specs[] = {
#define OPT(flag, TYPE, field, dflt, min, max, unit, help)                                         \
    {flag, OPTION_##TYPE, offsetof(struct supervisor_options, field), dflt, min, max, unit, help},
#include "options.def"
#undef OPT
};
const size_t supervisor_option_count =
    sizeof supervisor_option_specs / sizeof *supervisor_option_specs;
