#include "webhooks.h"

#include "run/log.h"

#include <stdio.h>
#include <stdlib.h>

static struct webhooks webhooks;

static int refuse(struct buf *error)
{
    fprintf(stderr, "cellcast-webhooks: %s\n", error->p ? error->p : "failed");
    buf_fini(error);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct buf text;
    enum log_level level;
    buf_init(&text);

    int answer = options_parse(
        "cellcast-webhooks", "carries events of channels and clients to the tenants' webhooks",
        webhooks_option_specs, webhooks_option_count, &webhooks.options, argc, argv, NULL, &text);
    if (answer < 0)
        return refuse(&text);
    if (answer == OPTIONS_PRINT) {
        fputs(text.p, stdout);
        buf_fini(&text);
        return EXIT_SUCCESS;
    }
    if (log_level_parse(webhooks.options.log_level, &level) < 0) {
        buf_printf(&text, "--log-level=%s: debug, info, warn or error",
                   webhooks.options.log_level);
        return refuse(&text);
    }
    log_init("webhooks", level);

    process_init(&webhooks.process, false, webhooks_stop, NULL, &webhooks);
    if (webhooks_init(&webhooks, &text) < 0)
        return refuse(&text);
    webhooks_run(&webhooks);
    webhooks_fini(&webhooks);
    process_fini(&webhooks.process);
    buf_fini(&text);
    return EXIT_SUCCESS;
}
