#include "rows.h"

#include "wire/channel.h"
#include "wire/newest.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

const char rows_setup[] =
    BY_INDEX "SET default_transaction_read_only = on; SET statement_timeout = '20s'";

/* Where the channel stands, and the rows of the range, in one snapshot. `size` bounds the
 * answer: rows come while those before them are below $7 together. One row more than wanted
 * is looked for ($6), so that it is known whether there are more. A channel that has
 * published nothing in the current epoch stands at 0 of it. */
/* clang-format off */
#define PAGE_SQL(ORDER)                                                                          \
    "SELECT p.epoch, p.seq, m.found, m.seq, m.id, m.time_ms, m.format, m.data, m.tags, m.info, " \
    "    m.after "                                                                               \
    "FROM (SELECT greatest(s.epoch, h.epoch) AS epoch, "                                         \
    "          CASE WHEN h.epoch >= s.epoch THEN h.seq ELSE 0 END AS seq "                       \
    "      FROM " NEWEST_SHARD("$2") "LEFT JOIN " NEWEST_HEAD("$1") "ON true) p "                \
    "LEFT JOIN LATERAL ("                                                                        \
    "    SELECT * FROM ("                                                                        \
    "        SELECT *, count(*) OVER () AS found, "                                              \
    "            sum(size) OVER (ORDER BY seq " ORDER " ROWS UNBOUNDED PRECEDING) - size AS before " \
    "        FROM (SELECT seq, id, (extract(epoch FROM created_at) * 1000)::bigint AS time_ms, " \
    "                  format, data, tags, info, after, "                                        \
    "                  octet_length(data) + coalesce(octet_length(tags), 0) "                    \
    "                      + coalesce(octet_length(info), 0) + 200 AS size "                     \
    "              FROM cellcast.message "                                                       \
    "              WHERE channel = $1 AND epoch = CASE WHEN $3 = 0 THEN p.epoch ELSE $3 END "    \
    "                  AND seq > $4 AND seq <= $5 "                                              \
    "                  AND seq >= coalesce((SELECT f.seq FROM cellcast.history_floor f "         \
    "                      WHERE f.channel = $1 "                                                \
    "                          AND f.epoch = CASE WHEN $3 = 0 THEN p.epoch ELSE $3 END), 0) "    \
    "              ORDER BY seq " ORDER " LIMIT $6) a) b "                                       \
    "    WHERE before < $7) m ON true "                                                          \
    "ORDER BY m.seq " ORDER

static const char forward_sql[] = PAGE_SQL("ASC");
static const char reverse_sql[] = PAGE_SQL("DESC");

static const char heads_sql[] =
    "SELECT a.channel, greatest(s.epoch, h.epoch), "
    "    CASE WHEN h.epoch >= s.epoch THEN h.seq ELSE 0 END "
    "FROM unnest($1::text[], $2::smallint[]) AS a(channel, shard) "
    "JOIN " NEWEST_SHARD("a.shard") "ON true "
    "LEFT JOIN " NEWEST_HEAD("a.channel") "ON true";
/* clang-format on */

enum { POSITION_EPOCH, POSITION_SEQ, FOUND, SEQ, ID, TIME_MS, FORMAT, DATA, TAGS, INFO, AFTER };

static int64_t clamp(uint64_t v)
{
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

void rows_ask_page(struct pg *p, struct pg_params *params, const struct history_ask *ask,
                   pg_callback *done, void *ctx)
{
    pg_add_text(params, ask->channel);
    pg_add_i16(params, channel_place(ask->channel).shard);
    pg_add_i64(params, clamp(ask->epoch));
    pg_add_i64(params, clamp(ask->since));
    pg_add_i64(params, clamp(ask->until));
    pg_add_i64(params, ask->rows ? (int64_t)ask->rows + 1 : 0);
    pg_add_i64(params, clamp(ask->bytes));
    pg_query(p, ask->reverse ? reverse_sql : forward_sql, params, done, ctx);
}

static struct pub *row_pub(const struct pg_result *r, int row, const struct page *page)
{
    return pub_new(page->channel, &(struct publication){
                                      .epoch = page->epoch,
                                      .seq = (uint64_t)pg_i64(r, row, SEQ),
                                      .id = (uint64_t)pg_i64(r, row, ID),
                                      .time_ms = (uint64_t)pg_i64(r, row, TIME_MS),
                                      .format = (uint8_t)pg_i64(r, row, FORMAT),
                                      .data = pg_bytes(r, row, DATA),
                                      .tags = pg_bytes(r, row, TAGS),
                                      .info = pg_bytes(r, row, INFO),
                                      .after = pg_bytes(r, row, AFTER),
                                  });
}

int rows_page(const struct pg_result *r, uint32_t max, struct page *ret_page)
{
    int n = pg_rows(r);
    if (n == 0)
        return -ENOENT;
    ret_page->log_epoch = (uint64_t)pg_i64(r, 0, POSITION_EPOCH);
    ret_page->head = (uint64_t)pg_i64(r, 0, POSITION_SEQ);
    if (ret_page->epoch == 0)
        ret_page->epoch = ret_page->log_epoch;
    if (pg_is_null(r, 0, SEQ))
        return 0;
    ret_page->n = (uint32_t)n > max ? max : (size_t)n;
    ret_page->cut = pg_i64(r, 0, FOUND) > (int64_t)ret_page->n;
    ret_page->rows = calloc(ret_page->n, sizeof *ret_page->rows);
    assert(ret_page->rows);
    for (size_t i = 0; i < ret_page->n; i++)
        ret_page->rows[i] = row_pub(r, (int)i, ret_page);
    return 0;
}

void rows_page_fini(struct page *page)
{
    for (size_t i = 0; i < page->n; i++)
        pub_unref(page->rows[i]);
    free(page->rows);
}

void rows_ask_heads(struct pg *p, struct pg_params *params, const struct bytes *channels,
                    size_t n, pg_callback *done, void *ctx)
{
    pg_array_open(params, PG_ARRAY_TEXT);
    for (size_t i = 0; i < n; i++)
        pg_array_bytes(params, channels[i]);
    pg_array_close(params);
    pg_array_open(params, PG_ARRAY_I16);
    for (size_t i = 0; i < n; i++)
        pg_array_i16(params, channel_place(channels[i]).shard);
    pg_array_close(params);
    pg_query(p, heads_sql, params, done, ctx);
}

bool rows_head(const struct pg_result *r, int row, struct bytes *ret_channel,
               uint64_t *ret_epoch, uint64_t *ret_seq)
{
    if (row >= pg_rows(r))
        return false;
    *ret_channel = pg_bytes(r, row, 0);
    *ret_epoch = (uint64_t)pg_i64(r, row, 1);
    *ret_seq = (uint64_t)pg_i64(r, row, 2);
    return true;
}
