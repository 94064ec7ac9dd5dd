#include "wire/codec.h"

#include "unit.h"

START_TEST(integers_are_little_endian_and_fixed)
{
    struct buf b = {0};
    wire_put_u8(&b, 0xfe);
    wire_put_u32(&b, 0x01020304);
    wire_put_u64(&b, 0x0102030405060708);
    ck_assert_uint_eq(b.n, 13);
    ck_assert_int_eq(memcmp(b.p, "\xfe\4\3\2\1\10\7\6\5\4\3\2\1", 13), 0);
    buf_fini(&b);
}
END_TEST

START_TEST(values_come_off_the_front_one_by_one)
{
    struct buf b = {0};
    uint8_t small;
    uint32_t middle;
    uint64_t big;
    struct bytes text;
    wire_put_str(&b, BYTES("text"));
    wire_put_u8(&b, 1);
    wire_put_u32(&b, UINT32_MAX);
    wire_put_u64(&b, UINT64_MAX);
    wire_put_str(&b, bytes_of(NULL, 0));
    struct bytes in = buf_bytes(&b);
    ck_assert(wire_get_str(&in, &text) && bytes_is(text, "text"));
    ck_assert_ptr_eq(text.p, b.p + 4); /* borrowed, not copied */
    ck_assert(wire_get_u8(&in, &small) && small == 1);
    ck_assert(wire_get_u32(&in, &middle) && middle == UINT32_MAX);
    ck_assert(wire_get_u64(&in, &big) && big == UINT64_MAX);
    ck_assert(wire_get_str(&in, &text) && text.n == 0);
    ck_assert_uint_eq(in.n, 0);
    ck_assert(!wire_get_u8(&in, &small));
    buf_fini(&b);
}
END_TEST

START_TEST(a_length_that_lies_takes_nothing)
{
    struct bytes text = BYTES("untouched"), in = bytes_of("\xff\xff\xff\xff"
                                                          "abc",
                                                          7);
    ck_assert(!wire_get_str(&in, &text));
    ck_assert_uint_eq(in.n, 7);
    ck_assert_bytes(text, "untouched");
    in = bytes_of("\4\0\0\0abc", 7);
    ck_assert(!wire_get_str(&in, &text));
    in = bytes_of("\0\0\0", 3);
    ck_assert(!wire_get_str(&in, &text));
}
END_TEST

UNIT_MAIN("wire/codec", integers_are_little_endian_and_fixed,
          values_come_off_the_front_one_by_one, a_length_that_lies_takes_nothing)
