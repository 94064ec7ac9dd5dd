#include "pg/stream.h"

#include "core/clock.h"
#include "core/random.h"
#include "pg/connect.h"
#include "pg/result.h"
#include "pg/walsender.h"
#include "run/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TURN_FRAMES 512      /* handed over per turn of the loop */
#define STATUS_CHANGED 0.2   /* s, to the next status when the confirmed position changed */
#define STATUS_IDLE 10.0     /* s, well below wal_sender_timeout (60 s) */
#define STATUS_PAUSED 1.0    /* s; then the server's own question goes unread */
#define STATUS_AGAIN 0.01    /* s, to an answer when the server asks without pause */
#define ASKED_AGAIN 0.1      /* s between two questions that are no pause */
#define ENDING_QUESTIONS 100 /* of the kind, about a second */
#define NAME_MAX_BYTES 64    /* NAMEDATALEN */

/* The way to a stream: one simple query after the other on the walsender's connection. */
enum stream_state {
    STREAM_DOWN,     /* the connector is at work */
    STREAM_LOOKING,  /* is the publication there, is the slot? */
    STREAM_DROPPING, /* a slot that the server has invalidated */
    STREAM_MAKING,   /* waits for every open transaction */
    STREAM_STARTING,
    STREAM_UP,
    STREAM_FREED, /* inside of a callback */
};

struct pg_stream {
    struct ev_loop *loop;
    const struct pg_stream_handlers *handlers;
    void *owner;
    enum stream_state state;
    unsigned depth;            /* frames of ours on the stack that call the owner */
    bool told_down;            /* since the last up */
    char base[NAME_MAX_BYTES]; /* of a temporary slot's name */
    char slot[NAME_MAX_BYTES], publication[NAME_MAX_BYTES];
    bool temporary;
    bool paused;
    struct pg_connector connector;
    PGconn *conn;
    ev_io readable, writable;
    ev_timer more; /* what libpq has read already and a bounded turn has left */
    ev_timer status;
    PGresult *result; /* of the query under way, until its end */
    bool created;
    uint64_t start_lsn;
    uint64_t received;  /* newest wal_end */
    uint64_t confirmed; /* by the owner */
    uint64_t reported;  /* confirmed, as the server knows it */
    ev_tstamp asked_at; /* loop clock, the server's last question */
    unsigned asked;     /* questions in a row without pause */
    char why[PG_WHY_MAX];
};

static void leave(struct pg_stream *s)
{
    assert(s->depth > 0);
    if (--s->depth == 0 && s->state == STREAM_FREED)
        free(s);
}

static void close_connection(struct pg_stream *s)
{
    ev_io_stop(s->loop, &s->readable);
    ev_io_stop(s->loop, &s->writable);
    ev_timer_stop(s->loop, &s->more);
    ev_timer_stop(s->loop, &s->status);
    PQclear(s->result);
    PQfinish(s->conn);
    s->result = NULL;
    s->conn = NULL;
}

static void tell_down(struct pg_stream *s, const char *why)
{
    if (s->told_down)
        return;
    s->told_down = true;
    s->handlers->down(s->owner, why);
}

/* The next try is due before the owner hears of it. why: may point into what is closed here. */
static void go_down(struct pg_stream *s, const char *why)
{
    char line[PG_WHY_MAX];
    pg_one_line(line, sizeof line, why);
    close_connection(s);
    s->state = STREAM_DOWN;
    uint32_t retry_ms = pg_connector_again(&s->connector);
    if (strcmp(line, s->why) != 0)
        log_warn("replication_lost", "slot=%s retry_ms=%u why=\"%s\"", s->slot, retry_ms, line);
    memcpy(s->why, line, sizeof line);
    tell_down(s, line);
}

/* -> false when the connection is no more */
static bool flush(struct pg_stream *s)
{
    int unsent = PQflush(s->conn);
    if (unsent > 0)
        ev_io_start(s->loop, &s->writable);
    else
        ev_io_stop(s->loop, &s->writable);
    return unsent >= 0;
}

/* ---- the way to the stream */

static void ask(struct pg_stream *s, enum stream_state state, const char *sql)
{
    s->state = state;
    PQclear(s->result);
    s->result = NULL;
    if (!PQsendQuery(s->conn, sql) || !flush(s))
        go_down(s, PQerrorMessage(s->conn));
}

static void look(struct pg_stream *s)
{
    struct buf sql = {0};
    walsender_sql_look(&sql, s->slot, s->publication);
    ask(s, STREAM_LOOKING, sql.p);
    buf_fini(&sql);
}

static void make(struct pg_stream *s)
{
    struct buf sql = {0};
    log_info("slot_making", "slot=%s temporary=%s; waits for every open transaction", s->slot,
             s->temporary ? "yes" : "no");
    walsender_sql_make(&sql, s->slot, s->temporary);
    ask(s, STREAM_MAKING, sql.p);
    buf_fini(&sql);
}

static void drop(struct pg_stream *s)
{
    struct buf sql = {0};
    log_warn("slot_lost", "slot=%s; the server removed WAL that it needs: it is made anew",
             s->slot);
    walsender_sql_drop(&sql, s->slot);
    ask(s, STREAM_DROPPING, sql.p);
    buf_fini(&sql);
}

static void start(struct pg_stream *s)
{
    struct buf sql = {0};
    walsender_sql_start(&sql, s->slot, s->publication);
    ask(s, STREAM_STARTING, sql.p);
    buf_fini(&sql);
}

static bool is_true(const PGresult *res, int column)
{
    return PQgetvalue(res, 0, column)[0] == 't';
}

static void looked(struct pg_stream *s, const PGresult *res)
{
    if (PQntuples(res) != 1 || PQnfields(res) != SLOT_COLUMNS)
        go_down(s, "no answer about the slot");
    else if (!is_true(res, SLOT_PUBLISHED))
        go_down(s, "the publication does not exist; the schema has not been migrated");
    else if (!is_true(res, SLOT_THERE))
        make(s);
    else if (!is_true(res, SLOT_OURS))
        go_down(s, "the slot is of another plugin or database");
    else if (strcmp(PQgetvalue(res, 0, SLOT_PID), "0") != 0)
        go_down(s, "the slot is in use by another process");
    else if (is_true(res, SLOT_LOST))
        drop(s);
    else {
        s->start_lsn = walsender_lsn(PQgetvalue(res, 0, SLOT_CONFIRMED));
        start(s);
    }
}

static void made(struct pg_stream *s, const PGresult *res)
{
    if (PQntuples(res) != 1 || PQnfields(res) != 1) {
        go_down(s, "no answer about the new slot");
        return;
    }
    s->created = true;
    s->start_lsn = walsender_lsn(PQgetvalue(res, 0, 0));
    log_info("slot_made", "slot=%s start=%s", s->slot, PQgetvalue(res, 0, 0));
    start(s);
}

/* The query under way has been answered in full. */
static void answered(struct pg_stream *s)
{
    PGresult *res = s->result;
    s->result = NULL;
    if (!res || PQresultStatus(res) == PGRES_FATAL_ERROR)
        go_down(s, res ? PQresultErrorMessage(res) : "no answer");
    else if (s->state == STREAM_LOOKING)
        looked(s, res);
    else if (s->state == STREAM_DROPPING)
        make(s);
    else if (s->state == STREAM_MAKING)
        made(s, res);
    else
        go_down(s, "the server does not stream");
    PQclear(res);
}

/* ---- the stream */

static void status_after(struct pg_stream *s, double seconds)
{
    ev_timer_stop(s->loop, &s->status);
    ev_timer_set(&s->status, seconds, 0);
    ev_timer_start(s->loop, &s->status);
}

static bool send_status(struct pg_stream *s)
{
    char m[WALSENDER_STATUS_BYTES];
    walsender_status(m, s->received, s->confirmed, clock_real_us());
    s->reported = s->confirmed;
    status_after(s, s->paused ? STATUS_PAUSED : STATUS_IDLE);
    return PQputCopyData(s->conn, m, sizeof m) == 1 && flush(s);
}

/* A server that shuts down asks without pause until all is confirmed, and does not end before.
 * Whoever cannot confirm (Kafka is away) must not hold it: closed, the stream goes on after the
 * restart where it was confirmed. */
static bool answer_question(struct pg_stream *s)
{
    ev_tstamp now = ev_now(s->loop);
    s->asked = now - s->asked_at < ASKED_AGAIN ? s->asked + 1 : 0;
    s->asked_at = now;
    if (s->asked == 0)
        return send_status(s);
    if (s->asked > ENDING_QUESTIONS && s->confirmed < s->received)
        go_down(s, "the server shuts down, with changes that are not confirmed");
    else
        status_after(s, STATUS_AGAIN);
    return true;
}

static void now_up(struct pg_stream *s)
{
    bool created = s->created;
    s->state = STREAM_UP;
    s->told_down = false;
    s->created = false;
    s->why[0] = 0;
    s->received = s->confirmed = s->reported = s->start_lsn;
    s->asked_at = 0;
    pg_connector_worked(&s->connector);
    log_info("replication_up", "slot=%s backend=%d created=%s start=%" PRIX64, s->slot,
             PQbackendPID(s->conn), created ? "yes" : "no", s->start_lsn);
    status_after(s, STATUS_IDLE);
    if (s->paused)
        ev_io_stop(s->loop, &s->readable);
    s->handlers->up(s->owner, created, s->start_lsn);
}

/* -> false when the server said something that no walsender says, or the answer could not be
 * sent */
static bool take_message(struct pg_stream *s, struct bytes bytes)
{
    struct walsender_message m;
    if (walsender_read(bytes, &m) < 0)
        return false;
    if (m.wal_end > s->received)
        s->received = m.wal_end;
    if (m.is_data)
        s->handlers->frame(s->owner, m.lsn, m.data);
    else
        s->handlers->keepalive(s->owner, m.wal_end);
    return s->state != STREAM_UP || !m.question || answer_question(s);
}

/* The server has ended the stream: its error says why, where it gave one. */
static void ended(struct pg_stream *s)
{
    PGresult *res = PQgetResult(s->conn);
    go_down(s, res && PQresultStatus(res) == PGRES_FATAL_ERROR ? PQresultErrorMessage(res)
                                                               : "the server ended the stream");
    PQclear(res);
}

static void take_messages(struct pg_stream *s)
{
    for (unsigned taken = 0; s->state == STREAM_UP && !s->paused; taken++) {
        char *m = NULL;
        if (taken == TURN_FRAMES) {
            ev_timer_set(&s->more, 0, 0);
            ev_timer_start(s->loop, &s->more);
            return;
        }
        int n = PQgetCopyData(s->conn, &m, 1);
        if (n == 0)
            return;
        if (n > 0) {
            bool fine = take_message(s, bytes_of(m, (size_t)n));
            PQfreemem(m);
            if (!fine && s->state == STREAM_UP)
                go_down(s, "the stream could not be read or answered");
        } else if (n == -1) {
            ended(s);
        } else {
            go_down(s, PQerrorMessage(s->conn));
        }
    }
}

/* ---- the loop */

static bool is_asking(const struct pg_stream *s)
{
    return s->state > STREAM_DOWN && s->state < STREAM_UP;
}

static void take_results(struct pg_stream *s)
{
    while (is_asking(s) && !PQisBusy(s->conn)) {
        PGresult *res = PQgetResult(s->conn);
        if (res && PQresultStatus(res) == PGRES_COPY_BOTH) {
            PQclear(res);
            now_up(s);
        } else if (res) {
            /* of several statements the last one's answer counts, and an error most of all */
            if (PQresultStatus(s->result) == PGRES_FATAL_ERROR && s->result) {
                PQclear(res);
            } else {
                PQclear(s->result);
                s->result = res;
            }
        } else {
            answered(s);
        }
    }
}

static void take_input(struct pg_stream *s)
{
    take_results(s);
    take_messages(s);
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
    struct pg_stream *s = w->data;
    s->depth++;
    bool alive = true;
    char why[PG_WHY_MAX];
    if (events & EV_READ)
        alive = PQconsumeInput(s->conn);
    if (alive)
        alive = flush(s);
    pg_one_line(why, sizeof why, PQerrorMessage(s->conn));
    take_input(s);
    if (s->conn && (!alive || PQstatus(s->conn) == CONNECTION_BAD))
        go_down(s, why);
    leave(s);
}

static void on_more(struct ev_loop *loop, ev_timer *w, int events)
{
    struct pg_stream *s = w->data;
    s->depth++;
    take_input(s);
    leave(s);
}

static void on_status(struct ev_loop *loop, ev_timer *w, int events)
{
    struct pg_stream *s = w->data;
    s->depth++;
    if (!send_status(s))
        go_down(s, PQerrorMessage(s->conn));
    leave(s);
}

static void ignore_notice(void *arg, const PGresult *res)
{
}

static void on_opened(void *owner, PGconn *conn)
{
    struct pg_stream *s = owner;
    s->depth++;
    s->conn = conn;
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    ev_io_set(&s->readable, PQsocket(conn), EV_READ);
    ev_io_set(&s->writable, PQsocket(conn), EV_WRITE);
    ev_io_start(s->loop, &s->readable);
    /* The slot of a connection that the server does not yet know to be dead would be in the way
     * of its name. */
    if (s->temporary)
        snprintf(s->slot, sizeof s->slot, "%.*s_%08x", NAME_MAX_BYTES - 10, s->base,
                 (unsigned)(random_u64() >> 32));
    look(s);
    leave(s);
}

static void on_failed(void *owner, const char *why, uint32_t retry_ms)
{
    struct pg_stream *s = owner;
    s->depth++;
    if (strcmp(why, s->why) != 0)
        log_warn("replication_unreachable", "slot=%s retry_ms=%u why=\"%s\"", s->slot, retry_ms,
                 why);
    snprintf(s->why, sizeof s->why, "%s", why);
    tell_down(s, why);
    leave(s);
}

static const struct pg_connector_handlers connector_handlers = {on_opened, on_failed};

struct pg_stream *pg_stream_new(struct ev_loop *loop, const char *conninfo, const char *name,
                                const char *slot, bool temporary, const char *publication,
                                const struct pg_stream_handlers *handlers, void *owner)
{
    struct pg_stream *s = calloc(1, sizeof *s);
    assert(s);
    assert(strlen(slot) + 9 < NAME_MAX_BYTES && strlen(publication) < NAME_MAX_BYTES);
    s->loop = loop;
    s->handlers = handlers;
    s->owner = owner;
    s->temporary = temporary;
    snprintf(s->base, sizeof s->base, "%s", slot);
    snprintf(s->slot, sizeof s->slot, "%s", slot);
    snprintf(s->publication, sizeof s->publication, "%s", publication);
    ev_io_init(&s->readable, on_io, -1, EV_READ);
    ev_io_init(&s->writable, on_io, -1, EV_WRITE);
    ev_timer_init(&s->more, on_more, 0, 0);
    ev_timer_init(&s->status, on_status, 0, 0);
    s->readable.data = s->writable.data = s->more.data = s->status.data = s;
    pg_connector_init(&s->connector, loop, conninfo, name, NULL, true, &connector_handlers, s);
    pg_connector_start(&s->connector);
    return s;
}

void pg_stream_free(struct pg_stream *s)
{
    if (!s || s->state == STREAM_FREED)
        return;
    s->depth++;
    s->state = STREAM_FREED;
    close_connection(s);
    pg_connector_fini(&s->connector);
    leave(s);
}

void pg_stream_confirm(struct pg_stream *s, uint64_t lsn)
{
    if (s->state != STREAM_UP || lsn <= s->confirmed)
        return;
    bool waiting = s->confirmed != s->reported;
    s->confirmed = lsn;
    if (!waiting)
        status_after(s, STATUS_CHANGED);
}

void pg_stream_pause(struct pg_stream *s, bool paused)
{
    if (s->paused == paused)
        return;
    s->paused = paused;
    if (s->state != STREAM_UP)
        return;
    if (paused) {
        ev_io_stop(s->loop, &s->readable);
        ev_timer_stop(s->loop, &s->more);
        status_after(s, STATUS_CHANGED);
    } else {
        ev_io_start(s->loop, &s->readable);
        ev_timer_set(&s->more, 0, 0);
        ev_timer_start(s->loop, &s->more);
    }
}

uint64_t pg_stream_received(const struct pg_stream *s)
{
    return s->received;
}
