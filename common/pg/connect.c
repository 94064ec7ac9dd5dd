#include "pg/connect.h"

#include "core/random.h"
#include "pg/result.h"
#include "run/resolver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop_try(struct pg_connector *c)
{
    ev_io_stop(c->loop, &c->io);
    ev_timer_stop(c->loop, &c->deadline);
    resolver_free(c->resolver);
    c->resolver = NULL;
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
    fail(c, c->in_setup ? "setup not done in time" : c->resolver ? "host name not answered in time" : "connect not done in time");
}

/* ---- hosts: libpq goes through several by itself, but knows no end of waiting for one of them
 */

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
static const char *pick(char into[PG_HOST_MAX], const char *list, unsigned which)
{
    unsigned n = count_items(list);
    if (n == 1)
        return NULL;
    for (which %= n; which > 0; which--)
        list = strchr(list, ',') + 1;
    snprintf(into, PG_HOST_MAX, "%.*s", (int)strcspn(list, ","), list);
    return into;
}

static void ignore_notice(void *arg, const char *text)
{
}

/* The host that is to be tried, when it is a name whose address is not given, as "name:0". -> whether it is */
static bool name_to_look_up(const struct pg_connector *c, char into[PG_HOST_MAX])
{
    char host[PG_HOST_MAX];
    PQconninfoOption *options = PQconninfoParse(c->conninfo, NULL);
    const char *hosts = option(options, "host"), *addresses = option(options, "hostaddr");
    const char *name = addresses && *addresses ? NULL : hosts;
    if (name && count_items(hosts) > 1)
        name = pick(host, hosts, c->host);
    bool asked = name && *name && *name != '/' && snprintf(into, PG_HOST_MAX, "%s:0", name) < PG_HOST_MAX &&
                 address_is_name(into);
    PQconninfoFree(options);
    return asked;
}

static void put_item(struct buf *list, const char *item, size_t n)
{
    if (list->n)
        buf_append(list, ",", 1);
    buf_append(list, item, n);
}

/* A name of several addresses as libpq's lists, which it goes through: the name again for each. */
static void put_found(const struct address *addresses, int n, const char *name, struct buf *ret_hosts, struct buf *ret_addresses)
{
    for (int i = 0; i < n; i++) {
        char text[INET6_ADDRSTRLEN];
        address_text(&addresses[i], text, sizeof text);
        put_item(ret_hosts, name, strcspn(name, ":"));
        put_item(ret_addresses, text, strlen(text));
    }
    buf_append(ret_hosts, "", 1);
    buf_append(ret_addresses, "", 1);
}

/* A later keyword wins over an earlier one: what stands before dbname may be said otherwise by
 * the conninfo. One with an empty value says nothing. hosts, addresses: of the name that was looked up, or NULL */
static PGconn *begin_try(const struct pg_connector *c, const char *hosts, const char *addresses)
{
    char host[PG_HOST_MAX], address[PG_HOST_MAX], port[PG_HOST_MAX];
    PQconninfoOption *options = PQconninfoParse(c->conninfo, NULL);
    const char *words[][2] = {
        {"keepalives", "1"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "4000"},
        {"dbname", c->conninfo},
        {"host", hosts ? hosts : pick(host, option(options, "host"), c->host)},
        {"hostaddr", addresses ? addresses : pick(address, option(options, "hostaddr"), c->host)},
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

static void connect_to(struct pg_connector *c, const char *hosts, const char *addresses)
{
    c->conn = begin_try(c, hosts, addresses);
    if (!c->conn || PQstatus(c->conn) == CONNECTION_BAD) {
        fail(c, c->conn ? PQerrorMessage(c->conn) : "out of memory");
        return;
    }
    PQsetNoticeProcessor(c->conn, ignore_notice, NULL);
    watch(c, EV_WRITE); /* as libpq's manual says: as if it had asked for writing */
}

static void looked_up(void *owner, const struct address *addresses, int n)
{
    struct pg_connector *c = owner;
    struct buf hosts = {0}, numbers = {0};
    c->resolver = NULL;
    if (n < 0) {
        char why[PG_HOST_MAX + 64];
        snprintf(why, sizeof why, "nobody knows the host name \"%.*s\"", (int)strcspn(c->looked_up, ":"), c->looked_up);
        fail(c, why);
        return;
    }
    put_found(addresses, n, c->looked_up, &hosts, &numbers);
    connect_to(c, hosts.p, numbers.p);
    buf_fini(&hosts);
    buf_fini(&numbers);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int events)
{
    struct pg_connector *c = w->data;
    assert(!c->conn && !c->resolver);
    ev_timer_set(&c->deadline, PG_CONNECT_SECONDS, 0);
    ev_timer_start(c->loop, &c->deadline);
    if (!name_to_look_up(c, c->looked_up)) {
        connect_to(c, NULL, NULL);
        return;
    }
    c->resolver = resolver_new(c->loop, c->looked_up, looked_up, c);
    if (!c->resolver)
        fail(c, "no thread to look the host's name up");
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
    if (!c->conn && !c->resolver)
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
