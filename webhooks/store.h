/* What is asked of PostgreSQL, with its SQL (sequencer/schema/0028). Each is answered once, unless the connection is freed. */
#ifndef WEBHOOKS_STORE_H
#define WEBHOOKS_STORE_H

#include "core/buf.h"
#include "pg/pg.h"

extern const char store_setup[];

/* -> one row: whether `holder` is the one that sends, for `ms` more */
void store_lease(struct pg *p, int64_t holder, int64_t ms, pg_callback *done, void *ctx);
void store_release(struct pg *p, int64_t holder, pg_callback *done, void *ctx);
/* -> rows: tenant, oldest_ms, url, secret, previous_secret */
void store_waiting(struct pg *p, pg_callback *done, void *ctx);
/* -> rows: id, name, detail, at_ms, dropped */
void store_read(struct pg *p, struct bytes tenant, int64_t rows, pg_callback *done, void *ctx);
/* ids: int64_t. -> one row: how many were there */
void store_taken(struct pg *p, struct bytes tenant, const struct buf *ids, int64_t dropped, pg_callback *done, void *ctx);
/* -> one row: how many were dropped. Both of them */
void store_failed(struct pg *p, struct bytes tenant, const char *why, pg_callback *done, void *ctx);
void store_trim(struct pg *p, struct bytes tenant, pg_callback *done, void *ctx);

#endif
