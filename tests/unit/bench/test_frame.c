#include "frame.h"

#include "unit.h"

#include <errno.h>

static struct buf wire;

static void frame_of(size_t size)
{
    char *p = malloc(size + 1);
    memset(p, 'a', size);
    buf_clear(&wire);
    frame_append(&wire, FRAME_TEXT, bytes_of(p, size));
    free(p);
}

START_TEST(a_frame_of_each_length_form_is_taken_whole_or_not_at_all)
{
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct frame f;
        frame_of(sizes[i]);
        for (size_t cut = 0; cut < wire.n && cut < 20; cut++) {
            struct bytes part = bytes_of(wire.p, cut);
            ck_assert_int_eq(frame_take(&part, &f), 0);
            ck_assert_uint_eq(part.n, cut);
        }
        struct bytes all = buf_bytes(&wire);
        ck_assert_int_eq(frame_take(&all, &f), 1);
        ck_assert_uint_eq(f.payload.n, sizes[i]);
        ck_assert_uint_eq(all.n, 0);
    }
}
END_TEST

START_TEST(several_frames_are_taken_one_after_the_other)
{
    struct frame f;
    buf_clear(&wire);
    frame_append(&wire, FRAME_TEXT, BYTES("one"));
    frame_append(&wire, FRAME_PING, BYTES("two"));
    struct bytes text = buf_bytes(&wire);
    ck_assert_int_eq(frame_take(&text, &f), 1);
    ck_assert_bytes(f.payload, "one");
    ck_assert_int_eq(frame_take(&text, &f), 1);
    ck_assert_int_eq(f.opcode, FRAME_PING);
    ck_assert_bytes(f.payload, "two");
    ck_assert_int_eq(frame_take(&text, &f), 0);
}
END_TEST

START_TEST(a_fragment_a_masked_frame_and_reserved_bits_are_refused)
{
    static const struct bytes bad[] = {BYTES("\x01\x01x"), BYTES("\x80\x01x"),
                                       BYTES("\x81\x81xxxxx"), BYTES("\xc1\x01x")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct frame f;
        struct bytes text = bad[i];
        ck_assert_int_eq(frame_take(&text, &f), -EBADMSG);
    }
}
END_TEST

START_TEST(a_masked_frame_says_so_and_its_mask_changes_nothing)
{
    buf_clear(&wire);
    frame_append_masked(&wire, FRAME_TEXT, BYTES("{}"));
    ck_assert_int_eq(memcmp(wire.p, "\x81\x82\0\0\0\0{}", wire.n), 0);
    ck_assert_uint_eq(wire.n, 8);
}
END_TEST

START_TEST(a_close_frame_has_a_code_or_1005)
{
    ck_assert_uint_eq(frame_close_code(BYTES("\x0b\xc0stale")), 3008);
    ck_assert_uint_eq(frame_close_code(bytes_of(NULL, 0)), 1005);
}
END_TEST

UNIT_MAIN("bench/frame", a_frame_of_each_length_form_is_taken_whole_or_not_at_all,
          several_frames_are_taken_one_after_the_other,
          a_fragment_a_masked_frame_and_reserved_bits_are_refused,
          a_masked_frame_says_so_and_its_mask_changes_nothing, a_close_frame_has_a_code_or_1005)
