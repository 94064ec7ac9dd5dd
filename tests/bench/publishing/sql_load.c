/* Single-row transactions over OUTSTANDING connections, for bench_sequencer.py. SQL: $1 is a
 * channel, $2 a JSON string.
 *
 *     sql_load CONNINFO SQL COUNT OUTSTANDING CHANNELS BYTES */
#include "load.h"

#include "pg/params.h"
#include "pg/pg.h"
#include "run/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct load load;
static const char *sql;

struct session {
    struct pg *pg;
    struct pg_params *params;
    uint64_t number; /* of the publish under way */
};

static void publish(struct session *s);

static void answered(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct session *s = ctx;
    if (status == PG_REFUSED)
        fprintf(stderr, "sql_load: %s\n", pg_message(r));
    load_answered(&load, s->number, status == PG_OK);
    publish(s);
}

static void publish(struct session *s)
{
    char channel[32];
    if (!load_next(&load, &s->number, channel))
        return;
    pg_add_text(s->params, bytes_str(channel));
    pg_add_text(s->params, buf_bytes(&load.data));
    pg_query(s->pg, sql, s->params, answered, s);
}

static void up(void *owner, struct pg *pg)
{
    publish(owner);
}

static void down(void *owner, struct pg *pg, const char *why)
{
    fprintf(stderr, "sql_load: %s\n", why);
    exit(1);
}

static const struct pg_handlers handlers = {.up = up, .down = down};

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "sql_load CONNINFO SQL COUNT OUTSTANDING CHANNELS BYTES\n");
        return 2;
    }
    log_init("sql-load", LOG_LEVEL_WARN);
    sql = argv[2];
    load_init(&load, argv + 3);
    struct session *sessions = calloc(load.outstanding, sizeof *sessions);
    assert(sessions);
    for (uint64_t i = 0; i < load.outstanding; i++) {
        sessions[i].params = pg_params_new();
        sessions[i].pg = pg_new(load.loop, argv[1], "sql_load", NULL, &handlers, &sessions[i]);
    }
    ev_run(load.loop, 0);
    for (uint64_t i = 0; i < load.outstanding; i++) {
        pg_free(sessions[i].pg);
        pg_params_free(sessions[i].params);
    }
    free(sessions);
    return load_report(&load);
}
