#include "chunked.h"

#include "core/buf.h"
#include "unit.h"

#define AT_ONCE ((size_t)-1)

/* Taken in pieces of `step` bytes. -> its end; body: what stands in it; ret_left: bytes behind its end, of the last piece */
static enum chunked_state take(struct bytes coded, size_t step, struct buf *body, size_t *ret_left)
{
    struct chunked c = {0};
    struct bytes piece = {0};
    for (size_t at = 0; at < coded.n && c.state < CHUNKED_COMPLETE; at += piece.n) {
        piece = bytes_of(coded.p + at, coded.n - at < step ? coded.n - at : step);
        struct bytes rest = piece;
        while (rest.n && c.state < CHUNKED_COMPLETE)
            buf_append_bytes(body, chunked_take(&c, &rest));
        *ret_left = rest.n;
    }
    return c.state;
}

static void is_taken(const char *coded, const char *expected)
{
    for (size_t step = 1; step <= strlen(coded); step++) {
        struct buf body = {0};
        size_t left = 0;
        ck_assert_msg(take(bytes_str(coded), step, &body, &left) == CHUNKED_COMPLETE, "%s by %zu", coded, step);
        ck_assert_bytes(buf_bytes(&body), expected);
        ck_assert_uint_eq(left, 0);
        buf_fini(&body);
    }
}

START_TEST(chunks_are_put_together_however_they_come)
{
    is_taken("0\r\n\r\n", "");
    is_taken("5\r\nhello\r\n0\r\n\r\n", "hello");
    is_taken("5\r\nhello\r\n1\r\n \r\n005\r\nworld\r\n000\r\n\r\n", "hello world");
    is_taken("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789");
    is_taken("2\r\n\r\n\r\n3\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n");
}
END_TEST

START_TEST(extensions_and_trailers_are_passed_over)
{
    is_taken("2;name=value;other=\"a;b\"\r\nok\r\n0;last\r\n\r\n", "ok");
    is_taken("2 ; a\r\nok\r\n0\r\nExpires: never\r\nX: y\r\n\r\n", "ok");
}
END_TEST

START_TEST(what_stands_behind_the_end_is_left)
{
    struct buf body = {0};
    size_t left = 0;
    ck_assert_int_eq(take(BYTES("2\r\nok\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), AT_ONCE, &body, &left), CHUNKED_COMPLETE);
    ck_assert_uint_eq(left, strlen("GET / HTTP/1.1\r\n"));
    buf_fini(&body);
}
END_TEST

START_TEST(anything_else_is_broken)
{
    static const char *const broken[] = {"\r\n", "x\r\n", "-1\r\n", "+1\r\n", "0x1\r\na\r\n", ";a\r\n", " 1\r\na", "1\na\r\n", "1\r\rx", "1\r\nab", "1\r\na\n",
                                         "1\r\na\rb", "0\r\n\n", "0\r\n\r\r", "0\r\nX: y\n\r\n", "1;a\nb", "1000000000000000\r\n", "0000000000000000\r\n\r\n"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct buf body = {0};
        size_t left;
        ck_assert_msg(take(bytes_str(broken[i]), AT_ONCE, &body, &left) == CHUNKED_BROKEN, "%s", broken[i]);
        buf_fini(&body);
    }
}
END_TEST

START_TEST(lines_and_trailers_have_an_end)
{
    static const char *const heads[] = {"1;", "0\r\n", "0\r\nX: y\r\n"};
    static const size_t most[] = {CHUNKED_LINE_MAX, CHUNKED_TRAILERS_MAX, CHUNKED_TRAILERS_MAX};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct buf coded = {0}, body = {0};
        size_t left;
        buf_append_str(&coded, heads[i]);
        while (coded.n < most[i])
            buf_append_char(&coded, 'a');
        ck_assert_int_lt(take(buf_bytes(&coded), AT_ONCE, &body, &left), CHUNKED_COMPLETE);
        buf_append_str(&coded, "aaaaa");
        ck_assert_int_eq(take(buf_bytes(&coded), AT_ONCE, &body, &left), CHUNKED_BROKEN);
        buf_fini(&coded);
        buf_fini(&body);
    }
}
END_TEST

UNIT_MAIN("chunked", chunks_are_put_together_however_they_come, extensions_and_trailers_are_passed_over, what_stands_behind_the_end_is_left, anything_else_is_broken,
          lines_and_trailers_have_an_end)
