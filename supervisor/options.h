/* The options of cellcast-supervisor, from options.def. */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include "run/options.h"

struct supervisor_options {
#define OPT(flag, TYPE, field, ...) OPTION_CTYPE_##TYPE field;
#include "options.def"
#undef OPT
};

extern const struct option_spec supervisor_option_specs[];
extern const size_t supervisor_option_count;

#endif
