#include "floor.h"

#include "frame.h"
#include "scan.h"
#include "unit.h"

START_TEST(the_answer_to_an_upgrade_is_that_of_RFC_6455)
{
    struct buf text = {0};
    floor_append_upgrade(&text, BYTES("dGhlIHNhbXBsZSBub25jZQ=="));
    ck_assert_ptr_nonnull(
        strstr(text.p, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"));
    buf_fini(&text);
}
END_TEST

START_TEST(a_message_is_a_frame_that_the_generator_reads)
{
    struct floor_options o = {.channel = "bench-0", .payload = 200};
    struct buf text = {0};
    struct frame f;
    struct delivery d = {0};
    floor_append_message(&text, &o, 41, 1764123456789012);
    struct bytes wire = buf_bytes(&text);
    ck_assert_int_eq(frame_take(&wire, &f), 1);
    ck_assert_int_eq(scan_line(f.payload, &d), LINE_PUBLICATION);
    ck_assert_bytes(d.channel, "bench-0");
    ck_assert_uint_eq(d.number, 41);
    ck_assert_uint_eq(d.offset, 42);
    buf_fini(&text);
}
END_TEST

UNIT_MAIN("bench/floor", the_answer_to_an_upgrade_is_that_of_RFC_6455,
          a_message_is_a_frame_that_the_generator_reads)
