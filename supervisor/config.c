#include "config.h"

#include "core/clock.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void set_problem(struct config *c, const char *what, const char *why)
{
    struct buf before = c->problem;
    buf_init(&c->problem);
    buf_printf(&c->problem, "%s%s%s", what, why[0] ? ": " : "", why);
    if (!bytes_equal(buf_bytes(&before), buf_bytes(&c->problem)))
        log_warn("config_problem", "why=\"%s\" served=%s version=%llu", c->problem.p,
                 config_source_name(c->source), (unsigned long long)c->facts.version);
    buf_fini(&before);
}

const char *config_source_name(enum config_source source)
{
    static const char *const names[] = {"none", "copy", "postgres"};
    return names[source];
}

/* ---- adopting one */

/* -> 1, 0 (it is the one that is served), -EAGAIN (this cell is new), -ENOENT, -EBADMSG */
static int adopt(struct config *c, struct bytes json, enum config_source source)
{
    struct config_facts facts;
    struct buf why;
    buf_init(&why);
    int error = config_read(json, c->cell, &facts, &why);
    if (error < 0) {
        set_problem(c, source == CONFIG_FROM_FILE ? c->path : "configuration", why.p);
        buf_fini(&why);
        return error;
    }
    buf_fini(&why);
    if (facts.is_new) {
        set_problem(c, "the cell's first start is being recorded", "");
        return -EAGAIN;
    }
    bool same = bytes_equal(json, buf_bytes(&c->json));
    c->source = source;
    c->facts = facts;
    if (source == CONFIG_FROM_POSTGRES)
        buf_clear(&c->problem);
    if (same)
        return 0;
    buf_clear(&c->json);
    buf_append_bytes(&c->json, json);
    log_info("config_adopted", "version=%llu from=%s topic=%s partitions=%u bytes=%zu",
             (unsigned long long)facts.version, config_source_name(source), facts.topic,
             facts.partitions, json.n);
    c->changed(c->owner);
    return 1;
}

static void keep_copy(struct config *c)
{
    int error = config_save(c->path, buf_bytes(&c->json));
    if (error < 0 && !c->unsaved)
        log_error("config_copy", "path=%s errno=%s after a restart without PostgreSQL an older "
                                 "configuration would be served",
                  c->path, strerror(-error));
    if (error == 0 && c->unsaved)
        log_info("config_copy", "path=%s version=%llu it is saved now", c->path, (unsigned long long)c->facts.version);
    c->unsaved = error < 0;
}

static void load_copy(struct config *c)
{
    struct buf text;
    buf_init(&text);
    int error = config_load(c->path, &text);
    if (error == 0)
        adopt(c, buf_bytes(&text), CONFIG_FROM_FILE);
    else if (error != -ENOENT)
        log_error("config_copy", "path=%s errno=%s can't be read", c->path, strerror(-error));
    buf_fini(&text);
}

/* ---- asking */

static void ask(struct config *c);

static void refused(struct config *c, const struct pg_result *r)
{
    const char *state = pg_sqlstate(r);
    /* undefined function, schema; permission */
    bool missing = strcmp(state, "42883") == 0 || strcmp(state, "3F000") == 0;
    set_problem(c, missing ? "the schema is not migrated yet: cellcast-sequencer --migrate"
                           : "PostgreSQL refuses to tell the configuration",
                pg_message(r));
}

static void on_started(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct config *c = ctx;
    c->asking = false;
    c->fetch = true;
    if (status == PG_REFUSED)
        refused(c, r);
    else if (status == PG_OK)
        ask(c);
}

static void record_start(struct config *c)
{
    log_info("cell_new", "cell=%s its first start is recorded", c->cell);
    c->asking = true;
    c->asked_ns = clock_mono_ns();
    pg_add_text(c->params, bytes_str(c->cell));
    pg_query(c->pg, "SELECT cellcast.cell_starts($1)", c->params, on_started, c);
}

static void on_config(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct config *c = ctx;
    c->asking = false;
    if (status == PG_REFUSED)
        refused(c, r);
    if (status != PG_OK || pg_rows(r) != 1)
        return;
    int adopted = adopt(c, pg_bytes(r, 0, 0), CONFIG_FROM_POSTGRES);
    if (adopted == -EAGAIN)
        record_start(c);
    if (adopted < 0)
        return;
    c->fetch = false;
    if (adopted > 0)
        keep_copy(c);
}

static void on_version(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct config *c = ctx;
    c->asking = false;
    if (status == PG_REFUSED)
        refused(c, r);
    if (status != PG_OK || pg_rows(r) != 1 || pg_is_null(r, 0, 0))
        return;
    if (!c->fetch && (uint64_t)pg_i64(r, 0, 0) == c->facts.version) {
        buf_clear(&c->problem); /* of a poll before */
        return;
    }
    c->asking = true;
    c->asked_ns = clock_mono_ns();
    pg_query(c->pg, "SELECT cellcast.config()::text", NULL, on_config, c);
}

static void ask(struct config *c)
{
    if (c->asking || !pg_is_up(c->pg))
        return;
    c->asking = true;
    c->asked_ns = clock_mono_ns();
    pg_query(c->pg, "SELECT cellcast.config_version()", NULL, on_version, c);
}

static void on_poll(struct ev_loop *loop, ev_timer *w, int events)
{
    struct config *c = w->data;
    if (c->unsaved)
        keep_copy(c);
    ask(c);
}

static void on_up(void *owner, struct pg *p)
{
    struct config *c = owner;
    c->fetch = true;
    ask(c);
}

static void on_down(void *owner, struct pg *p, const char *why)
{
    set_problem(owner, "PostgreSQL is away", why);
}

/* ---- life */

static const struct pg_handlers pg_handlers = {.up = on_up, .down = on_down};

void config_init(struct config *c, struct ev_loop *loop, const char *conninfo, const char *run_dir,
                 const char *cell, void (*changed)(void *owner), void *owner)
{
    *c = (struct config){.loop = loop, .cell = cell, .changed = changed, .owner = owner};
    buf_init(&c->json);
    buf_init(&c->problem);
    int n = asprintf(&c->path, "%s/config.json", run_dir);
    assert(n > 0);
    buf_append_str(&c->problem, "PostgreSQL is away: not connected yet");
    c->params = pg_params_new();
    load_copy(c);
    c->pg = pg_new(loop, conninfo, "cellcast-supervisor", NULL, &pg_handlers, c);
    ev_timer_init(&c->poll, on_poll, CONFIG_POLL_S, CONFIG_POLL_S);
    c->poll.data = c;
    ev_timer_start(loop, &c->poll);
}

void config_fini(struct config *c)
{
    ev_timer_stop(c->loop, &c->poll);
    pg_free(c->pg);
    pg_params_free(c->params);
    free(c->path);
    buf_fini(&c->json);
    buf_fini(&c->problem);
}

bool config_postgres_away(const struct config *c, int64_t now_ns)
{
    return !c->pg || !pg_is_up(c->pg) ||
           (c->asking && now_ns - c->asked_ns > CONFIG_LATE_MS * NS_PER_MS);
}
