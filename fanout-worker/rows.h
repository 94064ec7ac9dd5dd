/* The statements that the worker has for PostgreSQL, and what their rows mean. The only file
 * that knows the schema. */
#ifndef FANOUT_ROWS_H
#define FANOUT_ROWS_H

#include "history.h"
#include "pg/pg.h"

extern const char rows_setup[]; /* at each connect */

void rows_ask_page(struct pg *p, struct pg_params *params, const struct history_ask *ask,
                   pg_callback *done, void *ctx);
/* Fills position, rows and `cut` of ret_page (the rest is the caller's); freed by
 * rows_page_fini. max: the `rows` that were asked for. -> 0, -ENOENT (no such shard: not our
 * schema) */
int rows_page(const struct pg_result *r, uint32_t max, struct page *ret_page);
void rows_page_fini(struct page *page);

void rows_ask_heads(struct pg *p, struct pg_params *params, const struct bytes *channels,
                    size_t n, pg_callback *done, void *ctx);
/* -> false behind the last row */
bool rows_head(const struct pg_result *r, int row, struct bytes *ret_channel,
               uint64_t *ret_epoch, uint64_t *ret_seq);

#endif
