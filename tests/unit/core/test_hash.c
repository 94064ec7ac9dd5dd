#include "core/hash.h"

#include "unit.h"

START_TEST(equal_bytes_hash_equally_wherever_they_lie)
{
    char room[64] = {0};
    for (size_t n = 0; n <= 24; n++) {
        for (size_t at = 0; at < 8; at++) {
            memset(room, 0x55, sizeof room);
            memcpy(room + at, "abcdefghijklmnopqrstuvwxyz", n);
            ck_assert_uint_eq(hash_bytes(bytes_of(room + at, n)),
                              hash_bytes(bytes_of("abcdefghijklmnopqrstuvwxyz", n)));
        }
    }
}
END_TEST

START_TEST(each_byte_and_the_length_count)
{
    char text[] = "0123456789abcdef";
    uint64_t whole = hash_bytes(bytes_of(text, 16));
    for (size_t i = 0; i < 16; i++) {
        text[i] ^= 1;
        ck_assert_uint_ne(hash_bytes(bytes_of(text, 16)), whole);
        text[i] ^= 1;
        ck_assert_uint_ne(hash_bytes(bytes_of(text, i)), whole);
    }
    ck_assert_uint_ne(hash_bytes(bytes_of("\0", 1)), hash_bytes(bytes_of("\0\0", 2)));
}
END_TEST

START_TEST(numbers_in_a_row_spread_over_all_buckets)
{
    unsigned buckets[256] = {0};
    for (uint64_t i = 0; i < 256 * 64; i++)
        buckets[hash_u64(i) & 255]++;
    for (size_t i = 0; i < 256; i++)
        ck_assert_msg(buckets[i] > 24 && buckets[i] < 128, "bucket %zu holds %u of 64", i,
                      buckets[i]);
}
END_TEST

START_TEST(with_a_seed_it_is_the_same_in_every_process)
{
    ck_assert_uint_eq(hash_seeded(BYTES("ann"), 7), UINT64_C(6791183028555668810));
    ck_assert_uint_ne(hash_seeded(BYTES("ann"), 7), hash_seeded(BYTES("bob"), 7));
    ck_assert_uint_ne(hash_seeded(BYTES("ann"), 7), hash_seeded(BYTES("ann"), 8));
}
END_TEST

UNIT_MAIN("core/hash", equal_bytes_hash_equally_wherever_they_lie, with_a_seed_it_is_the_same_in_every_process,
          each_byte_and_the_length_count, numbers_in_a_row_spread_over_all_buckets)
