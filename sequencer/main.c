/* cellcast-sequencer: gives every durable message its number, and writes it. See README.md. */
#include "migrate.h"
#include "sequencer.h"

#include "run/log.h"

#include <stdio.h>

static int fail(struct buf *text)
{
    fprintf(stderr, "cellcast-sequencer: %s\n", text->p ? text->p : "failed");
    buf_fini(text);
    return 1;
}

static int migrate(const char *conninfo, struct buf *text)
{
    struct buf missing;
    buf_init(&missing);
    int error = migrate_run(conninfo, text, &missing);
    if (missing.n)
        fprintf(stderr, "%.*s\n", (int)missing.n, missing.p);
    buf_fini(&missing);
    return error;
}

int main(int argc, char **argv)
{
    static struct sequencer sequencer;
    struct sequencer_options options;
    enum log_level level;
    struct buf text;
    buf_init(&text);
    int answer = options_parse(
        "cellcast-sequencer", "numbers and commits every durable message",
        sequencer_option_specs, sequencer_option_count, &options, argc, argv, NULL, &text);
    if (answer < 0)
        return fail(&text);
    if (answer == OPTIONS_RUN && log_level_parse(options.log_level, &level) < 0) {
        buf_printf(&text, "--log-level=%s: expected debug, info, warn or error",
                   options.log_level);
        return fail(&text);
    }
    if (answer == OPTIONS_RUN)
        log_init(options.name, level);
    if (answer == OPTIONS_RUN && options.migrate && migrate(options.postgres, &text) < 0)
        return fail(&text);
    if (answer == OPTIONS_PRINT || options.migrate) {
        fputs(text.p, stdout);
        buf_fini(&text);
        return 0;
    }
    if (sequencer_start(&sequencer, &options, &text) < 0)
        return fail(&text);
    sequencer_run(&sequencer);
    sequencer_fini(&sequencer);
    buf_fini(&text);
    return 0;
}
