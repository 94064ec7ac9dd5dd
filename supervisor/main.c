/* cellcast-supervisor: runs the gateways and workers of one cell. */
#include "command.h"
#include "run/log.h"
#include "supervisor.h"

#include <stdio.h>
#include <stdlib.h>

static int read_options(struct supervisor *s, int argc, char **argv)
{
    struct buf text;
    enum log_level level;
    buf_init(&text);
    argc = command_join(argc, argv, "gateway-option");
    argc = command_join(argc, argv, "worker-option");
    int answer = options_parse("cellcast-supervisor", "runs the gateways and workers of one cell",
                               supervisor_option_specs, supervisor_option_count, &s->options, argc,
                               argv, NULL, &text);
    if (answer == OPTIONS_RUN && log_level_parse(s->options.log_level, &level) < 0) {
        buf_printf(&text, "--log-level=%s: debug, info, warn or error", s->options.log_level);
        answer = -1;
    }
    if (answer == OPTIONS_RUN)
        log_init("supervisor", level);
    else
        fprintf(answer == OPTIONS_PRINT ? stdout : stderr, "%s%s", text.p,
                text.n && text.p[text.n - 1] == '\n' ? "" : "\n");
    buf_fini(&text);
    return answer;
}

static int run(struct supervisor *s, const char *self)
{
    struct buf error;
    buf_init(&error);
    int failed = supervisor_init(s, self, &error);
    if (failed < 0)
        fprintf(stderr, "cellcast-supervisor: %s\n", error.p ? error.p : "can't start");
    else
        supervisor_run(s);
    supervisor_fini(s);
    buf_fini(&error);
    return failed < 0;
}

int main(int argc, char **argv)
{
    struct supervisor *s = calloc(1, sizeof *s);
    if (!s)
        return 1;
    int answer = read_options(s, argc, argv);
    int code = answer == OPTIONS_RUN ? run(s, argv[0]) : answer == OPTIONS_PRINT ? 0 : 2;
    free(s);
    return code;
}
