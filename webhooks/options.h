/* The options of cellcast-webhooks, from options.def. */
#ifndef WEBHOOKS_OPTIONS_H
#define WEBHOOKS_OPTIONS_H

#include "run/options.h"

struct webhooks_options {
#define OPT(flag, TYPE, field, ...) OPTION_CTYPE_##TYPE field;
#include "options.def"
#undef OPT
};

extern const struct option_spec webhooks_option_specs[];
extern const size_t webhooks_option_count;

#endif
