/* The configuration that PostgreSQL holds, for this cell: asked for its version each second, handed on when it
 * changed, its last copy kept in RUNDIR/config.json and served while PostgreSQL is away, also after a restart.
 * This is the supervisor's only connection to PostgreSQL, so it also knows whether PostgreSQL is away. */
#ifndef SUPERVISOR_CONFIG_H
#define SUPERVISOR_CONFIG_H

#include "config_copy.h"
#include "pg/pg.h"

#include <ev.h>

#define CONFIG_POLL_S 1.0
#define CONFIG_LATE_MS 3000 /* a poll unanswered for so long: PostgreSQL is away, or as good as */

enum config_source { CONFIG_NONE, CONFIG_FROM_FILE, CONFIG_FROM_POSTGRES };

struct config {
    struct ev_loop *loop;
    struct pg *pg;
    const char *cell;
    char *path; /* of the copy */
    void (*changed)(void *owner);
    void *owner;
    ev_timer poll;
    struct buf json; /* the configuration; empty with CONFIG_NONE */
    struct config_facts facts;
    enum config_source source;
    struct buf problem;  /* why it is not the newest, or not there; empty: it is */
    struct pg_params *params;
    bool asking;         /* a poll is under way */
    bool unsaved;        /* the copy is an older one: tried again with each poll */
    bool fetch;          /* connected anew: the version alone proves nothing, it may be another database */
    int64_t asked_ns;    /* monotonic */
};

/* A cell's first start is recorded before its configuration is handed on: until then it is "new", and other cells may do
 * without its answers (decision 31).
 * changed: called from the loop whenever there is a configuration that is another one than before; and from inside
 * config_init when there was a copy. */
void config_init(struct config *c, struct ev_loop *loop, const char *conninfo, const char *run_dir,
                 const char *cell, void (*changed)(void *owner), void *owner);
void config_fini(struct config *c);
bool config_postgres_away(const struct config *c, int64_t now_ns);
const char *config_source_name(enum config_source source);

#endif
