#include "options.h"

#include "run/log.h"

#include <errno.h>

static const struct option_spec specs[] = {
#define OPT(flag, TYPE, field, dflt, min, max, unit, help)                                     \
    {flag, OPTION_##TYPE, offsetof(struct worker_options, field), dflt, min, max, unit, help},
#include "options.def"
#undef OPT
};

int worker_options_parse(struct worker_options *o, int argc, char **argv, struct buf *ret_text)
{
    enum log_level level;
    int answer = options_parse(
        "cellcast-fanout-worker", "carries the messages of a cell's partitions to its gateways",
        specs, sizeof specs / sizeof *specs, o, argc, argv, NULL, ret_text);
    if (answer != OPTIONS_RUN || log_level_parse(o->log_level, &level) == 0)
        return answer;
    buf_printf(ret_text, "--log-level=%s: debug, info, warn or error", o->log_level);
    return -EINVAL;
}
