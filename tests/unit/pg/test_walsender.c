#include "pg/walsender.h"
#include "unit.h"

#include <errno.h>

START_TEST(data_tells_its_lsn_and_the_bytes_behind_its_head)
{
    struct walsender_message m;
    ck_assert_int_eq(walsender_read(BYTES("w"
                                          "\0\0\0\0\x01\xcc\x79\x30"
                                          "\0\0\0\0\x01\xcc\x79\x98"
                                          "\0\3\3\xf8\xdc\x0a\x77\x68"
                                          "Cxyz"),
                                    &m),
                     0);
    ck_assert(m.is_data);
    ck_assert_uint_eq(m.lsn, 0x1cc7930);
    ck_assert_uint_eq(m.wal_end, 0x1cc7998);
    ck_assert_bytes(m.data, "Cxyz");
}
END_TEST

START_TEST(a_keepalive_tells_whether_it_is_a_question)
{
    struct walsender_message m;
    ck_assert_int_eq(walsender_read(BYTES("k"
                                          "\0\0\0\1\x01\xcc\x79\x30"
                                          "\0\3\3\xf8\xdc\x0a\x77\x68"
                                          "\1"),
                                    &m),
                     0);
    ck_assert(!m.is_data && m.question);
    ck_assert_uint_eq(m.wal_end, 0x101cc7930);
    ck_assert_int_eq(walsender_read(BYTES("k"
                                          "\0\0\0\1\x01\xcc\x79\x30"
                                          "\0\3\3\xf8\xdc\x0a\x77\x68"
                                          "\0"),
                                    &m),
                     0);
    ck_assert(!m.question);
}
END_TEST

START_TEST(what_is_cut_or_unknown_is_refused)
{
    struct walsender_message m;
    ck_assert_int_eq(walsender_read(BYTES(""), &m), -EBADMSG);
    ck_assert_int_eq(walsender_read(BYTES("w12345678123456781234567"), &m), -EBADMSG);
    ck_assert_int_eq(walsender_read(BYTES("k1234567812345678"), &m), -EBADMSG);
    ck_assert_int_eq(walsender_read(BYTES("x1234567812345678123456781"), &m), -EBADMSG);
}
END_TEST

START_TEST(a_status_confirms_only_what_is_confirmed)
{
    char m[WALSENDER_STATUS_BYTES];
    walsender_status(m, 0x200, 0x100, 946684800000001);
    ck_assert(bytes_equal(bytes_of(m, sizeof m), BYTES("r"
                                                       "\0\0\0\0\0\0\2\0"
                                                       "\0\0\0\0\0\0\1\0"
                                                       "\0\0\0\0\0\0\1\0"
                                                       "\0\0\0\0\0\0\0\1"
                                                       "\0")));
}
END_TEST

START_TEST(names_are_quoted)
{
    struct buf sql = {0};
    walsender_sql_start(&sql, "s\"x", "a'b\"c");
    ck_assert_str_eq(
        sql.p,
        "START_REPLICATION SLOT \"s\"\"x\" LOGICAL 0/0 (proto_version '1', binary 'true', "
        "publication_names '\"a''b\"\"c\"')");
    buf_clear(&sql);
    walsender_sql_make(&sql, "it's", true);
    ck_assert_ptr_nonnull(strstr(sql.p, "('it''s', 'pgoutput', true)"));
    buf_fini(&sql);
}
END_TEST

START_TEST(an_lsn_is_two_hexadecimal_halves)
{
    ck_assert_uint_eq(walsender_lsn("1/16B3748"), 0x1016b3748);
    ck_assert_uint_eq(walsender_lsn(""), 0);
}
END_TEST

UNIT_MAIN("walsender", data_tells_its_lsn_and_the_bytes_behind_its_head,
          a_keepalive_tells_whether_it_is_a_question, what_is_cut_or_unknown_is_refused,
          a_status_confirms_only_what_is_confirmed, names_are_quoted,
          an_lsn_is_two_hexadecimal_halves)
