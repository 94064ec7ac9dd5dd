#include "flow.h"

#include "fake_edges.h"
#include "fixture.h"
#include "unit.h"

#define OID 16590

static const char *const names[] = {"id",         "channel", "tenant", "shard", "epoch", "seq",
                                    "created_at", "format",  "data",   "tags",  "info",  "after"};
#define N_NAMES (sizeof names / sizeof *names)

static struct buf frame;

static void tell(void)
{
    flow_frame(&r, buf_bytes(&frame));
}

static void stream_begins(void)
{
    wal_init(&r.wal);
    r.source.state = SOURCE_STREAMING;
    mark_stream(&r.mark, 0);
    put_relation(&frame, OID, "cellcast", "message", names, N_NAMES);
    tell();
}

static void stream_transaction(void)
{
    put_begin(&frame, 1795437296791000LL);
    tell();
}

static void stream_row(uint64_t id)
{
    put_insert(&frame, OID, N_NAMES);
    put_number(&frame, (int64_t)id, 8);
    put_bytes(&frame, BYTES("default/news"));
    put_bytes(&frame, BYTES("default"));
    put_number(&frame, S, 2);
    put_number(&frame, 1, 8);
    put_number(&frame, (int64_t)id, 8);
    put_number(&frame, 0, 8);
    put_number(&frame, 0, 2);
    put_bytes(&frame, BYTES("{}"));
    for (int i = 0; i < 3; i++)
        put_null(&frame);
    tell();
}

static void stream_commit(uint64_t end_lsn)
{
    put_commit(&frame, end_lsn);
    tell();
}

static void table_row(uint64_t above, uint64_t id)
{
    struct row row = row_of(S, id);
    flow_row(&r, above, &row, 1);
}

/* A snapshot: ids up to last_id are visible. */
static void snapshot(uint64_t last_id, uint64_t flushed, uint64_t standbys, int64_t config_version)
{
    struct store_heads heads = {.shards = 1ull << S,
                                .flushed = flushed,
                                .standbys = standbys,
                                .config_version = config_version};
    heads.last_id[S] = last_id;
    flow_heads(&r, &heads);
}

static void end(void)
{
    finish();
    buf_fini(&frame);
}

START_TEST(what_stream_and_table_both_bring_goes_once)
{
    start();
    table_row(0, 1);
    table_row(1, 2);
    stream_begins();
    stream_transaction();
    stream_row(2);
    stream_row(3);
    stream_commit(100);
    snapshot(3, 100, LSN_EVERYWHERE, 1);
    turn();
    ck_assert_uint_eq(r.metrics.repeats_total, 1);
    ck_assert_uint_eq(kafka.n[0], 3);
    expect_sent(0, 1, 3);
    end();
}
END_TEST

START_TEST(a_row_of_the_stream_below_one_before_it_is_told_of_and_skipped)
{
    start();
    stream_begins();
    stream_transaction();
    stream_row(5);
    stream_row(4);
    stream_row(5);
    stream_commit(100);
    ck_assert_uint_eq(r.metrics.disorder_total, 2);
    snapshot(5, 100, LSN_EVERYWHERE, 1);
    turn();
    ck_assert_uint_eq(kafka.n[0], 1);
    expect_sent(0, 5, 5);
    end();
}
END_TEST

START_TEST(rows_that_begin_above_a_gap_are_not_taken)
{
    start();
    table_row(0, 1);
    table_row(2, 3); /* asked for above 2, which has been set back since */
    ck_assert_uint_eq(r.accepted[S], 1);
    table_row(1, 2);
    ck_assert_uint_eq(r.accepted[S], 2);
    end();
}
END_TEST

START_TEST(the_end_of_an_answer_above_a_gap_says_nothing)
{
    start();
    table_row(0, 1);
    flow_rows_end(&r, S, 2, 9, true);
    ck_assert_uint_eq(r.accepted[S], 1);
    flow_rows_end(&r, S, 1, 9, false); /* there are more */
    ck_assert_uint_eq(r.accepted[S], 1);
    flow_rows_end(&r, S, 1, 9, true);
    ck_assert_uint_eq(r.accepted[S], 9);
    end();
}
END_TEST

START_TEST(a_row_that_makes_no_sense_is_passed_over_in_its_place_only)
{
    start();
    table_row(0, 1);
    flow_bad_row(&r, 2, S, 3); /* above a gap */
    ck_assert_uint_eq(r.accepted[S], 1);
    flow_bad_row(&r, 1, S, 2);
    ck_assert_uint_eq(r.accepted[S], 2);
    table_row(2, 3);
    ck_assert_uint_eq(r.accepted[S], 3);
    end();
}
END_TEST

START_TEST(what_is_not_visible_yet_waits)
{
    start();
    stream_begins();
    stream_transaction();
    stream_row(1);
    stream_row(2);
    stream_commit(100);
    snapshot(1, 100, LSN_EVERYWHERE, 1);
    turn();
    ck_assert_uint_eq(kafka.n[0], 1);
    snapshot(2, 100, LSN_EVERYWHERE, 1);
    turn();
    ck_assert_uint_eq(kafka.n[0], 2);
    end();
}
END_TEST

START_TEST(nothing_goes_by_a_configuration_that_is_not_the_newest)
{
    start();
    stream_begins();
    stream_transaction();
    stream_row(1);
    stream_commit(100);
    snapshot(1, 100, LSN_EVERYWHERE, 2);
    turn();
    ck_assert_uint_eq(kafka.n[0], 0);
    ck_assert_uint_eq(question.configurations, 1);
    snapshot(1, 100, LSN_EVERYWHERE, 1);
    turn();
    ck_assert_uint_eq(kafka.n[0], 1);
    end();
}
END_TEST

/* Its end is read when there is room again, and room comes of what has gone. */
START_TEST(a_transaction_that_is_not_read_on_goes_by_where_the_log_stands)
{
    start();
    stream_begins();
    stream_transaction();
    stream_row(1);
    r.ask.accepted = r.n_accepted;
    snapshot(1, 90, 200, 1); /* the stream goes on: so will its end come */
    turn();
    ck_assert_uint_eq(kafka.n[0], 0);
    r.source.paused = true;
    r.ask.accepted = r.n_accepted - 1;
    snapshot(1, 90, 200, 1); /* asked for before it was there */
    turn();
    ck_assert_uint_eq(kafka.n[0], 0);
    r.ask.accepted = r.n_accepted;
    snapshot(1, 250, 200, 1); /* not on the standbys */
    turn();
    ck_assert_uint_eq(kafka.n[0], 0);
    snapshot(1, 250, 250, 1);
    turn();
    ck_assert_uint_eq(kafka.n[0], 1);
    end();
}
END_TEST

START_TEST(who_is_full_reads_on_when_a_quarter_is_free)
{
    start();
    kafka.dead[0] = kafka.dead[1] = true;
    r.options.outstanding_max = 8;
    publish(8);
    turn();
    ck_assert(r.full);
    ck_assert_uint_eq(r.metrics.pauses_total, 1);
    for (unsigned i = 0; i < 8; i++) {
        ck_assert_int_eq(r.full, i < 2);
        acknowledge_one(0);
        acknowledge_one(1);
        ck_assert_uint_eq(r.outstanding, 7 - i);
        turn();
    }
    ck_assert_uint_eq(r.metrics.pauses_total, 1);
    end();
}
END_TEST

UNIT_MAIN("relay/flow", what_stream_and_table_both_bring_goes_once,
          a_row_of_the_stream_below_one_before_it_is_told_of_and_skipped,
          rows_that_begin_above_a_gap_are_not_taken,
          the_end_of_an_answer_above_a_gap_says_nothing,
          a_row_that_makes_no_sense_is_passed_over_in_its_place_only,
          what_is_not_visible_yet_waits,
          nothing_goes_by_a_configuration_that_is_not_the_newest,
          a_transaction_that_is_not_read_on_goes_by_where_the_log_stands,
          who_is_full_reads_on_when_a_quarter_is_free)
