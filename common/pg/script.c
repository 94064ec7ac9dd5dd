#include "pg/connect.h"
#include "pg/pg.h"
#include "pg/result.h"

#include "run/log.h"

#include <errno.h>
#include <stdlib.h>

static void on_notice(void *arg, const char *text)
{
    char line[PG_WHY_MAX];
    pg_one_line(line, sizeof line, text);
    log_debug("postgres_notice", "text=\"%s\"", line);
}

static void append_line(struct buf *b, const char *text)
{
    char line[PG_WHY_MAX];
    pg_one_line(line, sizeof line, text);
    buf_append_str(b, line);
}

/* -> the connection, or NULL with the reason in ret_error */
static PGconn *open_blocking(const char *conninfo, const char *name, struct buf *ret_error)
{
    const char *keys[] = {"connect_timeout", "dbname", "application_name", "client_encoding",
                          NULL};
    const char *values[] = {"5", conninfo, name, "UTF8", NULL};
    PGconn *conn = PQconnectdbParams(keys, values, 1);
    if (conn && PQstatus(conn) == CONNECTION_OK) {
        PQsetNoticeProcessor(conn, on_notice, NULL);
        return conn;
    }
    append_line(ret_error, conn ? PQerrorMessage(conn) : "out of memory");
    PQfinish(conn);
    return NULL;
}

/* The position that the server names counts characters; the script's author counts lines. */
static void append_place(struct buf *b, const char *sql, const PGresult *res)
{
    const char *position = PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION);
    if (!position)
        return;
    unsigned line = 1;
    for (long left = strtol(position, NULL, 10); left > 1 && *sql; sql++) {
        line += *sql == '\n';
        left -= (*sql & 0xc0) != 0x80; /* not a further byte of a UTF-8 character */
    }
    buf_printf(b, " (line %u)", line);
}

int pg_run_script(const char *conninfo, const char *name, const char *sql,
                  struct buf *ret_error)
{
    PGconn *conn = open_blocking(conninfo, name, ret_error);
    if (!conn)
        return -EIO;
    PGresult *res = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(res);
    int answer =
        status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY
            ? 0
            : -EIO;
    if (answer < 0) {
        append_line(ret_error, res && *PQresultErrorMessage(res) ? PQresultErrorMessage(res)
                                                                 : PQerrorMessage(conn));
        append_place(ret_error, sql, res);
    }
    PQclear(res);
    PQfinish(conn);
    return answer;
}

int pg_ask(const char *conninfo, const char *name, const char *sql, const char *param,
           struct buf *into, struct buf *ret_error)
{
    PGconn *conn = open_blocking(conninfo, name, ret_error);
    if (!conn)
        return -ENOTCONN;
    PGresult *res = PQexecParams(conn, sql, param ? 1 : 0, NULL, &param, NULL, NULL, 0);
    int answer = 0;
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        append_line(ret_error, res && *PQresultErrorMessage(res) ? PQresultErrorMessage(res)
                                                                 : "no rows asked for");
        answer = -EIO;
    } else if (PQntuples(res) == 0 || PQnfields(res) == 0) {
        answer = -ENOENT;
    } else {
        buf_append(into, PQgetvalue(res, 0, 0), (size_t)PQgetlength(res, 0, 0));
    }
    PQclear(res);
    PQfinish(conn);
    return answer;
}
