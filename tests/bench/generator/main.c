/* cellcast-bench: subscribers and publishers of any server that a dialect knows, and what they
 * saw. */
#include "conductor.h"
#include "dialect.h"
#include "options.h"
#include "route.h"
#include "swarm.h"

#include "run/log.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define SUMMARY                                                                                \
    "Subscribes, publishes, checks and measures; the last line of standard output is one "     \
    "JSON object."

/* What the table of options cannot check. -> 0, or -1 with what would be right in text */
static int make_plan(const struct bench_options *o, struct plan *ret_plan, struct buf *text)
{
    struct address servers[SERVERS_MAX];
    struct sdk sdk;
    size_t n;
    ret_plan->options = o;
    ret_plan->dialect = dialect_find(o->dialect, text);
    ret_plan->route = ret_plan->dialect ? route_find(o->route, text) : NULL;
    if (!ret_plan->route || cpu_groups_parse(o->cpu, &ret_plan->groups, text) < 0)
        return -1;
    if (sdk_choose(o, &sdk, text) < 0)
        return -1;
    if (swarm_resolve(o->server, servers, &n, text) < 0)
        return -1;
    int64_t most = ret_plan->dialect->channel_in_path ? 1 : o->channels;
    if (o->subscriptions <= most)
        return 0;
    buf_printf(text, "--subscriptions: %lld will not do; right would be at most %lld, %s",
               (long long)o->subscriptions, (long long)most,
               most < o->channels ? "as the channel is in the path" : "as --channels");
    return -1;
}

static void read_options(int argc, char **argv, struct bench_options *options,
                         struct plan *ret_plan)
{
    struct buf text = {0};
    int answer = options_parse("cellcast-bench", SUMMARY, bench_option_specs,
                               bench_option_count, options, argc, argv, NULL, &text);
    if (answer == OPTIONS_RUN)
        answer = make_plan(options, ret_plan, &text);
    if (answer != OPTIONS_RUN) {
        fprintf(answer == OPTIONS_PRINT ? stdout : stderr, "%.*s\n",
                BYTES_FMT(buf_bytes(&text)));
        exit(answer == OPTIONS_PRINT ? 0 : 2);
    }
    buf_fini(&text);
}

int main(int argc, char **argv)
{
    static struct bench_options options;
    static struct plan plan;
    read_options(argc, argv, &options, &plan);
    log_init("bench", LOG_LEVEL_INFO);
    curl_global_init(CURL_GLOBAL_NOTHING);
    int status = conductor_run(&plan);
    if (status < 0)
        log_error("not_started", "errno=%d", -status);
    return status < 0 ? 2 : status;
}
