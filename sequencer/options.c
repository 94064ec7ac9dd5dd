#include "options.h"

#include <stddef.h>

const struct option_spec sequencer_option_specs[] = {
#define OPT(flag, TYPE, field, dflt, min, max, unit, help)                                     \
    {flag, OPTION_##TYPE, offsetof(struct sequencer_options, field), dflt, min, max,           \
     unit, help},
#include "options.def"
#undef OPT
};
const size_t sequencer_option_count =
    sizeof sequencer_option_specs / sizeof *sequencer_option_specs;
