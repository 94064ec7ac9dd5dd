#include "unit.h"

START_TEST(empty_runs_are_equal_whatever_they_point_to)
{
    ck_assert(bytes_equal(bytes_of(NULL, 0), BYTES("")));
    ck_assert(bytes_is(bytes_of(NULL, 0), ""));
    ck_assert(!bytes_equal(BYTES("a"), BYTES("b")));
    ck_assert(!bytes_equal(BYTES("a"), BYTES("ab")));
    ck_assert_uint_eq(bytes_str(NULL).n, 0);
}
END_TEST

START_TEST(a_run_starts_with_itself_and_with_nothing)
{
    ck_assert(bytes_starts(BYTES("abc"), BYTES("abc")));
    ck_assert(bytes_starts(BYTES("abc"), BYTES("")));
    ck_assert(bytes_starts(bytes_of(NULL, 0), bytes_of(NULL, 0)));
    ck_assert(!bytes_starts(BYTES("ab"), BYTES("abc")));
    ck_assert(!bytes_starts(BYTES("abc"), BYTES("b")));
}
END_TEST

START_TEST(what_another_begins_with_comes_before_it)
{
    ck_assert_int_eq(bytes_order(BYTES("a"), BYTES("a")), 0);
    ck_assert_int_lt(bytes_order(BYTES("a"), BYTES("ab")), 0);
    ck_assert_int_gt(bytes_order(BYTES("b"), BYTES("ab")), 0);
    ck_assert_int_gt(bytes_order(BYTES("\xff"), BYTES("a")), 0);
    ck_assert_int_gt(bytes_order(BYTES("a"), bytes_of(NULL, 0)), 0);
}
END_TEST

START_TEST(a_number_is_digits_only_and_fits)
{
    uint64_t v = 7;
    ck_assert(bytes_u64(BYTES("18446744073709551615"), &v) && v == UINT64_MAX);
    ck_assert(bytes_u64(BYTES("0"), &v) && v == 0);
    ck_assert(bytes_u64(BYTES("0042"), &v) && v == 42);
    static const char *const bad[] = {
        "",   "18446744073709551616", "99999999999999999999999", "-1", "+1", " 1", "1 ", "0x1",
        "1.0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!bytes_u64(bytes_str(bad[i]), &v), "\"%s\" is no number", bad[i]);
    ck_assert_uint_eq(v, 42);
}
END_TEST

UNIT_MAIN("core/bytes", what_another_begins_with_comes_before_it, empty_runs_are_equal_whatever_they_point_to,
          a_run_starts_with_itself_and_with_nothing, a_number_is_digits_only_and_fits)
