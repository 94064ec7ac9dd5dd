#include "deflate.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>

static struct deflate *d;
static struct buf message, text;

static void start(void)
{
    d = deflate_new(1);
    buf_clear(&message);
    buf_clear(&text);
}

static void stop(void)
{
    deflate_free(d);
    buf_fini(&message);
    buf_fini(&text);
}

static void ck_comes_out(const char *want)
{
    buf_clear(&text);
    ck_assert_int_eq(deflate_inflate(d, buf_bytes(&message), 1 << 20, &text), 0);
    ck_assert_bytes(buf_bytes(&text), want);
}

START_TEST(pieces_that_know_nothing_of_each_other_make_a_message)
{
    struct buf a = {0}, b = {0};
    start();
    deflate_segment(d, BYTES("one one one one one "), &a);
    deflate_segment(d, BYTES("two two two two two "), &b);
    buf_append_bytes(&message, buf_bytes(&b));
    deflate_stored(BYTES("|"), &message);
    buf_append_bytes(&message, buf_bytes(&a));
    buf_append_bytes(&message, buf_bytes(&a));
    deflate_end(&message, true);
    ck_comes_out("two two two two two |one one one one one one one one one one ");
    buf_fini(&a);
    buf_fini(&b);
    stop();
}
END_TEST

START_TEST(a_message_may_end_in_what_is_stored)
{
    start();
    deflate_segment(d, BYTES("aaaaaaaaaaaaaaaaaa"), &message);
    deflate_stored(BYTES("tail"), &message);
    deflate_end(&message, false);
    ck_comes_out("aaaaaaaaaaaaaaaaaatail");
    buf_clear(&message);
    deflate_end(&message, false);
    ck_comes_out("");
    stop();
}
END_TEST

START_TEST(large_texts_come_out_as_they_went_in)
{
    struct buf big = {0};
    start();
    srand(1);
    for (int i = 0; i < 200000; i++)
        buf_append_char(&big, (char)(i < 100000 ? 'a' + i % 7 : rand()));
    for (int kind = 0; kind < 2; kind++) {
        buf_clear(&message);
        buf_clear(&text);
        if (kind)
            deflate_segment(d, buf_bytes(&big), &message);
        else
            deflate_stored(buf_bytes(&big), &message);
        deflate_end(&message, kind);
        ck_assert_int_eq(deflate_inflate(d, buf_bytes(&message), big.n, &text), 0);
        ck_assert(bytes_equal(buf_bytes(&text), buf_bytes(&big)));
    }
    buf_fini(&big);
    stop();
}
END_TEST

START_TEST(a_message_that_would_become_too_large_is_given_up)
{
    struct buf big = {0};
    start();
    for (int i = 0; i < 10 << 20; i++)
        buf_append_char(&big, 'x');
    deflate_segment(d, buf_bytes(&big), &message);
    deflate_end(&message, true);
    ck_assert_uint_lt(message.n, 64 << 10);
    ck_assert_int_eq(deflate_inflate(d, buf_bytes(&message), 128 << 10, &text), -EMSGSIZE);
    ck_assert_uint_lt(text.n, 200 << 10);
    buf_fini(&big);
    stop();
}
END_TEST

START_TEST(what_is_no_deflate_is_told_and_the_next_message_is_fine)
{
    start();
    ck_assert_int_eq(deflate_inflate(d, BYTES("\xff\xff\xff\xff"), 1000, &text), -EBADMSG);
    ck_assert_int_eq(deflate_inflate(d, BYTES("\x01\x05"), 1000, &text), -EBADMSG);
    buf_clear(&text);
    deflate_segment(d, BYTES("fine"), &message);
    deflate_end(&message, true);
    ck_comes_out("fine");
    stop();
}
END_TEST

UNIT_MAIN("deflate", pieces_that_know_nothing_of_each_other_make_a_message, a_message_may_end_in_what_is_stored,
          large_texts_come_out_as_they_went_in, a_message_that_would_become_too_large_is_given_up,
          what_is_no_deflate_is_told_and_the_next_message_is_fine)
