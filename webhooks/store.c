#include "store.h"

const char store_setup[] = "SET statement_timeout = '20s'";

static const char lease_sql[] = "SELECT cellcast.webhook_lease($1, $2)";
static const char release_sql[] = "SELECT 1 FROM cellcast.webhook_release($1)";
static const char waiting_sql[] = "SELECT tenant, oldest_ms, url, secret, previous_secret FROM cellcast.webhook_waiting()";
static const char read_sql[] = "SELECT id, name, detail, at_ms, dropped FROM cellcast.webhook_read($1, $2)";
static const char taken_sql[] = "SELECT cellcast.webhook_taken($1, $2, $3)";
static const char failed_sql[] = "SELECT cellcast.webhook_failed($1, $2)";
static const char trim_sql[] = "SELECT cellcast.webhook_trim($1)";

void store_lease(struct pg *p, int64_t holder, int64_t ms, pg_callback *done, void *ctx)
{
    struct pg_params *a = pg_params_new();
    pg_add_i64(a, holder);
    pg_add_i64(a, ms);
    pg_query(p, lease_sql, a, done, ctx);
    pg_params_free(a);
}

void store_release(struct pg *p, int64_t holder, pg_callback *done, void *ctx)
{
    struct pg_params *a = pg_params_new();
    pg_add_i64(a, holder);
    pg_query(p, release_sql, a, done, ctx);
    pg_params_free(a);
}

void store_waiting(struct pg *p, pg_callback *done, void *ctx)
{
    pg_query(p, waiting_sql, NULL, done, ctx);
}

void store_read(struct pg *p, struct bytes tenant, int64_t rows, pg_callback *done, void *ctx)
{
    struct pg_params *a = pg_params_new();
    pg_add_text(a, tenant);
    pg_add_i32(a, (int32_t)rows);
    pg_query(p, read_sql, a, done, ctx);
    pg_params_free(a);
}

void store_taken(struct pg *p, struct bytes tenant, const struct buf *ids, int64_t dropped, pg_callback *done, void *ctx)
{
    struct pg_params *a = pg_params_new();
    pg_add_text(a, tenant);
    pg_array_open(a, PG_ARRAY_I64);
    for (size_t at = 0; at < ids->n; at += sizeof(int64_t)) {
        int64_t id;
        memcpy(&id, ids->p + at, sizeof id);
        pg_array_i64(a, id);
    }
    pg_array_close(a);
    pg_add_i64(a, dropped);
    pg_query(p, taken_sql, a, done, ctx);
    pg_params_free(a);
}

void store_failed(struct pg *p, struct bytes tenant, const char *why, pg_callback *done, void *ctx)
{
    struct pg_params *a = pg_params_new();
    pg_add_text(a, tenant);
    pg_add_text(a, bytes_str(why));
    pg_query(p, failed_sql, a, done, ctx);
    pg_params_free(a);
}

void store_trim(struct pg *p, struct bytes tenant, pg_callback *done, void *ctx)
{
    struct pg_params *a = pg_params_new();
    pg_add_text(a, tenant);
    pg_query(p, trim_sql, a, done, ctx);
    pg_params_free(a);
}
