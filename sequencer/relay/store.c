#include "store.h"

#include "pg/pg.h"
#include "run/log.h"
#include "wire/newest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Progress that a crash takes back costs repeats only, and must not wait for a disk or a
 * standby. */
static const char setup[] = BY_INDEX "SET synchronous_commit = off";

/* Where the shards stand, and what else is so in the same snapshot. One row at least. */
#define HEADS_SQL(STANDBYS)                                                                    \
    "SELECT s.shard, s.last_id, (pg_current_wal_flush_lsn() - '0/0')::bigint, "                \
    "cellcast.config_version(), "                                                              \
    "current_setting('synchronous_standby_names'), " STANDBYS                                  \
    " FROM (SELECT) one LEFT JOIN (unnest($1::smallint[]) w(shard) JOIN "                      \
    NEWEST_SHARD("w.shard") "ON true) ON true"
static const char heads_sql[] = HEADS_SQL("NULL, false");
/* The same where commits wait for standbys. A reader of a logical slot holds no copy of the
 * data; `*` takes it for a standby all the same (`awaited`). */
static const char synchronous_heads_sql[] =
    "WITH standby AS MATERIALIZED (SELECT flush_lsn, pid IN (SELECT active_pid FROM "
    "pg_replication_slots"
    "  WHERE slot_type = 'logical') AS logical FROM pg_stat_replication WHERE sync_state IN "
    "('sync', 'quorum')) " HEADS_SQL(
        "(SELECT string_agg((flush_lsn - '0/0')::bigint::text, ' ' ORDER BY flush_lsn DESC) "
        "FROM standby WHERE NOT logical AND flush_lsn IS NOT NULL), "
        "EXISTS (SELECT FROM standby WHERE logical)");
static const char config_sql[] =
    "SELECT v.version, c.name, c.topic, c.partitions, array_to_string(ARRAY("
    "  SELECT t.tenant FROM cellcast.tenant_cell t WHERE t.cell = c.name), ' '),"
    " (SELECT coalesce(string_agg(l.channel || ' ' || l.lane, ' '), '') FROM cellcast.lane l)"
    " FROM (SELECT cellcast.config_version() AS version) v LEFT JOIN cellcast.cell c ON true "
    "ORDER BY c.name";
static const char progress_sql[] = "SELECT cell, shard, id FROM cellcast.relay_progress";
static const char write_sql[] =
    "INSERT INTO cellcast.relay_progress AS p (cell, shard, id)"
    " SELECT * FROM unnest($1::text[], $2::smallint[], $3::bigint[])"
    " ON CONFLICT (cell, shard) DO UPDATE SET id = excluded.id WHERE p.id < excluded.id";
/* A visible row has been flushed (the sequencer commits synchronously), so what is flushed now
 * is beyond its commit. */
#define ROW_COLUMNS                                                                            \
    "SELECT id, channel, tenant, shard, epoch, seq, floor(extract(epoch FROM created_at) * "   \
    "1000)::bigint, format, data,"                                                             \
    " coalesce(tags, ''), coalesce(info, ''), coalesce(after, ''), "                           \
    "(pg_current_wal_flush_lsn() - '0/0')::bigint FROM cellcast.message"                       \
    " WHERE shard = $1 AND id > $2 AND id <= $3 "
static const char rows_sql[] = ROW_COLUMNS "ORDER BY id LIMIT $4";
static const char catch_sql[] =
    ROW_COLUMNS "AND tenant IN (SELECT t.tenant FROM cellcast.tenant_cell t WHERE t.cell = $5) "
                "ORDER BY id LIMIT $4";
/* Names of slots are the server's, so ours ends with the database's number. It did not at first:
 * one of this database without it goes on to be used. A slot that somebody is still making serves
 * nobody: whoever makes it may be dead. */
#define SLOT_NAMES                                                                             \
    "(SELECT $1::text AS plain, $1 || '_' || oid AS own FROM pg_database"                      \
    " WHERE datname = current_database()) n "
static const char slot_sql[] =
    "SELECT CASE WHEN bool_or(r.slot_name = n.plain) THEN n.plain ELSE n.own END,"
    " coalesce(bool_or(r.active_pid IS NOT NULL AND coalesce(a.application_name, '') IS DISTINCT "
    "FROM nullif($2, '')), false),"
    " coalesce(bool_or(a.application_name = nullif($2, '')), false)"
    " FROM " SLOT_NAMES "LEFT JOIN pg_replication_slots r ON r.database = current_database()"
    " AND r.slot_name IN (n.plain, n.own) AND r.confirmed_flush_lsn IS NOT NULL"
    " LEFT JOIN pg_stat_activity a ON a.pid = r.active_pid GROUP BY n.plain, n.own";
static const char spare_sql[] =
    "SELECT r.slot_name::text, pg_drop_replication_slot(r.slot_name) FROM " SLOT_NAMES
    "JOIN pg_replication_slots r ON r.database = current_database()"
    " AND r.slot_name IN (n.plain, n.own) AND r.slot_name <> $2 AND r.active_pid IS NULL";
static const char writers_sql[] =
    "SELECT array_to_string(ARRAY(SELECT DISTINCT virtualtransaction FROM pg_locks WHERE "
    "locktype = 'relation'"
    " AND relation = 'cellcast.shard'::regclass AND mode IN ('RowShareLock', "
    "'RowExclusiveLock')"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND ($1 = '' OR virtualtransaction = ANY (string_to_array($1, ' ')))), ' ')";

enum question { HEADS, CONFIG, PROGRESS, WRITE, ROWS, CATCH, SLOT, SPARE, WRITERS, QUESTIONS };
static const char *const question_names[QUESTIONS] = {
    "heads",    "config", "progress",   "write_progress", "rows",
    "catch_up", "slot",   "spare_slot", "writers"};
#define WRITERS_AGAIN 0.005 /* s */

struct store {
    struct pg *pg;
    const struct store_handlers *handlers;
    void *owner;
    const char *slot; /* its name without the database's number */
    struct pg_params *params;
    bool asked[QUESTIONS];
    bool synchronous;  /* commits wait for standbys, the last answer said */
    uint64_t wanted;   /* shards, of the question about heads */
    struct { /* of the rows asked for */
        unsigned shard, limit;
        uint64_t above, upto;
    } rows;
    unsigned catch_limit; /* of the rows asked for by store_catch_up */
    struct buf writers;     /* those that are waited for; empty before the first answer */
    ev_timer writers_again; /* while some are left */
    struct ev_loop *loop;
    struct {              /* progress to write */
        struct buf cells; /* names, each with its NUL */
        uint64_t ids[MESSAGE_CELLS_MAX * SHARDS];
        uint8_t shards[MESSAGE_CELLS_MAX * SHARDS];
        unsigned n;
    } progress;
};

static void on_writers_again(struct ev_loop *loop, ev_timer *timer, int events);

static void on_up(void *owner, struct pg *p)
{
    struct store *s = owner;
    s->handlers->up(s->owner);
}

static void on_down(void *owner, struct pg *p, const char *why)
{
    struct store *s = owner;
    memset(s->asked, 0, sizeof s->asked);
    ev_timer_stop(s->loop, &s->writers_again);
    s->handlers->down(s->owner, why);
}

static const struct pg_handlers pg_handlers_of_store = {.up = on_up, .down = on_down};

struct store *store_new(struct ev_loop *loop, const char *conninfo, const char *name,
                        const char *slot, const struct store_handlers *handlers, void *owner)
{
    struct store *s = calloc(1, sizeof *s);
    assert(s);
    s->handlers = handlers;
    s->owner = owner;
    s->slot = slot;
    s->loop = loop;
    s->params = pg_params_new();
    buf_init(&s->writers);
    buf_init(&s->progress.cells);
    ev_init(&s->writers_again, on_writers_again);
    s->writers_again.data = s;
    s->pg = pg_new(loop, conninfo, name, setup, &pg_handlers_of_store, s);
    return s;
}

void store_free(struct store *s)
{
    if (!s)
        return;
    pg_free(s->pg);
    ev_timer_stop(s->loop, &s->writers_again);
    pg_params_free(s->params);
    buf_fini(&s->writers);
    buf_fini(&s->progress.cells);
    free(s);
}

bool store_is_up(const struct store *s)
{
    return pg_is_up(s->pg);
}

void store_reset(struct store *s)
{
    pg_reset(s->pg);
}

static bool ask(struct store *s, enum question question, const char *sql, pg_callback *done)
{
    s->asked[question] = true;
    pg_query(s->pg, sql, s->params, done, s);
    return true;
}

static bool may_ask(const struct store *s, enum question question)
{
    return pg_is_up(s->pg) && !s->asked[question];
}

/* -> true when there is an answer; what was refused has been told */
static bool answered(struct store *s, enum question question, enum pg_status status,
                     const struct pg_result *r)
{
    s->asked[question] = false;
    if (status == PG_OK)
        return true;
    if (status == PG_REFUSED)
        s->handlers->refused(s->owner, question_names[question], pg_sqlstate(r), pg_message(r));
    return false;
}

static struct bytes bytes_or_empty(const struct pg_result *r, int row, int column)
{
    return pg_is_null(r, row, column) ? bytes_of("", 0) : pg_bytes(r, row, column);
}

/* ---- heads */

static void ask_heads(struct store *s);

/* Whether commits wait for standbys decides how it is asked; the other way is asked at once,
 * which costs a question when that changes. */
static bool asked_rightly(struct store *s, const struct pg_result *r)
{
    bool synchronous = pg_bytes(r, 0, 4).n > 0;
    bool rightly = synchronous == s->synchronous;
    s->synchronous = synchronous;
    return rightly;
}

static void on_heads(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct store *s = ctx;
    struct store_heads heads = {0};
    if (!answered(s, HEADS, status, r))
        return;
    if (!asked_rightly(s, r)) {
        ask_heads(s);
        return;
    }
    for (int i = 0; i < pg_rows(r); i++) {
        if (pg_is_null(r, i, 0))
            continue;
        int64_t shard = pg_i64(r, i, 0), last_id = pg_i64(r, i, 1);
        if (shard < 0 || shard >= SHARDS || last_id < 0)
            continue;
        heads.shards |= 1ull << shard;
        heads.last_id[shard] = (uint64_t)last_id;
    }
    heads.flushed = (uint64_t)pg_i64(r, 0, 2);
    heads.config_version = pg_i64(r, 0, 3);
    heads.standbys = gate_standbys(bytes_or_empty(r, 0, 4), bytes_or_empty(r, 0, 5));
    heads.awaited = pg_bool(r, 0, 6);
    s->handlers->heads(s->owner, &heads);
}

static void ask_heads(struct store *s)
{
    pg_array_open(s->params, PG_ARRAY_I16);
    for (uint64_t left = s->wanted; left; left &= left - 1)
        pg_array_i16(s->params, (int16_t)__builtin_ctzll(left));
    pg_array_close(s->params);
    ask(s, HEADS, s->synchronous ? synchronous_heads_sql : heads_sql, on_heads);
}

bool store_ask_heads(struct store *s, uint64_t shards)
{
    if (!may_ask(s, HEADS))
        return false;
    s->wanted = shards;
    ask_heads(s);
    return true;
}

/* ---- configuration */

static void on_config(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct store *s = ctx;
    if (!answered(s, CONFIG, status, r) || pg_rows(r) == 0)
        return;
    s->handlers->config_begin(s->owner, pg_i64(r, 0, 0), pg_bytes(r, 0, 5));
    for (int i = 0; i < pg_rows(r); i++)
        if (!pg_is_null(r, i, 1))
            s->handlers->config_cell(s->owner, pg_bytes(r, i, 1), pg_bytes(r, i, 2),
                                     pg_i64(r, i, 3), pg_bytes(r, i, 4));
    s->handlers->config_end(s->owner);
}

bool store_load_config(struct store *s)
{
    return may_ask(s, CONFIG) && ask(s, CONFIG, config_sql, on_config);
}

/* ---- progress */

static void on_progress(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct store *s = ctx;
    if (!answered(s, PROGRESS, status, r))
        return;
    for (int i = 0; i < pg_rows(r); i++) {
        int64_t shard = pg_i64(r, i, 1), id = pg_i64(r, i, 2);
        if (shard >= 0 && shard < SHARDS && id >= 0)
            s->handlers->progress(s->owner, pg_bytes(r, i, 0), (unsigned)shard, (uint64_t)id);
    }
    s->handlers->progress_end(s->owner);
}

bool store_load_progress(struct store *s)
{
    return may_ask(s, PROGRESS) && ask(s, PROGRESS, progress_sql, on_progress);
}

void store_add_progress(struct store *s, const char *cell, unsigned shard, uint64_t id)
{
    assert(s->progress.n < MESSAGE_CELLS_MAX * SHARDS && shard < SHARDS);
    buf_append(&s->progress.cells, cell, strlen(cell) + 1);
    s->progress.shards[s->progress.n] = (uint8_t)shard;
    s->progress.ids[s->progress.n++] = id;
}

static void on_written(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct store *s = ctx;
    if (answered(s, WRITE, status, r))
        s->handlers->progress_written(s->owner);
}

bool store_write_progress(struct store *s)
{
    bool may = may_ask(s, WRITE);
    if (may) {
        pg_array_open(s->params, PG_ARRAY_TEXT);
        for (size_t at = 0; at < s->progress.cells.n;
             at += strlen(s->progress.cells.p + at) + 1)
            pg_array_bytes(s->params, bytes_str(s->progress.cells.p + at));
        pg_array_close(s->params);
        pg_array_open(s->params, PG_ARRAY_I16);
        for (unsigned i = 0; i < s->progress.n; i++)
            pg_array_i16(s->params, s->progress.shards[i]);
        pg_array_close(s->params);
        pg_array_open(s->params, PG_ARRAY_I64);
        for (unsigned i = 0; i < s->progress.n; i++)
            pg_array_i64(s->params, (int64_t)s->progress.ids[i]);
        pg_array_close(s->params);
        ask(s, WRITE, write_sql, on_written);
    }
    buf_clear(&s->progress.cells);
    s->progress.n = 0;
    return may;
}

bool store_is_writing(const struct store *s)
{
    return s->asked[WRITE];
}

/* ---- rows */

static bool take_row(const struct pg_result *r, int i, struct row *ret_row, uint64_t *ret_lsn)
{
    int64_t shard = pg_i64(r, i, 3), format = pg_i64(r, i, 7);
    struct row row = {
        .id = (uint64_t)pg_i64(r, i, 0),
        .channel = pg_bytes(r, i, 1),
        .tenant = pg_bytes(r, i, 2),
        .shard = (uint8_t)shard,
        .epoch = (uint64_t)pg_i64(r, i, 4),
        .seq = (uint64_t)pg_i64(r, i, 5),
        .time_ms = (uint64_t)pg_i64(r, i, 6),
        .format = (uint8_t)format,
        .data = pg_bytes(r, i, 8),
        .tags = pg_bytes(r, i, 9),
        .info = pg_bytes(r, i, 10),
        .after = pg_bytes(r, i, 11),
    };
    *ret_lsn = (uint64_t)pg_i64(r, i, 12);
    *ret_row = row;
    return shard >= 0 && shard < SHARDS && format >= 0 && format <= UINT8_MAX &&
           row_valid(&row);
}

static void on_rows(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct store *s = ctx;
    if (!answered(s, ROWS, status, r))
        return;
    unsigned shard = s->rows.shard, limit = s->rows.limit;
    uint64_t above = s->rows.above, upto = s->rows.upto;
    int rows = pg_rows(r);
    for (int i = 0; i < rows; i++) {
        struct row row;
        uint64_t lsn;
        if (take_row(r, i, &row, &lsn))
            s->handlers->row(s->owner, above, &row, lsn);
        else
            s->handlers->bad_row(s->owner, above, shard, (uint64_t)pg_i64(r, i, 0));
    }
    s->handlers->rows_end(s->owner, shard, above, upto, (unsigned)rows < limit);
}

bool store_read_rows(struct store *s, unsigned shard, uint64_t above, uint64_t upto,
                     unsigned limit)
{
    if (!may_ask(s, ROWS))
        return false;
    s->rows.shard = shard;
    s->rows.limit = limit;
    s->rows.above = above;
    s->rows.upto = upto;
    pg_add_i16(s->params, (int16_t)shard);
    pg_add_i64(s->params, (int64_t)above);
    pg_add_i64(s->params, (int64_t)upto);
    pg_add_i64(s->params, limit);
    return ask(s, ROWS, rows_sql, on_rows);
}

static void on_catch(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct store *s = ctx;
    bool ok = answered(s, CATCH, status, r);
    if (!ok && status != PG_REFUSED)
        return;
    int rows = ok ? pg_rows(r) : 0;
    for (int i = 0; i < rows; i++) {
        struct row row;
        uint64_t lsn;
        if (take_row(r, i, &row, &lsn))
            s->handlers->catch_row(s->owner, &row);
    }
    s->handlers->catch_end(s->owner, ok && (unsigned)rows < s->catch_limit);
}

bool store_catch_up(struct store *s, const char *cell, unsigned shard, uint64_t above,
                    uint64_t upto, unsigned limit)
{
    if (!may_ask(s, CATCH))
        return false;
    s->catch_limit = limit;
    pg_add_i16(s->params, (int16_t)shard);
    pg_add_i64(s->params, (int64_t)above);
    pg_add_i64(s->params, (int64_t)upto);
    pg_add_i64(s->params, limit);
    pg_add_text(s->params, bytes_str(cell));
    return ask(s, CATCH, catch_sql, on_catch);
}

/* ---- slot */

static void on_slot(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct store *s = ctx;
    if (!answered(s, SLOT, status, r))
        return;
    if (pg_rows(r) == 0)
        return;
    enum store_slot slot = pg_bool(r, 0, 1)   ? STORE_SLOT_OTHERS
                           : pg_bool(r, 0, 2) ? STORE_SLOT_OURS
                                              : STORE_SLOT_FREE;
    s->handlers->slot(s->owner, slot, pg_bytes(r, 0, 0));
}

bool store_ask_slot(struct store *s, const char *ours)
{
    if (!may_ask(s, SLOT))
        return false;
    pg_add_text(s->params, bytes_str(s->slot));
    pg_add_text(s->params, bytes_str(ours));
    return ask(s, SLOT, slot_sql, on_slot);
}

static void on_spare(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct store *s = ctx;
    if (answered(s, SPARE, status, r) && pg_rows(r) > 0)
        log_warn("slot_dropped", "slot=%.*s nobody reads it, and it held WAL back",
                 BYTES_FMT(pg_bytes(r, 0, 0)));
}

bool store_drop_spare_slot(struct store *s, const char *used)
{
    if (!may_ask(s, SPARE))
        return false;
    pg_add_text(s->params, bytes_str(s->slot));
    pg_add_text(s->params, bytes_str(used));
    return ask(s, SPARE, spare_sql, on_spare);
}

/* ---- writers */

static void on_writers(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct store *s = ctx;
    if (!answered(s, WRITERS, status, r))
        return;
    struct bytes left = pg_rows(r) > 0 ? pg_bytes(r, 0, 0) : bytes_of("", 0);
    buf_clear(&s->writers);
    if (left.n == 0) {
        s->handlers->writers_gone(s->owner);
        return;
    }
    buf_append_bytes(&s->writers, left);
    s->asked[WRITERS] = true; /* until the timer asks again */
    ev_timer_set(&s->writers_again, WRITERS_AGAIN, 0.);
    ev_timer_start(s->loop, &s->writers_again);
}

static void ask_writers(struct store *s)
{
    pg_add_text(s->params, bytes_of(s->writers.p ? s->writers.p : "", s->writers.n));
    ask(s, WRITERS, writers_sql, on_writers);
}

static void on_writers_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    ask_writers(timer->data);
}

bool store_wait_for_writers(struct store *s)
{
    if (!may_ask(s, WRITERS))
        return false;
    buf_clear(&s->writers);
    ask_writers(s);
    return true;
}
