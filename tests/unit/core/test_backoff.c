#include "core/backoff.h"

#include "unit.h"

START_TEST(the_first_delay_is_the_least_and_the_rest_stays_in_its_bounds)
{
    struct backoff b;
    backoff_init(&b, 10, 1000);
    ck_assert_uint_eq(backoff_next(&b, UINT64_MAX), 10);
    uint64_t random = 88172645463325252;
    for (uint32_t i = 1; i < 100; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        uint32_t top = i < 7 ? 10u << i : 1000;
        uint32_t delay = backoff_next(&b, random);
        ck_assert_uint_ge(delay, 10);
        ck_assert_uint_le(delay, top < 1000 ? top : 1000);
    }
}
END_TEST

START_TEST(a_reset_begins_again)
{
    struct backoff b;
    backoff_init(&b, 5, 100000);
    for (int i = 0; i < 50; i++)
        backoff_next(&b, (uint64_t)i * 977);
    backoff_reset(&b);
    ck_assert_uint_eq(backoff_next(&b, 12345), 5);
}
END_TEST

START_TEST(equal_bounds_are_a_fixed_delay)
{
    struct backoff b;
    backoff_init(&b, 250, 250);
    for (uint64_t i = 0; i < 100; i++)
        ck_assert_uint_eq(backoff_next(&b, i * 0x9e3779b97f4a7c15), 250);
}
END_TEST

UNIT_MAIN("core/backoff", the_first_delay_is_the_least_and_the_rest_stays_in_its_bounds,
          a_reset_begins_again, equal_bounds_are_a_fixed_delay)
