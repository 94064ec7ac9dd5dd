#include "wire/proxy_option.h"

#include "unit.h"

START_TEST(a_transform_is_status_word_code_and_text)
{
    struct proxy_transform t;
    ck_assert(proxy_transform_read(BYTES("404 error 1404 not found"), &t));
    ck_assert_uint_eq(t.status, 404);
    ck_assert_int_eq(t.outcome, PROXY_OUTCOME_ERROR);
    ck_assert_uint_eq(t.code, 1404);
    ck_assert_bytes(t.text, "not found");
    ck_assert(proxy_transform_read(BYTES("503 disconnect 4503 later"), &t));
    ck_assert_int_eq(t.outcome, PROXY_OUTCOME_DISCONNECT);
}
END_TEST

START_TEST(what_is_no_transform_is_refused)
{
    static const char *const rows[] = {"", "404", "404 error", "404 error 1", "404 error 1 ", "200 error 1 a", "99 error 1 a",
                                       "600 error 1 a", "404 eror 1 a", "404 error 0 a", "404 error 65536 a", "404 error x a",
                                       "404 disconnect 1000 a", "404 disconnect 5000 a", "404  error 1 a", "404 error 1 a\nb"};
    struct proxy_transform t;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(!proxy_transform_read(bytes_str(rows[i]), &t), "%s", rows[i]);
}
END_TEST

START_TEST(a_header_has_a_name_that_a_request_has_not_of_itself)
{
    ck_assert(proxy_header_is_good(BYTES("Authorization: Bearer x")));
    ck_assert(proxy_header_is_good(BYTES("x-a:")));
    static const char *const lines[] = {"", "x", ": a", "x y: a", "Content-Length: 3", "HOST: a", "x: a\r\nb: c", "x\n: a", "\xfc: a"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        ck_assert_msg(!proxy_header_is_good(bytes_str(lines[i])), "%s", lines[i]);
}
END_TEST

UNIT_MAIN("wire/proxy_option", a_transform_is_status_word_code_and_text, what_is_no_transform_is_refused,
          a_header_has_a_name_that_a_request_has_not_of_itself)
