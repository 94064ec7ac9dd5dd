/* One PostgreSQL connection on the loop; the only room that sees libpq. Always in pipeline mode: each query is one
 * statement and one sync of its own, so many may be in flight and a failed one harms no other; its callback runs
 * after its own sync, when the commit is known. Reconnects by itself with backoff, forever.
 *
 * When the connection breaks every query in flight is answered with PG_LOST (its outcome is unknown), then `down`
 * is called. While it is down a query is answered PG_LOST from the loop, never from inside pg_query. */
#ifndef PG_PG_H
#define PG_PG_H

#include "core/buf.h"

#include <ev.h>

struct pg;
struct pg_result; /* borrowed for the call; all columns are binary */

enum pg_status {
    PG_OK = 0,
    PG_REFUSED = 1, /* the server answered with an error: pg_sqlstate, pg_message */
    PG_LOST = 2,    /* no answer: the connection went, before or after the commit */
};

struct pg_handlers {
    void (*up)(void *owner, struct pg *p);                    /* connected; session settings done */
    void (*down)(void *owner, struct pg *p, const char *why); /* once for each up, and once for a first try that failed */
    void (*notice)(void *owner, const char *text);            /* may be NULL */
};

/* conninfo: libpq's key=value or URI. name: application_name. setup: SQL run at each connect before `up`, or NULL. */
struct pg *pg_new(struct ev_loop *loop, const char *conninfo, const char *name, const char *setup,
                  const struct pg_handlers *handlers, void *owner);
void pg_free(struct pg *p); /* queries in flight are forgotten: no callback */
bool pg_is_up(const struct pg *p);
size_t pg_in_flight(const struct pg *p);
void pg_reset(struct pg *p); /* closes, then connects again */
void pg_hurry(struct pg *p); /* down: the next try is now (another connection says that the server is back) */
int pg_backend_pid(const struct pg *p);

/* Parameters of one query, in order, built in binary. Cleared by pg_query. */
struct pg_params;
struct pg_params *pg_params_new(void);
void pg_params_free(struct pg_params *a);
void pg_add_null(struct pg_params *a);
void pg_add_bool(struct pg_params *a, bool v);
void pg_add_i16(struct pg_params *a, int16_t v);
void pg_add_i32(struct pg_params *a, int32_t v);
void pg_add_i64(struct pg_params *a, int64_t v);
void pg_add_text(struct pg_params *a, struct bytes v);
void pg_add_bytea(struct pg_params *a, struct bytes v);
/* One-dimensional arrays, element by element: open, then the items, then close. */
enum pg_array_type { PG_ARRAY_I16, PG_ARRAY_I64, PG_ARRAY_TEXT, PG_ARRAY_BYTEA };
void pg_array_open(struct pg_params *a, enum pg_array_type type);
void pg_array_i16(struct pg_params *a, int16_t v);
void pg_array_i64(struct pg_params *a, int64_t v);
void pg_array_bytes(struct pg_params *a, struct bytes v); /* TEXT, BYTEA */
void pg_array_null(struct pg_params *a);
void pg_array_close(struct pg_params *a);

typedef void pg_callback(void *ctx, enum pg_status status, const struct pg_result *r); /* r is NULL when PG_LOST */

/* One statement with $1…; statements with the same text are prepared once per connection. params may be NULL. */
void pg_query(struct pg *p, const char *sql, struct pg_params *params, pg_callback *done, void *ctx);

int pg_rows(const struct pg_result *r);
bool pg_is_null(const struct pg_result *r, int row, int column);
struct bytes pg_bytes(const struct pg_result *r, int row, int column); /* text, json, bytea */
int64_t pg_i64(const struct pg_result *r, int row, int column);        /* int2, int4, int8 */
bool pg_bool(const struct pg_result *r, int row, int column);
const char *pg_sqlstate(const struct pg_result *r); /* "" when it was no error */
const char *pg_message(const struct pg_result *r);  /* one line */

/* Blocking, for migrations and cellcastctl: connects, runs a script of several statements (in one transaction if it
 * says so itself). -> 0, or -EIO with the reason in ret_error */
int pg_run_script(const char *conninfo, const char *name, const char *sql, struct buf *ret_error);
/* Blocking: one statement with one text parameter or NULL; first column of the first row appended to `into`.
 * -> 0, -ENOENT when no row, -ENOTCONN or -EIO with the reason in ret_error */
int pg_ask(const char *conninfo, const char *name, const char *sql, const char *param, struct buf *into,
           struct buf *ret_error);

#endif
