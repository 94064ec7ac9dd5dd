#include "options.h"

#include <stddef.h>

const struct option_spec webhooks_option_specs[] = {
#define OPT(flag, TYPE, field, dflt, min, max, unit, help)                                     \
    {flag, OPTION_##TYPE, offsetof(struct webhooks_options, field), dflt, min, max, unit, help},
#include "options.def"
#undef OPT
};
const size_t webhooks_option_count = sizeof webhooks_option_specs / sizeof *webhooks_option_specs;
