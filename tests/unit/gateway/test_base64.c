#include "base64.h"

#include "unit.h"

#include <errno.h>

/* RFC 4648, 10, and our own */
static const struct {
    const char *data, *text;
} pairs[] = {{"", ""},
             {"f", "Zg=="},
             {"fo", "Zm8="},
             {"foo", "Zm9v"},
             {"foob", "Zm9vYg=="},
             {"fooba", "Zm9vYmE="},
             {"foobar", "Zm9vYmFy"},
             {"\xfb\xff\xbf", "+/+/"}};

START_TEST(what_was_encoded_comes_back)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buf text = {0}, data = {0};
        base64_encode(bytes_str(pairs[i].data), &text);
        ck_assert_bytes(buf_bytes(&text), pairs[i].text);
        ck_assert_int_eq(base64_decode(buf_bytes(&text), &data), 0);
        ck_assert_bytes(buf_bytes(&data), pairs[i].data);
        buf_fini(&text);
        buf_fini(&data);
    }
}
END_TEST

START_TEST(only_the_one_right_spelling_is_taken)
{
    static const char *const bad[] = {
        "Z",        "Zg",   "Zg=",  "Zg===", "=",      "==",       "====", "Zm9",     "Z=g=",
        "Zg==Zg==", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Zm9v====", "-_-_", "Zm9vÿ==="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf data = {0};
        buf_append_str(&data, "kept");
        ck_assert_msg(base64_decode(bytes_str(bad[i]), &data) == -EBADMSG, "%s", bad[i]);
        ck_assert_bytes(buf_bytes(&data), "kept");
        buf_fini(&data);
    }
}
END_TEST

START_TEST(the_url_alphabet_has_no_padding)
{
    static const char *const bad[] = {"Zg==", "Zm8=", "+/+/", "Z", "Zh"};
    struct buf data = {0};
    ck_assert_int_eq(base64url_decode(BYTES("-_-_"), &data), 0);
    ck_assert_bytes(buf_bytes(&data), "\xfb\xff\xbf");
    buf_clear(&data);
    ck_assert_int_eq(base64url_decode(BYTES("Zg"), &data), 0);
    ck_assert_bytes(buf_bytes(&data), "f");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(base64url_decode(bytes_str(bad[i]), &data) == -EBADMSG, "%s", bad[i]);
    buf_fini(&data);
}
END_TEST

UNIT_MAIN("gateway/base64", what_was_encoded_comes_back, only_the_one_right_spelling_is_taken,
          the_url_alphabet_has_no_padding)
