#include "relay.h"

#include "run/log.h"

#include <stdio.h>
#include <stdlib.h>

static struct relay relay;

static int refuse(struct buf *error)
{
    fprintf(stderr, "cellcast-relay: %s\n", error->p ? error->p : "failed");
    buf_fini(error);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct buf text;
    enum log_level level;
    buf_init(&text);

    int answer = options_parse(
        "cellcast-relay", "carries committed messages from PostgreSQL's log to Kafka",
        relay_option_specs, relay_option_count, &relay.options, argc, argv, NULL, &text);
    if (answer < 0)
        return refuse(&text);
    if (answer == OPTIONS_PRINT) {
        fputs(text.p, stdout);
        buf_fini(&text);
        return EXIT_SUCCESS;
    }
    if (log_level_parse(relay.options.log_level, &level) < 0) {
        buf_printf(&text, "--log-level=%s: debug, info, warn or error",
                   relay.options.log_level);
        return refuse(&text);
    }
    log_init("relay", level);

    process_init(&relay.process, false, relay_stop, NULL, &relay);
    if (relay_init(&relay, &text) < 0)
        return refuse(&text);
    relay_run(&relay);
    relay_fini(&relay);
    process_fini(&relay.process);
    buf_fini(&text);
    return EXIT_SUCCESS;
}
