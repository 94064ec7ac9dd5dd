#include "run/option_value.h"

#include "unit.h"

#include <errno.h>

static int64_t v;

START_TEST(sizes_take_powers_of_1024)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"0", 0}, {"16384", 16384}, {"16k", 16384}, {"4M", 4 << 20}, {"1G", 1 << 30}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_int_eq(option_parse_size(bytes_str(good[i].text), &v), 0);
        ck_assert_int_eq(v, good[i].bytes);
    }
    static const char *const bad[] = {"",     "k",    "1K", "1kb", "1 k",
                                      "1.5M", "0x10", "4m", "four"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(option_parse_size(bytes_str(bad[i]), &v) == -EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(durations_are_milliseconds_whatever_their_unit)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"250", 250},     {"500ms", 500},    {"4s", 4000},  {"10m", 600000},
                {"7h", 25200000}, {"7d", 604800000}, {"-1s", -1000}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_int_eq(option_parse_duration(bytes_str(good[i].text), &v), 0);
        ck_assert_int_eq(v, good[i].ms);
    }
    static const char *const bad[] = {"", "s", "4 s", "1.5s", "4S", "1w", "--4s", "4s4s"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(option_parse_duration(bytes_str(bad[i]), &v) == -EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(what_does_not_fit_is_told_from_what_is_no_number)
{
    ck_assert_int_eq(option_parse_int(BYTES("9223372036854775807"), &v), 0);
    ck_assert_int_eq(option_parse_int(BYTES("9223372036854775808"), &v), -ERANGE);
    ck_assert_int_eq(option_parse_size(BYTES("9223372036854775807G"), &v), -ERANGE);
    ck_assert_int_eq(option_parse_duration(BYTES("106751991168d"), &v), -ERANGE);
    ck_assert_int_eq(option_parse_int(BYTES("-"), &v), -EINVAL);
    ck_assert_int_eq(option_parse_int(bytes_of(NULL, 0), &v), -EINVAL);
    ck_assert_int_eq(v, 9223372036854775807);
}
END_TEST

START_TEST(switches_have_eight_words)
{
    bool b = false;
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(option_parse_bool(bytes_str(words[i]), &b), 0);
        ck_assert_int_eq(b, i % 2 == 0);
    }
    ck_assert_int_eq(option_parse_bool(BYTES("TRUE"), &b), -EINVAL);
    ck_assert_int_eq(option_parse_bool(BYTES(""), &b), -EINVAL);
}
END_TEST

START_TEST(what_is_printed_reads_back_as_the_same_number)
{
    static const int64_t numbers[] = {0,     1,       999,      1000,    1024,      1536, 60000,
                                      90000, 3600000, 86400000, 1 << 20, 7LL << 30, -5000};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct buf b;
        buf_init(&b);
        option_append_duration(numbers[i], &b);
        ck_assert_int_eq(option_parse_duration(buf_bytes(&b), &v), 0);
        ck_assert_int_eq(v, numbers[i]);
        buf_clear(&b);
        option_append_size(numbers[i], &b);
        ck_assert_int_eq(option_parse_size(buf_bytes(&b), &v), 0);
        ck_assert_int_eq(v, numbers[i]);
        buf_fini(&b);
    }
}
END_TEST

START_TEST(the_largest_unit_that_is_exact_is_printed)
{
    struct buf b;
    buf_init(&b);
    option_append_duration(90000, &b);
    buf_append_char(&b, ' ');
    option_append_duration(600000, &b);
    buf_append_char(&b, ' ');
    option_append_duration(250, &b);
    buf_append_char(&b, ' ');
    option_append_size(65536, &b);
    buf_append_char(&b, ' ');
    option_append_size(1500, &b);
    ck_assert_str_eq(b.p, "90s 10m 250ms 64k 1500");
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("run/option_value", sizes_take_powers_of_1024,
          durations_are_milliseconds_whatever_their_unit,
          what_does_not_fit_is_told_from_what_is_no_number, switches_have_eight_words,
          what_is_printed_reads_back_as_the_same_number,
          the_largest_unit_that_is_exact_is_printed)
