#include "payload.h"

#include "unit.h"

static struct buf text;

START_TEST(what_is_written_is_as_long_as_asked_and_reads_back)
{
    uint64_t number = 0, stamp = 0;
    size_t size;
    buf_clear(&text);
    payload_append(&text, 17, 1764123456789012, 200);
    ck_assert_uint_eq(text.n, 200);
    ck_assert(payload_read(buf_bytes(&text), &number, &stamp, &size));
    ck_assert_uint_eq(number, 17);
    ck_assert_uint_eq(stamp, 1764123456789012);
    ck_assert_uint_lt(size, text.n);
}
END_TEST

START_TEST(one_too_small_for_its_numbers_is_longer)
{
    buf_clear(&text);
    payload_append(&text, 5, 7, 1);
    ck_assert_bytes(buf_bytes(&text), "{\"n\":5,\"t\":7,\"p\":\"\"}");
}
END_TEST

START_TEST(anything_else_is_refused)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "{\"n\":",
                                      "{\"n\":x,\"t\":1,\"p\":\"",
                                      "{\"n\":1}",
                                      "{\"n\":1,\"t\":,\"p\":\"",
                                      "{\"n\":1,\"t\":2}",
                                      "{\"n\":-1,\"t\":2,\"p\":\""};
    uint64_t number, stamp;
    size_t size;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!payload_read(bytes_str(bad[i]), &number, &stamp, &size), "%s", bad[i]);
}
END_TEST

UNIT_MAIN("bench/payload", what_is_written_is_as_long_as_asked_and_reads_back,
          one_too_small_for_its_numbers_is_longer, anything_else_is_refused)
