#include "core/bucket.h"

#include "unit.h"

static int64_t now;

/* -> how many of that cost are taken in so many ms by one who tries each ms */
static int take(struct bucket *b, double rate, double cost, int64_t ms)
{
    int taken = 0;
    for (int64_t i = 0; i < ms; i++, now += NS_PER_MS)
        for (; bucket_has(b, rate, 0, now); taken++)
            b->left -= cost;
    return taken;
}

START_TEST(over_any_time_it_gives_its_rate_and_one_burst)
{
    struct bucket b = {0};
    now = 5000 * NS_PER_S;
    ck_assert_int_eq(take(&b, 100, 1, 1), 100);
    int taken = take(&b, 100, 1, 3000);
    ck_assert_int_ge(taken, 299);
    ck_assert_int_le(taken, 301);
    now += 3600 * NS_PER_S; /* what was not used for long is a second's worth */
    ck_assert_int_eq(take(&b, 100, 1, 1), 100);
}
END_TEST

START_TEST(one_that_costs_more_than_there_ever_is_passes_and_is_paid_for)
{
    struct bucket b = {0};
    now = NS_PER_S;
    ck_assert_int_eq(take(&b, 10, 65, 1), 1);
    int64_t wait = bucket_wait(&b, 10, now);
    ck_assert_int_ge(wait, 5400 * NS_PER_MS);
    ck_assert_int_le(wait, 5600 * NS_PER_MS);
    ck_assert_int_eq(take(&b, 10, 65, 5000), 0);
    ck_assert_int_eq(take(&b, 10, 65, 1000), 1);
}
END_TEST

START_TEST(less_than_one_a_turn_adds_up)
{
    struct bucket b = {0};
    now = NS_PER_S;
    take(&b, 1, 1, 1);
    for (int i = 0; i < 1000000; i++)
        bucket_has(&b, 1, 0, now += 2000);
    ck_assert_int_eq(take(&b, 1, 1, 1), 1); /* two seconds went by: it holds one's worth */
}
END_TEST

START_TEST(without_a_rate_there_is_no_limit)
{
    struct bucket b = {.left = -1000};
    ck_assert(bucket_has(&b, 0, 0, NS_PER_S));
    ck_assert_int_eq(bucket_wait(&b, 0, NS_PER_S), 0);
}
END_TEST

START_TEST(of_a_rate_below_one_a_second_one_is_there_at_once)
{
    struct bucket b = {0};
    now = 5000 * NS_PER_S;
    bucket_take(&b, 0.1, 1, now);
    ck_assert_int_le(bucket_wait(&b, 0.1, now), 1);
    bucket_take(&b, 0.1, 1, now);
    ck_assert_int_ge(bucket_wait(&b, 0.1, now), 10 * NS_PER_S);
}
END_TEST

UNIT_MAIN("core/bucket", over_any_time_it_gives_its_rate_and_one_burst,
          one_that_costs_more_than_there_ever_is_passes_and_is_paid_for, less_than_one_a_turn_adds_up,
          without_a_rate_there_is_no_limit,
          of_a_rate_below_one_a_second_one_is_there_at_once)
