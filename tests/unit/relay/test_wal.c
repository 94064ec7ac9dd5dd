#include "wal.h"

#include "fixture.h"
#include "unit.h"

#define OID 16590
#define COMMITTED_US 1795437296791000LL
#define CREATED_PG_US 0x000303ef9712c614LL /* 2026-11-23 12:34:56.789012 */

static const char *const names[] = {"data",  "seq",     "channel",    "origin", "tenant",
                                    "shard", "epoch",   "after",      "tags",   "info",
                                    "id",    "counter", "created_at", "format"};
#define N_NAMES (sizeof names / sizeof *names)

static struct wal wal;
static struct buf frame;
static struct row row;

static enum wal_answer tell(void)
{
    return wal_read(&wal, buf_bytes(&frame), &row);
}

static void tell_relation(const char *schema, const char *table, uint32_t oid)
{
    put_relation(&frame, oid, schema, table, names, N_NAMES);
    ck_assert_int_eq(tell(), WAL_NOTHING);
}

static void tell_begin(void)
{
    put_begin(&frame, COMMITTED_US);
    ck_assert_int_eq(tell(), WAL_BEGIN);
}

static void start(void)
{
    wal_init(&wal);
    tell_relation("cellcast", "message", OID);
    tell_begin();
}

/* A row with the columns in the order of `names`. */
static enum wal_answer tell_row(int64_t id, int64_t shard, int64_t seq, struct bytes channel)
{
    put_insert(&frame, OID, N_NAMES);
    put_bytes(&frame, BYTES("{\"a\":1}"));
    put_number(&frame, seq, 8);
    put_bytes(&frame, channel);
    put_null(&frame);
    put_bytes(&frame, BYTES("default"));
    put_number(&frame, shard, 2);
    put_number(&frame, 5, 8);
    put_null(&frame);
    put_bytes(&frame, BYTES("{\"k\":\"v\"}"));
    put_null(&frame);
    put_number(&frame, id, 8);
    put_null(&frame);
    put_number(&frame, CREATED_PG_US, 8);
    put_number(&frame, 1, 2);
    return tell();
}

START_TEST(a_row_is_read_by_the_names_of_its_columns)
{
    start();
    ck_assert_int_eq(tell_row(77, 63, 4, BYTES("default/news")), WAL_ROW);
    ck_assert_uint_eq(row.id, 77);
    ck_assert_uint_eq(row.shard, 63);
    ck_assert_uint_eq(row.seq, 4);
    ck_assert_uint_eq(row.epoch, 5);
    ck_assert_uint_eq(row.format, 1);
    ck_assert_uint_eq(row.time_ms, 1795437296789);
    ck_assert_bytes(row.channel, "default/news");
    ck_assert_bytes(row.tenant, "default");
    ck_assert_bytes(row.data, "{\"a\":1}");
    ck_assert_bytes(row.tags, "{\"k\":\"v\"}");
    ck_assert_uint_eq(row.info.n, 0);
    ck_assert_uint_eq(row.after.n, 0);
}
END_TEST

START_TEST(a_transaction_tells_its_commit_time_first_and_its_end_last)
{
    start();
    ck_assert_int_eq(wal.committed_us, COMMITTED_US);
    put_commit(&frame, 0x123456789);
    ck_assert_int_eq(tell(), WAL_COMMIT);
    ck_assert_uint_eq(wal.end_lsn, 0x123456789);
}
END_TEST

START_TEST(other_tables_are_passed_over)
{
    wal_init(&wal);
    tell_relation("cellcast", "outbox", 5);
    tell_relation("public", "message", 6);
    tell_begin();
    put_insert(&frame, 5, 0);
    ck_assert_int_eq(tell(), WAL_NOTHING);
    put_insert(&frame, 6, 0);
    ck_assert_int_eq(tell(), WAL_NOTHING);
}
END_TEST

START_TEST(a_table_that_was_made_anew_is_known_by_its_new_number)
{
    start();
    tell_relation("cellcast", "message", OID + 1);
    ck_assert_int_eq(tell_row(1, 1, 1, BYTES("a/b")), WAL_NOTHING);
}
END_TEST

START_TEST(a_row_that_makes_no_sense_is_told_apart)
{
    start();
    ck_assert_int_eq(tell_row(0, 1, 1, BYTES("a/b")), WAL_BAD_ROW);
    ck_assert_str_eq(wal.why, "id");
    ck_assert_int_eq(tell_row(-7, 1, 1, BYTES("a/b")), WAL_BAD_ROW);
    ck_assert_int_eq(tell_row(1, 64, 1, BYTES("a/b")), WAL_BAD_ROW);
    ck_assert_int_eq(tell_row(1, -1, 1, BYTES("a/b")), WAL_BAD_ROW);
    ck_assert_str_eq(wal.why, "shard");
    ck_assert_int_eq(tell_row(1, 1, 0, BYTES("a/b")), WAL_BAD_ROW);
    ck_assert_str_eq(wal.why, "seq");
    ck_assert_int_eq(tell_row(1, 1, 1, BYTES("")), WAL_BAD_ROW);
    put_insert(&frame, OID, 1);
    put_null(&frame);
    ck_assert_int_eq(tell(), WAL_BAD_ROW);
    ck_assert_int_eq(tell_row(1, 1, 1, BYTES("a/b")), WAL_ROW); /* and the next one is read */
}
END_TEST

START_TEST(a_table_without_a_column_that_is_needed_gives_no_row)
{
    wal_init(&wal);
    put_relation(&frame, OID, "cellcast", "message", names, N_NAMES - 1);
    ck_assert_int_eq(tell(), WAL_NOTHING);
    tell_begin();
    ck_assert_int_eq(tell_row(1, 1, 1, BYTES("a/b")), WAL_BAD_ROW);
    ck_assert_str_eq(wal.why, "format");
}
END_TEST

START_TEST(a_stream_out_of_step_is_broken)
{
    wal_init(&wal);
    ck_assert_int_eq(tell_row(1, 1, 1, BYTES("a/b")), WAL_BROKEN);
    put_commit(&frame, 9);
    ck_assert_int_eq(tell(), WAL_BROKEN);
    tell_begin();
    put_begin(&frame, 0);
    ck_assert_int_eq(tell(), WAL_BROKEN);
    frame.n = 3;
    ck_assert_int_eq(tell(), WAL_BROKEN);
    buf_clear(&frame);
    ck_assert_int_eq(tell(), WAL_BROKEN);
    buf_append_str(&frame, "Y something that later versions send");
    ck_assert_int_eq(tell(), WAL_NOTHING);
}
END_TEST

UNIT_MAIN("wal", a_row_is_read_by_the_names_of_its_columns,
          a_transaction_tells_its_commit_time_first_and_its_end_last,
          other_tables_are_passed_over, a_table_that_was_made_anew_is_known_by_its_new_number,
          a_row_that_makes_no_sense_is_told_apart,
          a_table_without_a_column_that_is_needed_gives_no_row, a_stream_out_of_step_is_broken)
