#include "pg/pg.h"

#include "core/map.h"
#include "pg/connect.h"
#include "pg/params.h"
#include "pg/result.h"
#include "run/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define STATEMENTS_MAX 256 /* prepared per connection; what comes after is parsed each time */
#define STALE_MAX 8 /* of a statement and session: each leaves a dead plan in the server */
#define NOTICES_MAX (16 << 10) /* bytes of notices kept for one turn of the loop */

enum pg_state {
    STATE_DOWN, /* the connector is at work */
    STATE_UP,
    STATE_BROKEN, /* known to be lost, told to nobody yet: `soon` will */
    STATE_FREED,  /* inside of a callback; the memory goes with the last frame of ours */
};

/* A prepared statement of the session; the entry outlives the session, prepared anew in the
 * next one. */
struct statement {
    struct map_node by_key; /* struct pg::statements */
    struct bytes key;       /* SQL text, NUL, types of the parameters; owned */
    unsigned number;        /* of its name; a new one for each prepare */
    unsigned stale;         /* times that it was found so in this session */
    enum { UNPREPARED, PREPARING, PREPARED, NAMELESS } state;
};

struct query {
    struct list link; /* struct pg::in_flight or ::refused */
    pg_callback *done;
    void *ctx;
    struct statement *statement; /* NULL: sent without a name */
    unsigned number;             /* of the statement that it was sent with */
    bool prepares;               /* the next result is that of its prepare */
    PGresult *result;            /* kept until its sync tells that it is committed */
};

struct pg {
    struct ev_loop *loop;
    const struct pg_handlers *handlers;
    void *owner;
    enum pg_state state;
    unsigned depth; /* frames of ours on the stack that call the owner */
    bool told_down; /* since the last up */
    PGconn *conn;
    struct pg_connector connector;
    ev_io readable, writable;
    ev_timer soon; /* what must not happen inside of a call from the owner */
    struct map statements;
    unsigned last_number;
    struct list in_flight; /* struct query::link, in the order of sending */
    struct list refused;   /* struct query::link, asked while down */
    size_t n_queries;
    struct buf key;         /* scratch of statement_of */
    struct buf notices;     /* NUL after each */
    char why[PG_WHY_MAX];   /* of STATE_BROKEN */
    char fatal[PG_WHY_MAX]; /* the server's last word, "" when none */
};

static void free_queries(struct list *queries)
{
    struct query *q, *spare;
    list_for_each_safe (q, spare, queries, link) {
        list_remove(&q->link);
        PQclear(q->result);
        free(q);
    }
}

static void free_statements(struct pg *p)
{
    struct statement *s;
    map_for_each (s, &p->statements, by_key) {
        map_remove(&p->statements, &s->by_key);
        free((char *)s->key.p);
        free(s);
    }
    map_fini(&p->statements);
}

static void close_connection(struct pg *p)
{
    ev_io_stop(p->loop, &p->readable);
    ev_io_stop(p->loop, &p->writable);
    PQfinish(p->conn);
    p->conn = NULL;
    struct statement *s;
    map_for_each (s, &p->statements, by_key) {
        s->state = UNPREPARED;
        s->stale = 0;
    }
}

static void leave(struct pg *p)
{
    assert(p->depth > 0);
    if (--p->depth > 0 || p->state != STATE_FREED)
        return;
    free_queries(&p->in_flight);
    free_queries(&p->refused);
    free_statements(p);
    buf_fini(&p->key);
    buf_fini(&p->notices);
    free(p);
}

static void call_soon(struct pg *p)
{
    if (ev_is_active(&p->soon))
        return;
    ev_timer_set(&p->soon, 0, 0);
    ev_timer_start(p->loop, &p->soon);
}

static void set_broken(struct pg *p, const char *why)
{
    p->state = STATE_BROKEN;
    pg_one_line(p->why, sizeof p->why, p->fatal[0] ? p->fatal : why);
    call_soon(p);
}

static void answer(struct pg *p, struct query *q, enum pg_status status)
{
    struct pg_result r;
    list_remove(&q->link);
    p->n_queries--;
    if (status != PG_LOST)
        pg_result_init(&r, q->result);
    if (q->done)
        q->done(q->ctx, status, status == PG_LOST ? NULL : &r);
    PQclear(q->result);
    free(q);
}

static void tell_down(struct pg *p, const char *why)
{
    if (p->told_down)
        return;
    p->told_down = true;
    p->handlers->down(p->owner, p, why);
}

/* Only from the loop. */
static void go_down(struct pg *p)
{
    struct query *q;
    char why[PG_WHY_MAX];
    memcpy(why, p->why, sizeof why);
    close_connection(p);
    p->state = STATE_DOWN;
    uint32_t retry_ms = pg_connector_again(&p->connector);
    log_warn("postgres_lost", "name=%s in_flight=%zu retry_ms=%u why=\"%s\"", p->connector.name,
             p->n_queries, retry_ms, why);
    while (p->state == STATE_DOWN && (q = list_first(&p->in_flight, struct query, link)))
        answer(p, q, PG_LOST);
    if (p->state == STATE_DOWN)
        tell_down(p, why);
}

/* ---- statements */

static struct statement *statement_of(struct pg *p, const char *sql, const struct pg_params *a)
{
    buf_clear(&p->key);
    buf_append(&p->key, sql, strlen(sql) + 1);
    if (a)
        buf_append(&p->key, a->types, (size_t)a->n * sizeof a->types[0]);
    struct bytes key = buf_bytes(&p->key);
    struct statement *s = map_find_bytes(&p->statements, key, struct statement, by_key, key);
    if (s || p->statements.count >= STATEMENTS_MAX)
        return s;
    s = calloc(1, sizeof *s);
    assert(s);
    s->key = bytes_of(buf_take(&p->key), key.n);
    map_insert(&p->statements, &s->by_key, hash_bytes(s->key));
    return s;
}

/* One that the server no longer has (26000: a DEALLOCATE, a pooler), or whose result has
 * another shape since the schema changed (0A000), is prepared anew by the next query. */
static void look_for_stale(struct query *q)
{
    const char *state = PQresultErrorField(q->result, PG_DIAG_SQLSTATE);
    if (q->statement && q->statement->number == q->number && q->statement->state == PREPARED &&
        state && (strcmp(state, "26000") == 0 || strcmp(state, "0A000") == 0))
        q->statement->state = ++q->statement->stale < STALE_MAX ? UNPREPARED : NAMELESS;
}

/* ---- sending */

/* While the first prepare is unanswered the statement goes without a name: should that prepare
 * fail, this query does not fail for want of it. */
static bool send_query(struct pg *p, struct query *q, const char *sql,
                       const struct pg_params *a)
{
    static const struct pg_params none;
    const char *values[PG_PARAMS_MAX];
    char name[16];
    struct statement *s = statement_of(p, sql, a);
    a = a ? a : &none;
    pg_params_values(a, values);
    if (!s || s->state == PREPARING || s->state == NAMELESS)
        return PQsendQueryParams(p->conn, sql, a->n, a->types, values, a->lengths, a->formats,
                                 1) &&
               PQpipelineSync(p->conn);
    if (s->state == UNPREPARED) {
        s->state = PREPARING;
        s->number = ++p->last_number;
        q->prepares = true;
    }
    q->statement = s;
    q->number = s->number;
    snprintf(name, sizeof name, "s%u", s->number);
    return (!q->prepares || PQsendPrepare(p->conn, name, sql, a->n, a->types)) &&
           PQsendQueryPrepared(p->conn, name, a->n, values, a->lengths, a->formats, 1) &&
           PQpipelineSync(p->conn);
}

/* -> false when the connection is no more */
static bool flush(struct pg *p)
{
    int unsent = PQflush(p->conn);
    if (unsent < 0)
        return false;
    if (unsent > 0)
        ev_io_start(p->loop, &p->writable);
    else
        ev_io_stop(p->loop, &p->writable);
    return true;
}

void pg_query(struct pg *p, const char *sql, struct pg_params *params, pg_callback *done,
              void *ctx)
{
    assert(p->state != STATE_FREED);
    struct query *q = calloc(1, sizeof *q);
    assert(q);
    q->done = done;
    q->ctx = ctx;
    p->n_queries++;
    if (p->state == STATE_UP) {
        list_append(&p->in_flight, &q->link);
        if (!send_query(p, q, sql, params) || !flush(p))
            set_broken(p, PQerrorMessage(p->conn));
    } else {
        list_append(p->state == STATE_BROKEN ? &p->in_flight : &p->refused, &q->link);
        call_soon(p);
    }
    if (params)
        pg_params_clear(params);
}

/* ---- results */

/* The server's reason to end the connection is a better `why` than that it ended. */
static void keep_last_word(struct pg *p, const PGresult *res)
{
    const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
        pg_one_line(p->fatal, sizeof p->fatal, PQresultErrorMessage(res));
}

static void take_result(struct pg *p, PGresult *res)
{
    struct query *q = list_first(&p->in_flight, struct query, link);
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_PIPELINE_SYNC && q->result) {
        PQclear(res);
        bool refused = PQresultStatus(q->result) == PGRES_FATAL_ERROR;
        if (refused)
            look_for_stale(q);
        answer(p, q, refused ? PG_REFUSED : PG_OK);
        return;
    }
    if (status == PGRES_PIPELINE_SYNC || status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
        PQclear(res);
        close_connection(p); /* libpq has no way back from here */
        set_broken(p, "a query that cannot be answered in a pipeline");
        return;
    }
    if (status == PGRES_FATAL_ERROR)
        keep_last_word(p, res);
    if (q->prepares && (status == PGRES_COMMAND_OK || status == PGRES_FATAL_ERROR)) {
        q->prepares = false;
        q->statement->state = status == PGRES_COMMAND_OK ? PREPARED : UNPREPARED;
        if (status == PGRES_COMMAND_OK) {
            PQclear(res);
            return;
        }
    }
    /* A statement that went well may still fail at its commit: the error replaces it. What
     * follows the first error is only its echo. */
    if (!q->result ||
        (PQresultStatus(q->result) != PGRES_FATAL_ERROR && status == PGRES_FATAL_ERROR)) {
        PQclear(q->result);
        q->result = res;
    } else {
        PQclear(res);
    }
}

static bool has_connection(const struct pg *p)
{
    return p->conn && (p->state == STATE_UP || p->state == STATE_BROKEN);
}

static void drain(struct pg *p)
{
    unsigned nothing = 0; /* results in a row that were none; there is one after each query */
    while (has_connection(p) && !PQisBusy(p->conn) && !list_is_empty(&p->in_flight)) {
        PGresult *res = PQgetResult(p->conn);
        if (res) {
            nothing = 0;
            take_result(p, res);
        } else if (++nothing > 3) {
            return;
        }
    }
}

static void hand_notices(struct pg *p)
{
    if (p->notices.n == 0)
        return;
    struct buf texts = p->notices;
    buf_init(&p->notices);
    for (size_t at = 0; at < texts.n && p->state != STATE_FREED; at += strlen(texts.p + at) + 1)
        p->handlers->notice(p->owner, texts.p + at);
    buf_fini(&texts);
}

/* Called from the midst of libpq, where nothing may be asked of it: kept until it has returned.
 */
static void on_notice(void *arg, const PGresult *res)
{
    struct pg *p = arg;
    char line[PG_WHY_MAX];
    keep_last_word(p, res);
    pg_one_line(line, sizeof line, PQresultErrorMessage(res));
    if (p->handlers->notice && p->notices.n < NOTICES_MAX)
        buf_append(&p->notices, line, strlen(line) + 1);
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
    struct pg *p = w->data;
    p->depth++;
    bool alive = !(events & EV_READ) || PQconsumeInput(p->conn);
    if (alive)
        alive = flush(p);
    char why[PG_WHY_MAX];
    pg_one_line(why, sizeof why, PQerrorMessage(p->conn));
    drain(p); /* what came before the end counts */
    hand_notices(p);
    if (p->state == STATE_UP && (!alive || PQstatus(p->conn) == CONNECTION_BAD))
        set_broken(p, why);
    if (p->state == STATE_BROKEN)
        go_down(p);
    leave(p);
}

static void on_soon(struct ev_loop *loop, ev_timer *w, int events)
{
    struct pg *p = w->data;
    struct query *q;
    p->depth++;
    if (p->state == STATE_BROKEN) {
        drain(p);
        hand_notices(p);
    }
    if (p->state == STATE_BROKEN)
        go_down(p);
    /* those only that wait already: an owner who asks again at once is answered in the next
     * turn */
    size_t left = 0;
    list_for_each (q, &p->refused, link) {
        left++;
    }
    while (left-- > 0 && p->state != STATE_FREED &&
           (q = list_first(&p->refused, struct query, link)))
        answer(p, q, PG_LOST);
    if (p->state != STATE_FREED && !list_is_empty(&p->refused))
        call_soon(p);
    leave(p);
}

/* ---- coming up */

static void on_opened(void *owner, PGconn *conn)
{
    struct pg *p = owner;
    p->depth++;
    p->conn = conn;
    p->fatal[0] = 0;
    int pipeline = PQenterPipelineMode(conn);
    assert(pipeline);
    PQsetNoticeReceiver(conn, on_notice, p);
    ev_io_set(&p->readable, PQsocket(conn), EV_READ);
    ev_io_set(&p->writable, PQsocket(conn), EV_WRITE);
    ev_io_start(p->loop, &p->readable);
    p->state = STATE_UP;
    p->told_down = false;
    pg_connector_worked(&p->connector);
    log_info("postgres_up", "name=%s backend=%d", p->connector.name, PQbackendPID(conn));
    p->handlers->up(p->owner, p);
    leave(p);
}

static void on_failed(void *owner, const char *why, uint32_t retry_ms)
{
    struct pg *p = owner;
    p->depth++;
    if (!p->told_down)
        log_warn("postgres_unreachable", "name=%s retry_ms=%u why=\"%s\"", p->connector.name,
                 retry_ms, why);
    else
        log_debug("postgres_unreachable", "name=%s retry_ms=%u why=\"%s\"", p->connector.name,
                  retry_ms, why);
    tell_down(p, why);
    leave(p);
}

static const struct pg_connector_handlers connector_handlers = {on_opened, on_failed};

struct pg *pg_new(struct ev_loop *loop, const char *conninfo, const char *name,
                  const char *setup, const struct pg_handlers *handlers, void *owner)
{
    struct pg *p = calloc(1, sizeof *p);
    assert(p);
    p->loop = loop;
    p->handlers = handlers;
    p->owner = owner;
    list_init(&p->in_flight);
    list_init(&p->refused);
    map_init(&p->statements);
    ev_io_init(&p->readable, on_io, -1, EV_READ);
    ev_io_init(&p->writable, on_io, -1, EV_WRITE);
    ev_timer_init(&p->soon, on_soon, 0, 0);
    p->readable.data = p->writable.data = p->soon.data = p;
    pg_connector_init(&p->connector, loop, conninfo, name, setup, false, &connector_handlers,
                      p);
    pg_connector_start(&p->connector);
    return p;
}

void pg_free(struct pg *p)
{
    if (!p || p->state == STATE_FREED)
        return;
    p->depth++;
    p->state = STATE_FREED;
    close_connection(p);
    ev_timer_stop(p->loop, &p->soon);
    pg_connector_fini(&p->connector);
    leave(p);
}

bool pg_is_up(const struct pg *p)
{
    return p->state == STATE_UP;
}

size_t pg_in_flight(const struct pg *p)
{
    return p->n_queries;
}

void pg_reset(struct pg *p)
{
    if (p->state != STATE_UP && p->state != STATE_BROKEN)
        return;
    close_connection(p);
    p->fatal[0] = 0;
    set_broken(p, "closed by its owner");
}

void pg_hurry(struct pg *p)
{
    if (p->state == STATE_DOWN)
        pg_connector_now(&p->connector);
}

int pg_backend_pid(const struct pg *p)
{
    return p->conn && p->state == STATE_UP ? PQbackendPID(p->conn) : 0;
}
