/* cellcast-bench: subscribers and publishers of any server that a dialect knows, and what they saw. */
#include "conductor.h"
#include "dialect.h"
#include "options.h"
#include "swarm.h"

#include "run/log.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define SUMMARY "Subscribes, publishes, checks and measures; the last line of standard output is one JSON object."

/* What the table of options cannot check. -> 0, or -errno with the reason in text */
static int check(const struct bench_options *o, struct cpu_groups *groups, const struct dialect **ret_dialect, struct buf *text)
{
    struct address servers[SERVERS_MAX];
    size_t n;
    *ret_dialect = dialect_find(o->dialect, text);
    if (!*ret_dialect || cpu_groups_parse(o->cpu, groups, text) < 0)
        return -1;
    if (swarm_resolve(o->server, servers, &n, text) < 0)
        return -1;
    if (o->subscriptions <= o->channels)
        return 0;
    buf_printf(text, "--subscriptions: %lld will not do; right would be at most --channels, %lld\n", (long long)o->subscriptions,
               (long long)o->channels);
    return -1;
}

static void read_options(int argc, char **argv, struct bench_options *options, struct cpu_groups *groups,
                         const struct dialect **ret_dialect)
{
    struct buf text = {0};
    int answer = options_parse("cellcast-bench", SUMMARY, bench_option_specs, bench_option_count, options, argc, argv, NULL, &text);
    if (answer == OPTIONS_RUN)
        answer = check(options, groups, ret_dialect, &text);
    if (answer != OPTIONS_RUN) {
        fprintf(answer == OPTIONS_PRINT ? stdout : stderr, "%.*s\n", BYTES_FMT(buf_bytes(&text)));
        exit(answer == OPTIONS_PRINT ? 0 : 2);
    }
    buf_fini(&text);
}

int main(int argc, char **argv)
{
    static struct bench_options options;
    static struct cpu_groups groups;
    const struct dialect *dialect;
    read_options(argc, argv, &options, &groups, &dialect);
    log_init("bench", LOG_LEVEL_INFO);
    curl_global_init(CURL_GLOBAL_NOTHING);
    int status = conductor_run(&options, dialect, &groups);
    if (status < 0)
        log_error("not_started", "errno=%d", -status);
    return status < 0 ? 2 : status;
}
