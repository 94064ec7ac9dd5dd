#include "core/fossil.h"

#include "core/json.h"
#include "fossil_apply.h"
#include "unit.h"

#include <stdlib.h>

static struct buf delta, made;

static void ck_makes(struct bytes base, struct bytes target, enum fossil_cut cut)
{
    buf_clear(&delta);
    buf_clear(&made);
    fossil_encode(&delta, base, target, cut);
    ck_assert_msg(fossil_apply(&made, base, buf_bytes(&delta)), "no delta: %.*s", BYTES_FMT(buf_bytes(&delta)));
    ck_assert_uint_eq(made.n, target.n);
    ck_assert(target.n == 0 || memcmp(made.p, target.p, target.n) == 0);
}

static void ck_delta(const char *base, const char *target, const char *want)
{
    ck_makes(bytes_str(base), bytes_str(target), FOSSIL_BYTES);
    ck_assert_bytes(buf_bytes(&delta), want);
}

START_TEST(a_delta_is_written_as_the_format_says)
{
    ck_delta("", "", "0\n0;");
    ck_delta("", "abcd", "4\n4:abcd1XObD_;");
    ck_delta("0123456789abcdef", "0123456789abcdef", "G\nG@0,12xn;");
    ck_delta("{\"n\":1,\"text\":\"the quick brown fox\"}", "{\"n\":22,\"text\":\"the quick brown fox\"}",
             "a\n7:{\"n\":22U@6,3kp5SV;");
}
END_TEST

/* A document of `n` bytes and more, as an application would publish it. */
static struct bytes document(struct buf *b, size_t n, int counter)
{
    buf_clear(b);
    buf_append_str(b, "{\"items\":[");
    for (int i = 0; b->n < n; i++)
        buf_printf(b, "%s{\"id\":%d,\"name\":\"item number %d\",\"price\":%d}", i ? "," : "", i, i * 7, i == 17 ? counter : i * i);
    buf_append_str(b, "]}");
    return buf_bytes(b);
}

START_TEST(a_number_that_changed_in_a_document_costs_a_few_bytes)
{
    struct buf a = {0}, b = {0};
    for (int counter = 1; counter < 100000000; counter *= 10) {
        ck_makes(document(&a, 2048, 99), document(&b, 2048, counter), FOSSIL_POINTS);
        ck_assert_uint_lt(delta.n, 40);
    }
    buf_fini(&a);
    buf_fini(&b);
}
END_TEST

START_TEST(what_was_put_in_taken_out_or_moved_is_found)
{
    struct buf a = {0}, b = {0};
    struct bytes whole = document(&a, 60000, 1), part = bytes_of(whole.p + 20000, 3000);
    buf_append(&b, whole.p, 10000);
    buf_append_bytes(&b, part);
    buf_append_str(&b, "something that has never been there before");
    buf_append(&b, whole.p + 10000, 5000);
    buf_append(&b, whole.p + 30000, whole.n - 30000);
    ck_makes(whole, buf_bytes(&b), FOSSIL_POINTS);
    ck_assert_uint_lt(delta.n, 200);
    ck_makes(buf_bytes(&b), whole, FOSSIL_POINTS);
    ck_assert_uint_lt(delta.n, 16000); /* what was taken out has to be told */
    buf_fini(&a);
    buf_fini(&b);
}
END_TEST

START_TEST(a_cut_never_parts_the_bytes_of_a_code_point)
{
    /* the same first and last bytes in other code points: é è, 中 丮, 😀 😁 */
    static const char *const texts[] = {
        "0123456789abcdé0123456789abcdef", "0123456789abcdè0123456789abcdef", "0123456789abcd中0123456789abcdef",
        "0123456789abcd丮0123456789abcdef", "😀😀😀😀😀😀😀😀", "😀😀😀😀😀😁😀😀😀😀", "😁😁😁😁",
        "中中中中中中中中中中中中中", "中中中中中丮中中中中中中中中中",
    };
    size_t n = sizeof texts / sizeof *texts;
    for (size_t i = 0; i < n * n; i++) {
        struct bytes base = bytes_str(texts[i / n]), target = bytes_str(texts[i % n]);
        struct buf quoted = {0};
        ck_makes(base, target, FOSSIL_BYTES);
        ck_makes(base, target, FOSSIL_POINTS);
        json_append_string(&quoted, buf_bytes(&delta)); /* puts U+FFFD for what is not UTF-8 */
        buf_clear(&made);
        ck_assert_int_eq(json_string(buf_bytes(&quoted), &made), 0);
        ck_assert_bytes(buf_bytes(&made), delta.p);
        buf_fini(&quoted);
    }
}
END_TEST

START_TEST(bytes_may_be_cut_anywhere)
{
    ck_makes(bytes_str("0123456789abcdé0123456789abcdef"), bytes_str("0123456789abcdè0123456789abcdef"), FOSSIL_BYTES);
    ck_assert_bytes(buf_bytes(&delta), "W\nF@0,1:\xa8G@G,2Bnb;");
}
END_TEST

/* One edit: some bytes are put in, taken out, or copied from elsewhere. */
static void edit(struct buf *b)
{
    size_t at = (size_t)rand() % (b->n + 1), n = (size_t)rand() % 40, from = (size_t)rand() % (b->n + 1);
    struct buf made_of = {0};
    n = n < b->n - at ? n : b->n - at;
    buf_append(&made_of, b->p, at);
    switch (rand() % 3) {
    case 0:
        for (size_t i = 0; i < n; i++)
            buf_append_char(&made_of, (char)rand());
        break;
    case 1:
        buf_append(&made_of, b->p + from, n < b->n - from ? n : b->n - from);
        break;
    }
    buf_append(&made_of, b->p + at + (rand() % 2 ? n : 0), b->n - at - n);
    buf_fini(b);
    *b = made_of;
}

START_TEST(whatever_was_edited_the_target_is_made)
{
    srand(1);
    for (int round = 0; round < 3000; round++) {
        struct buf base = {0}, target = {0};
        for (int i = rand() % 2000, few = rand() % 250 + 1; i > 0; i--)
            buf_append_char(&base, (char)(rand() % few)); /* with few letters everything looks alike */
        buf_append(&target, base.p, base.n);
        for (int i = rand() % 8; i > 0; i--)
            edit(&target);
        ck_makes(buf_bytes(&base), buf_bytes(&target), FOSSIL_BYTES);
        ck_assert_uint_le(delta.n, target.n + 24);
        buf_fini(&base);
        buf_fini(&target);
    }
}
END_TEST

START_TEST(large_ones_that_are_all_alike_take_no_time_to_speak_of)
{
    struct buf a = {0}, b = {0};
    for (int i = 0; i < 65536; i++) {
        buf_append_char(&a, 'x');
        buf_append_char(&b, i % 12 == 11 ? 'y' : 'x'); /* no run is worth a copy */
    }
    ck_makes(buf_bytes(&a), buf_bytes(&b), FOSSIL_POINTS);
    ck_makes(buf_bytes(&b), buf_bytes(&a), FOSSIL_POINTS);
    buf_fini(&a);
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("fossil", a_delta_is_written_as_the_format_says, a_number_that_changed_in_a_document_costs_a_few_bytes,
          what_was_put_in_taken_out_or_moved_is_found, a_cut_never_parts_the_bytes_of_a_code_point, bytes_may_be_cut_anywhere,
          whatever_was_edited_the_target_is_made, large_ones_that_are_all_alike_take_no_time_to_speak_of)
