#include "options.h"

#include <stddef.h>

const struct option_spec relay_option_specs[] = {
#define OPT(flag, TYPE, field, dflt, min, max, unit, help)                                     \
    {flag, OPTION_##TYPE, offsetof(struct relay_options, field), dflt, min, max, unit, help},
#include "options.def"
#undef OPT
};
const size_t relay_option_count = sizeof relay_option_specs / sizeof *relay_option_specs;
