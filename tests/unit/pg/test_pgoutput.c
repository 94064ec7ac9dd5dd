#include "pg/pgoutput.h"
#include "unit.h"

#include "core/buf.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>

#define MESSAGES 8
enum {
    BEGIN,
    RELATION,
    INSERT,
    INSERT_NULLS,
    COMMIT,
    INSERT_TEXT,
    INSERT_TEXT_NULLS,
    TRUNCATE
};

static struct buf golden[MESSAGES];

static void append_hex(struct buf *b, const char *line)
{
    unsigned byte;
    int n;
    while (sscanf(line, " %2x%n", &byte, &n) == 1) {
        buf_append_char(b, (char)byte);
        line += n;
    }
}

/* Paragraphs of hex; # begins a comment. */
static void read_golden(void)
{
    char line[1024];
    int at = -1;
    bool between = true;
    FILE *f = fopen(GOLDEN "/pgoutput.hex", "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "#\n")] = 0;
        if (line[strspn(line, " ")] == 0) {
            between = true;
            continue;
        }
        at += between;
        between = false;
        ck_assert_int_lt(at, MESSAGES);
        append_hex(&golden[at], line);
    }
    fclose(f);
    ck_assert_int_eq(at, MESSAGES - 1);
}

static void free_golden(void)
{
    for (int i = 0; i < MESSAGES; i++)
        buf_fini(&golden[i]);
}

static struct pgoutput_event decode(int message)
{
    struct pgoutput_event e;
    ck_assert_int_eq(pgoutput_decode(buf_bytes(&golden[message]), &e), 0);
    return e;
}

START_TEST(begin_tells_the_final_lsn_and_the_time_since_1970)
{
    read_golden();
    struct pgoutput_event e = decode(BEGIN);
    ck_assert_int_eq(e.type, PGOUTPUT_BEGIN);
    ck_assert_uint_eq(e.xid, 0x335);
    ck_assert_uint_eq(e.lsn, 0x1cc79f8);
    ck_assert_int_eq(e.time_us, 0x000303f8dc0a7768 + 946684800000000);
    free_golden();
}
END_TEST

START_TEST(commit_tells_the_end_of_the_transaction)
{
    read_golden();
    struct pgoutput_event e = decode(COMMIT);
    ck_assert_int_eq(e.type, PGOUTPUT_COMMIT);
    ck_assert_uint_eq(e.lsn, 0x1cc7a28);
    ck_assert_int_eq(e.time_us, 0x000303f8dc0a7768 + 946684800000000);
    free_golden();
}
END_TEST

START_TEST(relation_tells_names_in_order)
{
    static const char *const names[] = {"id",   "channel", "shard", "created_at",
                                        "data", "tags",    "ok"};
    read_golden();
    struct pgoutput_event e = decode(RELATION);
    ck_assert_int_eq(e.type, PGOUTPUT_RELATION);
    ck_assert_uint_eq(e.relation, 16590);
    ck_assert_bytes(e.schema, "golden");
    ck_assert_bytes(e.table, "message");
    ck_assert_uint_eq(e.n_columns, 7);
    for (unsigned i = 0; i < 7; i++)
        ck_assert_bytes(e.columns[i], names[i]);
    free_golden();
}
END_TEST

static int64_t big_endian(struct bytes b)
{
    uint64_t v;
    ck_assert_uint_eq(b.n, 8);
    memcpy(&v, b.p, 8);
    return (int64_t)be64toh(v);
}

START_TEST(insert_tells_binary_values_and_keeps_null_apart_from_empty)
{
    read_golden();
    struct pgoutput_event e = decode(INSERT);
    ck_assert_int_eq(e.type, PGOUTPUT_INSERT);
    ck_assert_uint_eq(e.relation, 16590);
    ck_assert_uint_eq(e.n_columns, 7);
    for (unsigned i = 0; i < 7; i++)
        ck_assert(e.binary[i]);
    ck_assert_int_eq(big_endian(e.columns[0]), 250000000000000001);
    ck_assert_bytes(e.columns[1], "default/news");
    ck_assert(bytes_equal(e.columns[2], BYTES("\xff\xfd")));
    /* 2026-11-23 12:34:56.789012 UTC */
    ck_assert_int_eq(big_endian(e.columns[3]) + 946684800000000, 1795437296789012);
    ck_assert(bytes_equal(e.columns[4], BYTES("\0{\"\xc3\xbc\"}\0")));
    ck_assert(e.columns[5].p && e.columns[5].n == 0);
    ck_assert(bytes_equal(e.columns[6], BYTES("\1")));
    e = decode(INSERT_NULLS);
    ck_assert_int_eq(big_endian(e.columns[0]), 7);
    ck_assert_int_eq(big_endian(e.columns[3]), -500000);
    ck_assert(e.columns[4].p && e.columns[4].n == 0);
    ck_assert(!e.columns[5].p && !e.columns[6].p);
    free_golden();
}
END_TEST

START_TEST(insert_tells_text_values_as_such)
{
    read_golden();
    struct pgoutput_event e = decode(INSERT_TEXT);
    ck_assert(!e.binary[0]);
    ck_assert_bytes(e.columns[0], "250000000000000001");
    ck_assert_bytes(e.columns[6], "t");
    e = decode(INSERT_TEXT_NULLS);
    ck_assert_bytes(e.columns[4], "\\x");
    ck_assert_ptr_null(e.columns[5].p);
    free_golden();
}
END_TEST

START_TEST(other_messages_are_passed_over)
{
    struct pgoutput_event e = {.type = PGOUTPUT_BEGIN};
    read_golden();
    ck_assert_int_eq(decode(TRUNCATE).type, PGOUTPUT_OTHER);
    ck_assert_int_eq(pgoutput_decode(BYTES("Z"), &e), 0);
    ck_assert_int_eq(e.type, PGOUTPUT_OTHER);
    free_golden();
}
END_TEST

START_TEST(a_message_cut_anywhere_is_refused_and_the_event_left_alone)
{
    struct pgoutput_event e = {.relation = 42};
    read_golden();
    for (int m = BEGIN; m < TRUNCATE; m++) {
        for (size_t n = 0; n < golden[m].n; n++) {
            char *exact =
                malloc(n + !n); /* an address past its end is one that the sanitizer knows */
            memcpy(exact, golden[m].p, n);
            ck_assert_int_eq(pgoutput_decode(bytes_of(exact, n), &e), -EBADMSG);
            ck_assert_uint_eq(e.relation, 42);
            free(exact);
        }
    }
    free_golden();
}
END_TEST

START_TEST(more_columns_than_there_is_room_for_are_refused)
{
    struct pgoutput_event e;
    struct buf m = {0};
    buf_append(&m, "I\0\0\0\1N\0\x21", 8);
    for (int i = 0; i < PGOUTPUT_COLUMNS_MAX + 1; i++)
        buf_append_char(&m, 'n');
    ck_assert_int_eq(pgoutput_decode(buf_bytes(&m), &e), -EBADMSG);
    m.p[7] = PGOUTPUT_COLUMNS_MAX;
    ck_assert_int_eq(pgoutput_decode(buf_bytes(&m), &e), 0);
    ck_assert_uint_eq(e.n_columns, PGOUTPUT_COLUMNS_MAX);
    buf_fini(&m);
}
END_TEST

UNIT_MAIN("pgoutput", begin_tells_the_final_lsn_and_the_time_since_1970,
          commit_tells_the_end_of_the_transaction, relation_tells_names_in_order,
          insert_tells_binary_values_and_keeps_null_apart_from_empty,
          insert_tells_text_values_as_such, other_messages_are_passed_over,
          a_message_cut_anywhere_is_refused_and_the_event_left_alone,
          more_columns_than_there_is_room_for_are_refused)
