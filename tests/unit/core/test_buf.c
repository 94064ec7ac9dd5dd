#include "core/buf.h"

#include "unit.h"

#include <stdio.h>

START_TEST(a_buffer_ends_in_a_nul_after_every_call)
{
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < 1000; i++) {
        buf_append_char(&b, 'x');
        ck_assert_int_eq(b.p[b.n], 0);
    }
    buf_consume(&b, 999);
    ck_assert_str_eq(b.p, "x");
    buf_clear(&b);
    ck_assert_str_eq(b.p, "");
    buf_fini(&b);
    ck_assert_ptr_null(b.p);
}
END_TEST

START_TEST(numbers_are_appended_in_decimal)
{
    struct buf b;
    buf_init(&b);
    buf_append_u64(&b, 0);
    buf_append_char(&b, ' ');
    buf_append_u64(&b, UINT64_MAX);
    ck_assert_str_eq(b.p, "0 18446744073709551615");
    buf_fini(&b);
}
END_TEST

START_TEST(formatted_text_of_any_length_arrives_whole)
{
    for (int length = 0; length < 300; length++) {
        struct buf b;
        char want[512];
        buf_init(&b);
        snprintf(want, sizeof want, "<%0*d>", length, 7);
        buf_append_str(&b, "");
        buf_printf(&b, "<%0*d>", length, 7);
        ck_assert_str_eq(b.p, want);
        ck_assert_uint_eq(b.n, strlen(want));
        buf_fini(&b);
    }
}
END_TEST

START_TEST(nothing_appended_is_nothing_and_allowed)
{
    struct buf b;
    buf_init(&b);
    buf_append(&b, NULL, 0);
    buf_append_bytes(&b, bytes_of(NULL, 0));
    buf_consume(&b, 0);
    ck_assert_uint_eq(buf_bytes(&b).n, 0);
    buf_fini(&b);
    buf_fini(&b);
}
END_TEST

START_TEST(a_taken_buffer_is_the_callers_and_leaves_an_empty_one)
{
    struct buf b;
    buf_init(&b);
    char *none = buf_take(&b);
    ck_assert_str_eq(none, "");
    free(none);
    buf_append_str(&b, "mine");
    char *p = buf_take(&b);
    ck_assert_str_eq(p, "mine");
    ck_assert_ptr_null(b.p);
    free(p);
}
END_TEST

START_TEST(a_reserved_run_does_not_move)
{
    struct buf b;
    buf_init(&b);
    buf_reserve(&b, 10000);
    const char *p = b.p;
    for (int i = 0; i < 10000; i++)
        buf_append_char(&b, 'x');
    ck_assert_ptr_eq(b.p, p);
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("core/buf", a_buffer_ends_in_a_nul_after_every_call, numbers_are_appended_in_decimal,
          formatted_text_of_any_length_arrives_whole, nothing_appended_is_nothing_and_allowed,
          a_taken_buffer_is_the_callers_and_leaves_an_empty_one, a_reserved_run_does_not_move)
