/* The options of cellcast-relay, from options.def. */
#ifndef RELAY_OPTIONS_H
#define RELAY_OPTIONS_H

#include "run/options.h"

struct relay_options {
#define OPT(flag, TYPE, field, ...) OPTION_CTYPE_##TYPE field;
#include "options.def"
#undef OPT
};

extern const struct option_spec relay_option_specs[];
extern const size_t relay_option_count;

#endif
