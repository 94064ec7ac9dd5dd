#include "decimal.h"

#include "unit.h"

static int order(const char *a, const char *b)
{
    struct decimal x, y;
    ck_assert_msg(decimal_read(bytes_str(a), &x), "%s", a);
    ck_assert_msg(decimal_read(bytes_str(b), &y), "%s", b);
    int one = decimal_compare(&x, &y), other = decimal_compare(&y, &x);
    ck_assert_int_eq((one > 0) - (one < 0), (other < 0) - (other > 0));
    return one;
}

START_TEST(numbers_are_compared_by_value)
{
    static const char *const ascending[] = {
        "-123456789012345678901234567890.1", "-123456789012345678901234567890", "-100", "-20", "-3.5", "-3.45", "-0.1",
        "0", "0.0000000000000000000000000001", "0.1", "1", "1.01", "1.1", "2", "10", "99.99", "100", "123456789012345678901234567890"};
    for (size_t i = 0; i + 1 < sizeof ascending / sizeof *ascending; i++)
        ck_assert_msg(order(ascending[i], ascending[i + 1]) < 0, "%s %s", ascending[i], ascending[i + 1]);
}
END_TEST

START_TEST(zeros_around_a_number_mean_nothing)
{
    ck_assert_int_eq(order("007", "7"), 0);
    ck_assert_int_eq(order("7.500", "7.5"), 0);
    ck_assert_int_eq(order("7.0", "+7"), 0);
    ck_assert_int_eq(order("-0", "0.00"), 0);
    ck_assert_int_eq(order("-1.50", "-01.5"), 0);
}
END_TEST

START_TEST(what_is_no_number_is_told)
{
    static const char *const bad[] = {"", "-", "+", ".", ".5", "5.", "1e3", "1,000", " 1", "1 ", "0x1", "--1", "1.2.3", "NaN", "１"};
    struct decimal d;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!decimal_read(bytes_str(bad[i]), &d), "%s", bad[i]);
}
END_TEST

UNIT_MAIN("decimal", numbers_are_compared_by_value, zeros_around_a_number_mean_nothing, what_is_no_number_is_told)
