/* cellcast-fanout-worker: carries the messages of its Kafka partitions to the gateways of a
 * cell. */
#include "run/log.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>

static int read_options(struct worker *w, int argc, char **argv)
{
    struct buf text = {0};
    int answer = worker_options_parse(&w->options, argc, argv, &text);
    if (answer != OPTIONS_RUN)
        fprintf(answer == OPTIONS_PRINT ? stdout : stderr, "%s%s", text.p ? text.p : "",
                text.n && text.p[text.n - 1] == '\n' ? "" : "\n");
    buf_fini(&text);
    return answer;
}

static void begin_log(const struct worker_options *o)
{
    char name[64];
    enum log_level level = LOG_LEVEL_INFO;
    log_level_parse(o->log_level, &level);
    snprintf(name, sizeof name, "worker-%lld", (long long)o->slot);
    log_init(name, level);
}

static int run(struct worker *w)
{
    struct buf error = {0};
    if (!w->options.standalone_map && !control_is_there()) {
        fprintf(
            stderr,
            "cellcast-fanout-worker: descriptor %d is no socket: this program is started by "
            "cellcast-supervisor; to try it alone give --standalone-map=PARTITIONS\n",
            CTL_FD);
        return EXIT_FAILURE;
    }
    begin_log(&w->options);
    int failed = worker_init(w, &error);
    if (failed < 0)
        log_error("start_failed", "%s", error.p ? error.p : "");
    else
        worker_run(w);
    worker_fini(w);
    buf_fini(&error);
    return failed < 0 || w->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return EXIT_FAILURE;
    int answer = read_options(w, argc, argv);
    int code = answer == OPTIONS_RUN ? run(w) : answer == OPTIONS_PRINT ? EXIT_SUCCESS : 2;
    free(w);
    return code;
}
