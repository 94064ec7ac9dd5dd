/* cellcast-gateway: WebSocket clients on one side, sequencers and fan-out workers on the other. */
#include "gateway.h"

#include "core/clock.h"
#include "run/log.h"
#include "run/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define SUMMARY "Holds WebSocket connections of a Cellcast cell; started by cellcast-supervisor."

static void stop(void *owner)
{
    struct gateway *g = owner;
    gateway_drain(g, g->options->drain_timeout);
}

static void read_options(int argc, char **argv, struct gateway_options *options)
{
    struct buf text = {0};
    enum log_level level;
    int answer = options_parse("cellcast-gateway", SUMMARY, gateway_option_specs, gateway_option_count, options, argc, argv,
                               NULL, &text);
    if (answer == OPTIONS_RUN && log_level_parse(options->log_level, &level) < 0) {
        buf_append_str(&text, "--log-level: debug, info, warn or error\n");
        answer = -1;
    }
    if (answer != OPTIONS_RUN) {
        fprintf(answer == OPTIONS_PRINT ? stdout : stderr, "%.*s", BYTES_FMT(buf_bytes(&text)));
        exit(answer == OPTIONS_PRINT ? 0 : 2);
    }
    char name[32];
    snprintf(name, sizeof name, "gateway-%lld", (long long)options->slot);
    log_init(name, level);
    buf_fini(&text);
}

int main(int argc, char **argv)
{
    static struct gateway_options options;
    static struct gateway gateway;
    struct process process;
    struct buf error = {0};
    int type;
    socklen_t n = sizeof type;
    bool with_parent = getsockopt(CTL_FD, SOL_SOCKET, SO_TYPE, &type, &n) == 0;
    read_options(argc, argv, &options);
    trim_setup();
    gateway_init(&gateway, &options, clock_mono_ns(), clock_real_us());
    process_init(&process, with_parent, stop, NULL, &gateway);
    int status = gateway_start(&gateway, process.loop, &error);
    if (status < 0)
        log_error("not_started", "why=%.*s", BYTES_FMT(buf_bytes(&error)));
    else
        ev_run(process.loop, 0);
    if (status == 0)
        gateway_stop(&gateway);
    gateway_fini(&gateway);
    process_fini(&process);
    buf_fini(&error);
    return status < 0 ? 1 : 0;
}
