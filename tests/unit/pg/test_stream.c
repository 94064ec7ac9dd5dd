#include "pg/stream.h"

#include "pg/pg.h"
#include "pg/pgoutput.h"
#include "server.h"
#include "unit.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>

#define SLOT "test_slot"

static struct ev_loop *loop;

__attribute__((constructor)) static void open_loop(void)
{
    loop = ev_default_loop(0);
}

struct reader {
    struct pg_stream *s;
    bool up, down, created, committed, alive;
    unsigned ups, downs, frames, keepalives;
    unsigned of_type[PGOUTPUT_INSERT + 1];
    int64_t values[4096]; /* first columns of the inserts, in order */
    unsigned n;
    unsigned want; /* `committed` once there are so many */
    uint64_t start, commit_lsn, wal_end;
    bool confirm; /* each commit */
    bool free_in_frame;
    char why[256];
};

static void on_up(void *owner, bool created, uint64_t start)
{
    struct reader *r = owner;
    r->up = true;
    r->ups++;
    r->created = created;
    r->start = start;
}

static void on_frame(void *owner, uint64_t lsn, struct bytes pgoutput)
{
    struct reader *r = owner;
    struct pgoutput_event e;
    uint64_t v;
    r->frames++;
    if (r->free_in_frame) {
        pg_stream_free(r->s);
        return;
    }
    if (pgoutput_decode(pgoutput, &e) < 0)
        abort();
    r->of_type[e.type]++;
    if (e.type == PGOUTPUT_INSERT && e.columns[0].n == 8 && e.binary[0]) {
        memcpy(&v, e.columns[0].p, 8);
        r->values[r->n++ % 4096] = (int64_t)be64toh(v);
    }
    if (e.type == PGOUTPUT_COMMIT) {
        r->commit_lsn = e.lsn;
        r->committed = r->n >= r->want;
        if (r->confirm)
            pg_stream_confirm(r->s, e.lsn);
    }
}

static void on_keepalive(void *owner, uint64_t wal_end)
{
    struct reader *r = owner;
    r->keepalives++;
    r->wal_end = wal_end;
    r->alive = true;
}

static void on_down(void *owner, const char *why)
{
    struct reader *r = owner;
    r->down = true;
    r->downs++;
    snprintf(r->why, sizeof r->why, "%s", why);
}

static const struct pg_stream_handlers handlers = {on_up, on_frame, on_keepalive, on_down};

static void run(const char *sql)
{
    struct buf error = {0};
    ck_assert_msg(pg_run_script(server_conninfo(), "test", sql, &error) == 0, "%s", error.p);
    buf_fini(&error);
}

/* -> whether SQL says 't' */
static bool is_true(const char *sql)
{
    struct buf error = {0}, value = {0};
    int answer = pg_ask(server_conninfo(), "test", sql, NULL, &value, &error);
    bool t = answer == 0 && value.n == 1 && value.p[0] == 't';
    buf_fini(&error);
    buf_fini(&value);
    return t;
}

static bool comes_true(const char *sql, double seconds)
{
    double end = ev_time() + seconds;
    while (!is_true(sql) && ev_time() < end)
        server_wait(loop, &(bool){false}, 0.02);
    return is_true(sql);
}

static void start_anew(void)
{
    run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS "
        "NOT NULL;"
        "SELECT pg_sleep(0.1);"
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name "
        "= '" SLOT "'");
    run("DROP PUBLICATION IF EXISTS test_pub; DROP TABLE IF EXISTS test_wal;"
        "CREATE TABLE test_wal(id bigint, data text); CREATE PUBLICATION test_pub FOR TABLE "
        "test_wal");
}

static void open_stream(struct reader *r, bool temporary)
{
    r->s = pg_stream_new(loop, server_conninfo(), "test", SLOT, temporary, "test_pub",
                         &handlers, r);
    ck_assert(server_wait(loop, &r->up, 5));
}

static void wait_for(struct reader *r, unsigned values)
{
    r->want = values;
    r->committed = r->n >= values;
    ck_assert_msg(server_wait(loop, &r->committed, 5), "%u of %u", r->n, values);
}

static void close_stream(struct reader *r)
{
    pg_stream_free(r->s);
    r->s = NULL;
}

START_TEST(a_new_slot_is_reported_and_brings_what_is_committed_after_it)
{
    struct reader r = {0};
    start_anew();
    run("INSERT INTO test_wal VALUES (1, 'before')");
    open_stream(&r, false);
    ck_assert(r.created);
    ck_assert_uint_ne(r.start, 0);
    run("INSERT INTO test_wal VALUES (2, 'a'), (3, 'b')");
    wait_for(&r, 2);
    ck_assert_int_eq(r.values[0], 2);
    ck_assert_int_eq(r.values[1], 3);
    ck_assert_uint_eq(r.of_type[PGOUTPUT_BEGIN], 1);
    ck_assert_uint_eq(r.of_type[PGOUTPUT_RELATION], 1);
    ck_assert_uint_eq(r.of_type[PGOUTPUT_COMMIT], 1);
    ck_assert_uint_ge(pg_stream_received(r.s), r.start);
    close_stream(&r);
}
END_TEST

START_TEST(what_was_not_confirmed_comes_again_what_was_does_not)
{
    struct reader r = {0}, again = {0};
    start_anew();
    open_stream(&r, false);
    run("INSERT INTO test_wal VALUES (1)");
    wait_for(&r, 1);
    pg_stream_confirm(r.s, r.commit_lsn);
    run("INSERT INTO test_wal VALUES (2)");
    wait_for(&r, 2);
    server_wait(loop, &(bool){false}, 0.4);
    close_stream(&r);
    open_stream(&again, false);
    ck_assert(!again.created);
    wait_for(&again, 1);
    ck_assert_int_eq(again.values[0], 2);
    close_stream(&again);
}
END_TEST

START_TEST(when_the_walsender_dies_the_stream_comes_back_by_itself)
{
    struct reader r = {.confirm = true};
    start_anew();
    open_stream(&r, false);
    for (int i = 1; i <= 5; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "INSERT INTO test_wal VALUES (%d)", i);
        run(sql);
        if (i == 3) {
            r.up = false;
            run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE "
                "slot_name = '" SLOT "'");
            ck_assert(server_wait(loop, &r.up, 5));
        }
    }
    double end = ev_time() + 5;
    while ((r.n == 0 || r.values[r.n - 1] != 5) && ev_time() < end)
        server_wait(loop, &(bool){false}, 0.02);
    int64_t seen = 0; /* repeats, never a hole */
    for (unsigned i = 0; i < r.n; i++) {
        ck_assert_int_le(r.values[i], seen + 1);
        seen = r.values[i] > seen ? r.values[i] : seen;
    }
    ck_assert_int_eq(seen, 5);
    ck_assert_uint_eq(r.ups, 2);
    ck_assert_uint_eq(r.downs, 1);
    ck_assert(!r.created);
    close_stream(&r);
}
END_TEST

START_TEST(a_slot_in_use_is_waited_for)
{
    struct reader r = {0}, next = {0};
    start_anew();
    open_stream(&r, false);
    next.s = pg_stream_new(loop, server_conninfo(), "test", SLOT, false, "test_pub", &handlers,
                           &next);
    ck_assert(server_wait(loop, &next.down, 5));
    ck_assert_msg(strstr(next.why, "in use"), "%s", next.why);
    server_wait(loop, &(bool){false}, 0.5);
    ck_assert(!next.up);
    ck_assert_uint_eq(next.downs, 1);
    close_stream(&r);
    ck_assert(server_wait(loop, &next.up, 5));
    ck_assert(!next.created);
    close_stream(&next);
}
END_TEST

START_TEST(making_a_slot_waits_for_open_transactions_without_holding_the_loop)
{
    struct reader r = {0};
    start_anew();
    if (!is_true("SELECT setting::int > 0 FROM pg_settings WHERE name = "
                 "'max_prepared_transactions'"))
        return;
    run("BEGIN; INSERT INTO test_wal VALUES (1); PREPARE TRANSACTION 'test_open'");
    r.s =
        pg_stream_new(loop, server_conninfo(), "test", SLOT, false, "test_pub", &handlers, &r);
    ck_assert(!server_wait(loop, &r.up, 0.5));
    run("COMMIT PREPARED 'test_open'");
    ck_assert(server_wait(loop, &r.up, 5));
    ck_assert(r.created);
    close_stream(&r);
}
END_TEST

START_TEST(a_slot_whose_maker_is_gone_is_not_left_behind)
{
    struct reader r = {0};
    start_anew();
    if (!is_true("SELECT setting::int > 0 FROM pg_settings WHERE name = "
                 "'max_prepared_transactions'"))
        return;
    run("BEGIN; INSERT INTO test_wal VALUES (1); PREPARE TRANSACTION 'test_open'");
    r.s =
        pg_stream_new(loop, server_conninfo(), "test", SLOT, false, "test_pub", &handlers, &r);
    ck_assert(!server_wait(loop, &r.up, 0.3));
    close_stream(&r);
    bool gone = comes_true(
        "SELECT NOT exists(SELECT FROM pg_replication_slots WHERE slot_name = '" SLOT "')", 3);
    run("COMMIT PREPARED 'test_open'");
    ck_assert(gone);
    server_wait(loop, &(bool){false}, 0.3);
    ck_assert(is_true(
        "SELECT NOT exists(SELECT FROM pg_replication_slots WHERE slot_name = '" SLOT "')"));
}
END_TEST

START_TEST(a_temporary_slot_goes_with_its_connection)
{
    struct reader r = {0};
    start_anew();
    open_stream(&r, true);
    ck_assert(r.created);
    run("INSERT INTO test_wal VALUES (4)");
    wait_for(&r, 1);
    r.up = false;
    run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE temporary");
    ck_assert(server_wait(loop, &r.up, 5));
    ck_assert(r.created);
    run("INSERT INTO test_wal VALUES (5)");
    wait_for(&r, 2);
    close_stream(&r);
    ck_assert(
        comes_true("SELECT NOT exists(SELECT FROM pg_replication_slots WHERE temporary)", 3));
}
END_TEST

START_TEST(a_paused_stream_reads_nothing_and_goes_on_answering)
{
    struct reader r = {0};
    start_anew();
    open_stream(&r, false);
    pg_stream_pause(r.s, true);
    server_wait(loop, &(bool){false}, 0.3);
    run("INSERT INTO test_wal SELECT n, repeat('x', 1000) FROM generate_series(1, 3000) AS n");
    run("CREATE TABLE IF NOT EXISTS test_reply AS SELECT reply_time FROM pg_stat_replication;"
        "TRUNCATE test_reply; INSERT INTO test_reply SELECT reply_time FROM "
        "pg_stat_replication");
    server_wait(loop, &(bool){false}, 1.5);
    ck_assert_uint_eq(r.frames, 0);
    ck_assert(is_true("SELECT (SELECT max(reply_time) FROM pg_stat_replication) > "
                      "(SELECT max(reply_time) FROM test_reply)"));
    pg_stream_pause(r.s, false);
    wait_for(&r, 3000);
    for (unsigned i = 0; i < 3000; i++)
        ck_assert_int_eq(r.values[i], i + 1);
    close_stream(&r);
}
END_TEST

START_TEST(other_writes_come_as_keepalives_and_may_be_confirmed)
{
    struct reader r = {0};
    start_anew();
    run("DROP TABLE IF EXISTS test_other; CREATE TABLE test_other(v int)");
    open_stream(&r, false);
    server_wait(loop, &(bool){false}, 0.2);
    r.alive = false;
    run("INSERT INTO test_other SELECT generate_series(1, 1000)");
    ck_assert(server_wait(loop, &r.alive, 5));
    server_wait(loop, &(bool){false}, 0.2);
    pg_stream_confirm(r.s, r.wal_end);
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT confirmed_flush_lsn - '0/0' >= %" PRIu64
             " FROM pg_replication_slots WHERE slot_name = '" SLOT "'",
             r.wal_end);
    ck_assert(comes_true(sql, 3));
    close_stream(&r);
}
END_TEST

START_TEST(a_missing_publication_is_told_and_waited_for)
{
    struct reader r = {0};
    start_anew();
    run("DROP PUBLICATION test_pub");
    r.s =
        pg_stream_new(loop, server_conninfo(), "test", SLOT, false, "test_pub", &handlers, &r);
    ck_assert(server_wait(loop, &r.down, 5));
    ck_assert_msg(strstr(r.why, "publication"), "%s", r.why);
    run("CREATE PUBLICATION test_pub FOR TABLE test_wal");
    ck_assert(server_wait(loop, &r.up, 5));
    ck_assert(r.created);
    close_stream(&r);
}
END_TEST

START_TEST(the_stream_may_be_freed_inside_of_a_frame)
{
    struct reader r = {.free_in_frame = true};
    start_anew();
    open_stream(&r, false);
    run("INSERT INTO test_wal VALUES (1)");
    server_wait(loop, &(bool){false}, 0.3);
    ck_assert_uint_eq(r.frames, 1);
}
END_TEST

UNIT_MAIN("stream", a_new_slot_is_reported_and_brings_what_is_committed_after_it,
          what_was_not_confirmed_comes_again_what_was_does_not,
          when_the_walsender_dies_the_stream_comes_back_by_itself, a_slot_in_use_is_waited_for,
          making_a_slot_waits_for_open_transactions_without_holding_the_loop,
          a_slot_whose_maker_is_gone_is_not_left_behind,
          a_temporary_slot_goes_with_its_connection,
          a_paused_stream_reads_nothing_and_goes_on_answering,
          other_writes_come_as_keepalives_and_may_be_confirmed,
          a_missing_publication_is_told_and_waited_for,
          the_stream_may_be_freed_inside_of_a_frame)
