#include "wire/id.h"

#include "unit.h"

#define NOW (ID_EPOCH_MS + 80000000000ULL)

START_TEST(an_id_holds_its_millisecond_and_its_shard)
{
    uint64_t id = id_next(NOW, 37, 0, 0);
    ck_assert_uint_eq(id_ms(id), NOW);
    ck_assert_uint_eq(id_shard(id), 37);
    ck_assert_uint_eq(id, (80000000000ULL << 21) | 37 << 15);
}
END_TEST

START_TEST(ids_of_a_shard_ascend_whatever_the_clock_does)
{
    uint64_t last = 0, now = NOW;
    unsigned wrong = 0;
    for (int i = 0; i < 200000; i++) {
        now += i % 7 == 0 ? 1 : 0;
        if (i == 100000)
            now -= 3600000;
        uint64_t id = id_next(now, 5, last, 0);
        wrong += id <= last || id_shard(id) != 5;
        last = id;
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(an_overflow_of_the_counter_goes_into_the_milliseconds_never_into_the_shard)
{
    uint64_t last = id_next(NOW, 5, 0, 0);
    for (int i = 0; i < 1 << ID_COUNTER_BITS; i++)
        last = id_next(NOW, 5, last, 0);
    ck_assert_uint_eq(id_ms(last), NOW + 1);
    ck_assert_uint_eq(id_shard(last), 5);
    ck_assert_uint_eq(last & ((1 << ID_COUNTER_BITS) - 1), 0);
    last = id_next(NOW, 63, id_floor(NOW) | 63ULL << 15 | 32767, 0);
    ck_assert_uint_eq(id_ms(last), NOW + 1);
    ck_assert_uint_eq(id_shard(last), 63);
}
END_TEST

START_TEST(an_id_is_the_smallest_above_what_its_publisher_was_shown)
{
    uint64_t shown = id_floor(NOW + 500) | 40ULL << 15 | 123;
    uint64_t above = id_next(NOW, 41, 0, shown), below = id_next(NOW, 39, 0, shown),
             same = id_next(NOW, 40, 0, shown);
    ck_assert_uint_eq(above, id_floor(NOW + 500) | 41ULL << 15);
    ck_assert_uint_eq(below, id_floor(NOW + 501) | 39ULL << 15);
    ck_assert_uint_eq(same, shown + 1);
}
END_TEST

START_TEST(of_two_floors_the_higher_one_counts)
{
    uint64_t last = id_floor(NOW + 10) | 3ULL << 15 | 9,
             shown = id_floor(NOW + 2) | 60ULL << 15;
    ck_assert_uint_eq(id_next(NOW, 3, last, shown), last + 1);
    ck_assert_uint_eq(id_next(NOW, 3, 0, shown), id_floor(NOW + 3) | 3ULL << 15);
    ck_assert_uint_eq(id_next(NOW + 20, 3, last, shown), id_floor(NOW + 20) | 3ULL << 15);
}
END_TEST

START_TEST(a_floor_parts_the_ids_of_two_milliseconds)
{
    ck_assert_uint_eq(id_floor(0), 0);
    ck_assert_uint_eq(id_floor(ID_EPOCH_MS), 0);
    ck_assert_uint_le(id_floor(NOW), id_next(NOW, 0, 0, 0));
    ck_assert_uint_gt(id_floor(NOW + 1), id_floor(NOW) | 63ULL << 15 | 32767);
    ck_assert_uint_eq(id_ms(id_floor(NOW)), NOW);
}
END_TEST

UNIT_MAIN("wire/id", an_id_holds_its_millisecond_and_its_shard,
          ids_of_a_shard_ascend_whatever_the_clock_does,
          an_overflow_of_the_counter_goes_into_the_milliseconds_never_into_the_shard,
          an_id_is_the_smallest_above_what_its_publisher_was_shown,
          of_two_floors_the_higher_one_counts, a_floor_parts_the_ids_of_two_milliseconds)
