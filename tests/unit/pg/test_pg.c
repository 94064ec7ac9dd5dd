#include "pg/pg.h"
#include "server.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

static struct ev_loop *loop;

__attribute__((constructor)) static void open_loop(void)
{
    loop = ev_default_loop(0);
}

struct witness {
    bool up, down, answered;
    unsigned ups, downs, answers, lost, refused;
    unsigned lost_after_down;
    char why[256], state[8], message[256], notice[256];
    int64_t value;
    void (*in_answer)(struct witness *w, struct pg *p);
    struct pg *p;
};

static void on_up(void *owner, struct pg *p)
{
    struct witness *w = owner;
    w->up = true;
    w->ups++;
}

static void on_down(void *owner, struct pg *p, const char *why)
{
    struct witness *w = owner;
    ck_assert(!pg_is_up(p));
    w->down = true;
    w->downs++;
    snprintf(w->why, sizeof w->why, "%s", why);
}

static void on_notice(void *owner, const char *text)
{
    struct witness *w = owner;
    snprintf(w->notice, sizeof w->notice, "%s", text);
}

static const struct pg_handlers handlers = {on_up, on_down, on_notice};

static void on_answer(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct witness *w = ctx;
    w->answered = true;
    w->answers++;
    if (status == PG_LOST) {
        ck_assert_ptr_null(r);
        w->lost++;
        w->lost_after_down += w->downs > 0;
    } else if (status == PG_REFUSED) {
        w->refused++;
        snprintf(w->state, sizeof w->state, "%s", pg_sqlstate(r));
        snprintf(w->message, sizeof w->message, "%s", pg_message(r));
    } else if (pg_rows(r) > 0) {
        w->value = pg_i64(r, 0, 0);
    }
    if (w->in_answer)
        w->in_answer(w, w->p);
}

static struct pg *open_up(struct witness *w, const char *setup)
{
    struct pg *p = pg_new(loop, server_conninfo(), "test", setup, &handlers, w);
    w->p = p;
    ck_assert(server_wait(loop, &w->up, 5));
    return p;
}

static void ask(struct pg *p, struct witness *w, const char *sql, struct pg_params *a)
{
    w->answered = false;
    pg_query(p, sql, a, on_answer, w);
    ck_assert(!w->answered);
    ck_assert(server_wait(loop, &w->answered, 5));
}

static void run(const char *sql)
{
    struct buf error = {0};
    ck_assert_msg(pg_run_script(server_conninfo(), "test", sql, &error) == 0, "%s", error.p);
    buf_fini(&error);
}

START_TEST(integers_of_every_width_are_read_by_their_length)
{
    struct witness w = {0};
    struct pg *p = open_up(&w, NULL);
    ask(p, &w, "SELECT (-2)::int2", NULL);
    ck_assert_int_eq(w.value, -2);
    ask(p, &w, "SELECT (-200000)::int4", NULL);
    ck_assert_int_eq(w.value, -200000);
    ask(p, &w, "SELECT (-20000000000)::int8", NULL);
    ck_assert_int_eq(w.value, -20000000000);
    pg_free(p);
}
END_TEST

static void check_row(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct witness *w = ctx;
    w->answered = true;
    ck_assert_int_eq(status, PG_OK);
    ck_assert_int_eq(pg_rows(r), 1);
    ck_assert_int_eq(pg_i64(r, 0, 0), 7);
    ck_assert(pg_bool(r, 0, 1));
    ck_assert(pg_is_null(r, 0, 2));
    ck_assert(bytes_is(pg_bytes(r, 0, 3), "grün"));
    ck_assert(bytes_equal(pg_bytes(r, 0, 4), BYTES("\0\1\xff")));
    ck_assert(bytes_is(pg_bytes(r, 0, 5), "{\"a\": 1}"));
    ck_assert(bytes_is(pg_bytes(r, 0, 6), "{\"a\":1}"));
    ck_assert(bytes_is(pg_bytes(r, 0, 7), "1|NULL|3"));
    ck_assert(bytes_is(pg_bytes(r, 0, 8), "a,|NULL|"));
    ck_assert_int_eq(pg_i64(r, 0, 9), 0);
    ck_assert(bytes_is(pg_bytes(r, 0, 10), "0/16B3748"));
    ck_assert(!pg_is_null(r, 0, 11) && pg_bytes(r, 0, 11).n == 0);
    ck_assert_int_eq(pg_i64(r, 0, 12), 2);
}

START_TEST(every_kind_of_parameter_arrives_as_it_was_added)
{
    struct witness w = {0};
    struct pg *p = open_up(&w, NULL);
    struct pg_params *a = pg_params_new();
    pg_add_i16(a, 7);
    pg_add_bool(a, true);
    pg_add_null(a);
    pg_add_text(a, bytes_str("grün"));
    pg_add_bytea(a, BYTES("\0\1\xff"));
    pg_add_text(a, bytes_str("{\"a\":1}"));
    pg_array_open(a, PG_ARRAY_I64);
    pg_array_i64(a, 1);
    pg_array_null(a);
    pg_array_i64(a, 3);
    pg_array_close(a);
    pg_array_open(a, PG_ARRAY_TEXT);
    pg_array_bytes(a, bytes_str("a,"));
    pg_array_null(a);
    pg_array_bytes(a, bytes_str(""));
    pg_array_close(a);
    pg_array_open(a, PG_ARRAY_I16);
    pg_array_close(a);
    pg_add_text(a, bytes_str("0/16B3748"));
    pg_add_text(a, (struct bytes){0});
    pg_array_open(a, PG_ARRAY_BYTEA);
    pg_array_bytes(a, BYTES("\0x"));
    pg_array_close(a);
    pg_add_text(a, bytes_str("{\"a\":1}"));
    w.answered = false;
    pg_query(p,
             "SELECT $1::int8, $2, $3::int8, $4::text, $5, $6::jsonb, $13::json, "
             "array_to_string($7, '|', 'NULL'), "
             "array_to_string($8, '|', 'NULL'), cardinality($9), $10::pg_lsn::text, $11::text, "
             "length($12[1])",
             a, check_row, &w);
    ck_assert(server_wait(loop, &w.answered, 5));
    pg_params_free(a);
    pg_free(p);
}
END_TEST

START_TEST(text_with_a_nul_is_refused_by_the_server_not_cut)
{
    struct witness w = {0};
    struct pg *p = open_up(&w, NULL);
    struct pg_params *a = pg_params_new();
    pg_add_text(a, BYTES("a\0b"));
    ask(p, &w, "SELECT length($1::text)", a);
    ck_assert_int_eq(w.refused, 1);
    ck_assert_str_eq(w.state, "22021");
    pg_params_free(a);
    pg_free(p);
}
END_TEST

START_TEST(a_failed_query_harms_none_of_those_around_it)
{
    struct witness before = {0}, bad = {0}, after = {0}, w = {0};
    struct pg *p = open_up(&w, NULL);
    pg_query(p, "SELECT 1", NULL, on_answer, &before);
    pg_query(p, "SELECT 1/0", NULL, on_answer, &bad);
    pg_query(p, "SELECT 2", NULL, on_answer, &after);
    ck_assert_uint_eq(pg_in_flight(p), 3);
    ck_assert(server_wait(loop, &after.answered, 5));
    ck_assert_int_eq(before.value, 1);
    ck_assert_str_eq(bad.state, "22012");
    ck_assert_str_eq(bad.message, "division by zero");
    ck_assert_int_eq(after.value, 2);
    ck_assert_uint_eq(pg_in_flight(p), 0);
    pg_free(p);
}
END_TEST

START_TEST(what_fails_at_its_commit_is_refused)
{
    run("DROP TABLE IF EXISTS test_deferred;"
        "CREATE TABLE test_deferred(v int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    struct witness w = {0}, other = {0};
    struct pg *p = open_up(&w, NULL);
    ask(p, &w, "INSERT INTO test_deferred VALUES (1) RETURNING v", NULL);
    ck_assert_uint_eq(w.refused, 0);
    w.answered = false;
    pg_query(p, "INSERT INTO test_deferred VALUES (1) RETURNING v", NULL, on_answer, &w);
    pg_query(p, "SELECT 5", NULL, on_answer, &other);
    ck_assert(server_wait(loop, &other.answered, 5));
    ck_assert(w.answered);
    ck_assert_uint_eq(w.refused, 1);
    ck_assert_str_eq(w.state, "23505");
    ck_assert_int_eq(other.value, 5);
    ck_assert(pg_is_up(p));
    pg_free(p);
}
END_TEST

START_TEST(a_prepare_that_failed_is_tried_again)
{
    run("DROP TABLE IF EXISTS test_later");
    struct witness w = {0};
    struct pg *p = open_up(&w, NULL);
    pg_query(p, "SELECT count(*) FROM test_later", NULL, on_answer, &w);
    ask(p, &w, "SELECT count(*) FROM test_later", NULL);
    server_wait(loop, &(bool){false}, 0.05);
    ck_assert_uint_eq(w.refused, 2);
    ck_assert_str_eq(w.state, "42P01");
    run("CREATE TABLE test_later AS SELECT 1 AS one");
    ask(p, &w, "SELECT count(*) FROM test_later", NULL);
    ck_assert_uint_eq(w.refused, 2);
    ck_assert_int_eq(w.value, 1);
    pg_free(p);
}
END_TEST

START_TEST(a_statement_that_the_schema_outdated_is_prepared_anew)
{
    run("DROP TABLE IF EXISTS test_shape; CREATE TABLE test_shape AS SELECT 1::int4 AS a");
    struct witness w = {0};
    struct pg *p = open_up(&w, NULL);
    ask(p, &w, "SELECT * FROM test_shape", NULL);
    run("ALTER TABLE test_shape ADD b int4; UPDATE test_shape SET a = 9");
    ask(p, &w, "SELECT * FROM test_shape", NULL);
    ck_assert_str_eq(w.state, "0A000");
    ask(p, &w, "SELECT * FROM test_shape", NULL);
    ck_assert_uint_eq(w.refused, 1);
    ck_assert_int_eq(w.value, 9);
    ask(p, &w, "DEALLOCATE ALL", NULL);
    ask(p, &w, "SELECT * FROM test_shape", NULL);
    ck_assert_str_eq(w.state, "26000");
    ask(p, &w, "SELECT * FROM test_shape", NULL);
    ck_assert_uint_eq(w.refused, 2);
    pg_free(p);
}
END_TEST

START_TEST(the_same_text_takes_parameters_of_other_types)
{
    struct witness w = {0};
    struct pg *p = open_up(&w, NULL);
    struct pg_params *a = pg_params_new();
    pg_add_null(a);
    ask(p, &w, "SELECT coalesce($1::int8, 1)", a);
    ck_assert_int_eq(w.value, 1);
    pg_add_i64(a, 2);
    ask(p, &w, "SELECT coalesce($1::int8, 1)", a);
    ck_assert_int_eq(w.value, 2);
    pg_add_i16(a, 3);
    ask(p, &w, "SELECT coalesce($1::int8, 1)", a);
    ck_assert_int_eq(w.value, 3);
    ck_assert_uint_eq(w.refused, 0);
    pg_params_free(a);
    pg_free(p);
}
END_TEST

START_TEST(when_the_backend_dies_queries_in_flight_are_lost_then_down_then_up_again)
{
    struct witness w = {0}, killer = {0}, q = {0};
    struct pg *p = open_up(&w, NULL), *k = open_up(&killer, NULL);
    int before = pg_backend_pid(p);
    pg_query(p, "SELECT 1", NULL, on_answer, &q);
    pg_query(p, "SELECT pg_sleep(20)", NULL, on_answer, &w);
    pg_query(p, "SELECT 2", NULL, on_answer, &w);
    server_wait(loop, &(bool){false}, 0.1);
    w.up = false;
    struct pg_params *a = pg_params_new();
    pg_add_i32(a, before);
    ask(k, &killer, "SELECT pg_terminate_backend($1)::int", a);
    pg_params_free(a);
    ck_assert(server_wait(loop, &w.down, 5));
    ck_assert_int_eq(q.value, 1);
    ck_assert_uint_eq(w.lost, 2);
    ck_assert_uint_eq(w.lost_after_down, 0);
    ck_assert_uint_eq(w.downs, 1);
    ck_assert_msg(strstr(w.why, "administrator command"), "%s", w.why);
    ck_assert(server_wait(loop, &w.up, 5));
    ck_assert_int_ne(pg_backend_pid(p), before);
    ask(p, &w, "SELECT 3", NULL);
    ck_assert_int_eq(w.value, 3);
    pg_free(p);
    pg_free(k);
}
END_TEST

START_TEST(an_idle_connection_that_dies_is_down_with_the_servers_reason)
{
    struct witness w = {0}, killer = {0};
    struct pg *p = open_up(&w, NULL), *k = open_up(&killer, NULL);
    struct pg_params *a = pg_params_new();
    pg_add_i32(a, pg_backend_pid(p));
    ask(k, &killer, "SELECT pg_terminate_backend($1)::int", a);
    ck_assert(server_wait(loop, &w.down, 5));
    ck_assert_msg(strstr(w.why, "administrator command"), "%s", w.why);
    pg_params_free(a);
    pg_free(p);
    pg_free(k);
}
END_TEST

START_TEST(a_failing_setup_is_down_with_the_reason_and_tried_again)
{
    run("DROP TABLE IF EXISTS test_setup");
    struct witness w = {0};
    struct pg *p = pg_new(loop, server_conninfo(), "test",
                          "SET work_mem = '1MB'; SELECT 1 FROM test_setup", &handlers, &w);
    ck_assert(server_wait(loop, &w.down, 5));
    ck_assert_msg(strstr(w.why, "test_setup"), "%s", w.why);
    ck_assert(!w.up);
    server_wait(loop, &(bool){false}, 0.5);
    ck_assert_uint_eq(w.downs, 1);
    run("CREATE TABLE test_setup()");
    ck_assert(server_wait(loop, &w.up, 5));
    pg_free(p);
}
END_TEST

START_TEST(the_settings_of_setup_hold)
{
    struct witness w = {0};
    struct pg *p = open_up(&w, "SET search_path TO pg_catalog; SET statement_timeout = 50");
    ask(p, &w, "SELECT pg_sleep(5)", NULL);
    ck_assert_str_eq(w.state, "57014");
    pg_free(p);
}
END_TEST

START_TEST(names_of_hosts_are_looked_up_beside_the_loop)
{
    char conninfo[1024];
    struct witness w = {0};
    snprintf(conninfo, sizeof conninfo, "%s host=localhost", server_conninfo());
    struct pg *p = pg_new(loop, conninfo, "test", NULL, &handlers, &w);
    ck_assert_msg(server_wait(loop, &w.up, 10), "%s", w.why);
    pg_free(p);

    w = (struct witness){0};
    snprintf(conninfo, sizeof conninfo, "%s host=no-such-host.invalid,localhost", server_conninfo());
    p = pg_new(loop, conninfo, "test", NULL, &handlers, &w);
    ck_assert_msg(server_wait(loop, &w.up, 10), "%s", w.why);
    ck_assert_msg(strstr(w.why, "nobody knows the host name \"no-such-host.invalid\""), "%s", w.why);
    pg_free(p);

    p = pg_new(loop, conninfo, "test", NULL, &handlers, &w);
    server_wait(loop, &(bool){false}, 0.001);
    pg_free(p); /* while it is looked up */
}
END_TEST

START_TEST(a_query_while_down_is_lost_from_the_loop)
{
    struct witness w = {0};
    struct pg *p = pg_new(loop, "host=127.0.0.1 port=1", "test", NULL, &handlers, &w);
    pg_query(p, "SELECT 1", NULL, on_answer, &w);
    ck_assert_uint_eq(w.lost, 0);
    ck_assert(server_wait(loop, &w.down, 5));
    server_wait(loop, &(bool){false}, 0.3);
    ck_assert_uint_eq(w.lost, 1);
    ck_assert_uint_eq(w.downs, 1);
    pg_free(p);
}
END_TEST

static void free_it(struct witness *w, struct pg *p)
{
    pg_free(p);
    w->in_answer = NULL;
}

START_TEST(the_connection_may_be_freed_inside_of_an_answer)
{
    struct witness w = {.in_answer = free_it};
    struct pg *p = open_up(&w, NULL);
    pg_query(p, "SELECT 1", NULL, on_answer, &w);
    pg_query(p, "SELECT 2", NULL, on_answer, &w);
    ck_assert(server_wait(loop, &w.answered, 5));
    server_wait(loop, &(bool){false}, 0.1);
    ck_assert_uint_eq(w.answers, 1);
}
END_TEST

START_TEST(the_connection_may_be_freed_inside_of_a_lost_answer)
{
    struct witness w = {0};
    struct pg *p = open_up(&w, NULL);
    w.in_answer = free_it;
    pg_query(p, "SELECT pg_sleep(5)", NULL, on_answer, &w);
    pg_query(p, "SELECT 2", NULL, on_answer, &w);
    pg_reset(p);
    ck_assert(!pg_is_up(p));
    ck_assert_uint_eq(w.answers, 0);
    ck_assert(server_wait(loop, &w.answered, 5));
    server_wait(loop, &(bool){false}, 0.1);
    ck_assert_uint_eq(w.answers, 1);
    ck_assert_uint_eq(w.downs, 0);
}
END_TEST

static void reset_it(struct witness *w, struct pg *p)
{
    w->in_answer = NULL;
    pg_reset(p);
    pg_query(p, "SELECT 3", NULL, on_answer, w);
}

START_TEST(the_connection_may_be_reset_inside_of_an_answer)
{
    struct witness w = {.in_answer = reset_it};
    struct pg *p = open_up(&w, NULL);
    w.up = false;
    pg_query(p, "SELECT 1", NULL, on_answer, &w);
    pg_query(p, "SELECT 2", NULL, on_answer, &w);
    ck_assert(server_wait(loop, &w.up, 5));
    ck_assert_uint_eq(w.answers, 3);
    ck_assert_uint_eq(w.lost, 2);
    ck_assert_uint_eq(w.downs, 1);
    ask(p, &w, "SELECT 4", NULL);
    ck_assert_int_eq(w.value, 4);
    pg_free(p);
}
END_TEST

static void ask_more(struct witness *w, struct pg *p)
{
    if (w->answers < 50)
        pg_query(p, "SELECT 1", NULL, on_answer, w);
    else
        w->down = true;
}

START_TEST(queries_may_be_asked_inside_of_answers)
{
    struct witness w = {.in_answer = ask_more};
    struct pg *p = open_up(&w, NULL);
    pg_query(p, "SELECT 1", NULL, on_answer, &w);
    ck_assert(server_wait(loop, &w.down, 5));
    ck_assert_uint_eq(w.answers, 50);
    pg_free(p);
}
END_TEST

START_TEST(notices_are_handed_on)
{
    struct witness w = {0};
    struct pg *p = open_up(&w, NULL);
    ask(p, &w, "DO $$ BEGIN RAISE NOTICE 'ahoy'; END $$", NULL);
    ck_assert_msg(strstr(w.notice, "ahoy"), "%s", w.notice);
    pg_free(p);
}
END_TEST

START_TEST(a_copy_ends_the_connection_not_the_process)
{
    struct witness w = {0};
    struct pg *p = open_up(&w, NULL);
    pg_query(p, "COPY (SELECT 1) TO STDOUT", NULL, on_answer, &w);
    ck_assert(server_wait(loop, &w.down, 5));
    ck_assert_uint_eq(w.lost, 1);
    w.up = false;
    ck_assert(server_wait(loop, &w.up, 5));
    pg_free(p);
}
END_TEST

START_TEST(megabytes_go_both_ways_while_many_are_in_flight)
{
    enum { N = 40, SIZE = 1 << 20 };
    struct witness w = {0};
    struct pg *p = open_up(&w, NULL);
    struct pg_params *a = pg_params_new();
    char *big = calloc(1, SIZE);
    for (int i = 0; i < N; i++) {
        pg_add_bytea(a, bytes_of(big, SIZE));
        pg_query(p, "SELECT length($1)::int8, $1", a, on_answer, &w);
    }
    double end = ev_time() + 20;
    while (w.answers < N && ev_time() < end)
        server_wait(loop, &(bool){false}, 0.01);
    ck_assert_uint_eq(w.answers, N);
    ck_assert_int_eq(w.value, SIZE);
    free(big);
    pg_params_free(a);
    pg_free(p);
}
END_TEST

START_TEST(scripts_say_where_they_failed)
{
    struct buf error = {0}, value = {0};
    ck_assert_int_eq(pg_run_script(server_conninfo(), "test",
                                   "SELECT 1;\nSELECT 'ü';\nSELECT nope;", &error),
                     -EIO);
    ck_assert_msg(strstr(error.p, "nope") && strstr(error.p, "(line 3)"), "%s", error.p);
    ck_assert_int_eq(pg_ask(server_conninfo(), "test", "SELECT $1 || '!'", "a", &value, &error),
                     0);
    ck_assert_str_eq(value.p, "a!");
    ck_assert_int_eq(
        pg_ask(server_conninfo(), "test", "SELECT 1 WHERE false", NULL, &value, &error),
        -ENOENT);
    buf_clear(&error);
    ck_assert_int_eq(pg_ask("host=127.0.0.1 port=1", "test", "SELECT 1", NULL, &value, &error),
                     -ENOTCONN);
    ck_assert_uint_gt(error.n, 0);
    ck_assert_ptr_null(strchr(error.p, '\n'));
    buf_fini(&error);
    buf_fini(&value);
}
END_TEST

UNIT_MAIN("pg", integers_of_every_width_are_read_by_their_length,
          every_kind_of_parameter_arrives_as_it_was_added,
          text_with_a_nul_is_refused_by_the_server_not_cut,
          a_failed_query_harms_none_of_those_around_it, what_fails_at_its_commit_is_refused,
          a_prepare_that_failed_is_tried_again,
          a_statement_that_the_schema_outdated_is_prepared_anew,
          the_same_text_takes_parameters_of_other_types,
          when_the_backend_dies_queries_in_flight_are_lost_then_down_then_up_again,
          an_idle_connection_that_dies_is_down_with_the_servers_reason,
          a_failing_setup_is_down_with_the_reason_and_tried_again, the_settings_of_setup_hold,
          names_of_hosts_are_looked_up_beside_the_loop,
          a_query_while_down_is_lost_from_the_loop,
          the_connection_may_be_freed_inside_of_an_answer,
          the_connection_may_be_freed_inside_of_a_lost_answer,
          the_connection_may_be_reset_inside_of_an_answer,
          queries_may_be_asked_inside_of_answers, notices_are_handed_on,
          a_copy_ends_the_connection_not_the_process,
          megabytes_go_both_ways_while_many_are_in_flight, scripts_say_where_they_failed)
