#include "pg/connect.h"

#include "core/random.h"
#include "pg/result.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop_try(struct pg_connector *c)
{
    ev_io_stop(c->loop, &c->io);
    ev_timer_stop(c->loop, &c->deadline);
    c->in_setup = false;
    c->setup_failed = false;
}

static void fail(struct pg_connector *c, const char *why)
{
    pg_one_line(c->why, sizeof c->why, why);
    stop_try(c);
    PQfinish(c->conn);
    c->conn = NULL;
    c->host++;
    c->handlers->failed(c->owner, c->why, pg_connector_again(c));
}

static void finish(struct pg_connector *c)
{
    PGconn *conn = c->conn;
    c->conn = NULL;
    stop_try(c);
    c->handlers->opened(c->owner, conn);
}

/* libpq may have closed its socket and opened another under the same number: always anew. */
static void watch(struct pg_connector *c, int events)
{
    ev_io_stop(c->loop, &c->io);
    ev_io_set(&c->io, PQsocket(c->conn), events);
    ev_io_start(c->loop, &c->io);
}

static void begin_setup(struct pg_connector *c)
{
    if (PQsetnonblocking(c->conn, 1) != 0) {
        fail(c, PQerrorMessage(c->conn));
        return;
    }
    if (!c->setup) {
        finish(c);
        return;
    }
    c->in_setup = true;
    if (!PQsendQuery(c->conn, c->setup)) {
        fail(c, PQerrorMessage(c->conn));
        return;
    }
    watch(c, PQflush(c->conn) == 1 ? EV_READ | EV_WRITE : EV_READ);
}

static void go_on_setup(struct pg_connector *c)
{
    if (!PQconsumeInput(c->conn)) {
        fail(c, PQerrorMessage(c->conn));
        return;
    }
    int unsent = PQflush(c->conn);
    PGresult *res = NULL;
    while (!PQisBusy(c->conn)) {
        res = PQgetResult(c->conn);
        if (!res)
            break;
        if (PQresultStatus(res) == PGRES_FATAL_ERROR && !c->setup_failed) {
            c->setup_failed = true;
            pg_one_line(c->why, sizeof c->why, PQresultErrorMessage(res));
        }
        PQclear(res);
    }
    if (PQisBusy(c->conn)) {
        watch(c, unsent == 1 ? EV_READ | EV_WRITE : EV_READ);
        return;
    }
    if (c->setup_failed) {
        char why[PG_WHY_MAX];
        memcpy(why, c->why, sizeof why);
        fail(c, why);
        return;
    }
    finish(c);
}

static void go_on_connecting(struct pg_connector *c)
{
    switch (PQconnectPoll(c->conn)) {
    case PGRES_POLLING_READING:
        watch(c, EV_READ);
        return;
    case PGRES_POLLING_WRITING:
        watch(c, EV_WRITE);
        return;
    case PGRES_POLLING_OK:
        begin_setup(c);
        return;
    default:
        fail(c, PQerrorMessage(c->conn));
    }
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
    struct pg_connector *c = w->data;
    if (c->in_setup)
        go_on_setup(c);
    else
        go_on_connecting(c);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
    struct pg_connector *c = w->data;
    fail(c, c->in_setup ? "setup not done in time" : "connect not done in time");
}

/* ---- hosts: libpq goes through several by itself, but knows no end of waiting for one of them
 */

#define HOST_MAX 256

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val;
    return NULL;
}

static unsigned count_items(const char *list)
{
    unsigned n = 1;
    for (; list && *list; list++)
        n += *list == ',';
    return n;
}

/* A list of one stands for all. -> into, or NULL when there is nothing to choose from */
static const char *pick(char into[HOST_MAX], const char *list, unsigned which)
{
    unsigned n = count_items(list);
    if (n == 1)
        return NULL;
    for (which %= n; which > 0; which--)
        list = strchr(list, ',') + 1;
    snprintf(into, HOST_MAX, "%.*s", (int)strcspn(list, ","), list);
    return into;
}

static void ignore_notice(void *arg, const char *text)
{
}

/* A later keyword wins over an earlier one: what stands before dbname may be said otherwise by
 * the conninfo. One with an empty value says nothing. */
static PGconn *start_try(const struct pg_connector *c)
{
    char host[HOST_MAX], address[HOST_MAX], port[HOST_MAX];
    PQconninfoOption *options = PQconninfoParse(c->conninfo, NULL);
    const char *words[][2] = {
        {"keepalives", "1"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "4000"},
        {"dbname", c->conninfo},
        {"host", pick(host, option(options, "host"), c->host)},
        {"hostaddr", pick(address, option(options, "hostaddr"), c->host)},
        {"port", pick(port, option(options, "port"), c->host)},
        {"application_name", c->name},
        {"client_encoding", "UTF8"},
        {"replication", c->replication ? "database" : NULL},
        {NULL, NULL},
    };
    PQconninfoFree(options);
    const char *keys[sizeof words / sizeof *words], *values[sizeof words / sizeof *words];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        keys[i] = words[i][0];
        values[i] = words[i][1];
    }
    return PQconnectStartParams(keys, values, 1);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int events)
{
    struct pg_connector *c = w->data;
    assert(!c->conn);
    c->conn = start_try(c);
    if (!c->conn || PQstatus(c->conn) == CONNECTION_BAD) {
        fail(c, c->conn ? PQerrorMessage(c->conn) : "out of memory");
        return;
    }
    PQsetNoticeProcessor(c->conn, ignore_notice, NULL);
    ev_timer_set(&c->deadline, PG_CONNECT_SECONDS, 0);
    ev_timer_start(c->loop, &c->deadline);
    watch(c, EV_WRITE); /* as libpq's manual says: as if it had asked for writing */
}

void pg_connector_init(struct pg_connector *c, struct ev_loop *loop, const char *conninfo,
                       const char *name, const char *setup, bool replication,
                       const struct pg_connector_handlers *handlers, void *owner)
{
    *c = (struct pg_connector){
        .loop = loop, .replication = replication, .handlers = handlers, .owner = owner};
    c->conninfo = strdup(conninfo);
    c->name = strdup(name);
    c->setup = setup && *setup ? strdup(setup) : NULL;
    assert(c->conninfo && c->name && (c->setup || !setup || !*setup));
    backoff_init(&c->backoff, PG_RETRY_MIN_MS, PG_RETRY_MAX_MS);
    ev_io_init(&c->io, on_io, -1, 0);
    ev_timer_init(&c->retry, on_retry, 0, 0);
    ev_timer_init(&c->deadline, on_deadline, 0, 0);
    c->io.data = c->retry.data = c->deadline.data = c;
}

void pg_connector_fini(struct pg_connector *c)
{
    stop_try(c);
    ev_timer_stop(c->loop, &c->retry);
    PQfinish(c->conn);
    free(c->conninfo);
    free(c->name);
    free(c->setup);
    c->conn = NULL;
    c->conninfo = c->name = c->setup = NULL;
}

static void try_after(struct pg_connector *c, uint32_t ms)
{
    ev_timer_stop(c->loop, &c->retry);
    ev_now_update(c->loop);
    ev_timer_set(&c->retry, ms / 1000.0, 0);
    ev_timer_start(c->loop, &c->retry);
}

void pg_connector_start(struct pg_connector *c)
{
    try_after(c, 0);
}

void pg_connector_now(struct pg_connector *c)
{
    if (!c->conn)
        try_after(c, 0);
}

uint32_t pg_connector_again(struct pg_connector *c)
{
    uint32_t ms = backoff_next(&c->backoff, random_u64());
    try_after(c, ms);
    return ms;
}

void pg_connector_worked(struct pg_connector *c)
{
    backoff_reset(&c->backoff);
}
