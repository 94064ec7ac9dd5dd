/* The options of cellcast-fanout-worker, from options.def. */
#ifndef FANOUT_OPTIONS_H
#define FANOUT_OPTIONS_H

#include "run/options.h"

struct worker_options {
#define OPT(flag, TYPE, field, ...) OPTION_CTYPE_##TYPE field;
#include "options.def"
#undef OPT
};

/* -> as options_parse; a bad --log-level is -EINVAL, too */
int worker_options_parse(struct worker_options *o, int argc, char **argv, struct buf *ret_text);

#endif
