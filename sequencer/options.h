/* The options of cellcast-sequencer, from options.def. */
#ifndef SEQUENCER_OPTIONS_H
#define SEQUENCER_OPTIONS_H

#include "run/options.h"

struct sequencer_options {
#define OPT(flag, TYPE, field, ...) OPTION_CTYPE_##TYPE field;
#include "options.def"
#undef OPT
};

extern const struct option_spec sequencer_option_specs[];
extern const size_t sequencer_option_count;

#endif
