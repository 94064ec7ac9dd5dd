#include "lag.h"

#include "core/clock.h"
#include "unit.h"

#define MS NS_PER_MS

static struct lag l;
static int64_t now;

static void start(void)
{
    now = 1000 * NS_PER_S;
    lag_init(&l, now);
}

START_TEST(the_worst_counts_and_is_forgotten_in_some_moments)
{
    start();
    lag_saw(&l, 3 * MS, now);
    lag_saw(&l, 40 * MS, now);
    lag_saw(&l, 5 * MS, now + 10 * MS);
    ck_assert_int_eq(lag_now(&l, now), 40 * MS);
    ck_assert_int_eq(lag_now(&l, now + 100 * MS) / MS, 14);
    lag_saw(&l, 20 * MS, now + 100 * MS);
    ck_assert_int_eq(lag_now(&l, now + 100 * MS), 20 * MS);
    ck_assert_int_eq(lag_now(&l, now + 2000 * MS), 0);
}
END_TEST

START_TEST(a_tick_that_comes_in_time_is_no_lag)
{
    start();
    for (int i = 0; i < 100; i++) {
        lag_ticked(&l, 32 * MS, now);
        now += 32 * MS;
    }
    ck_assert_int_eq(lag_now(&l, now), 0);
}
END_TEST

START_TEST(ticks_that_are_all_late_are_all_seen)
{
    start();
    lag_ticked(&l, 32 * MS, now);
    for (int i = 0; i < 100; i++) {
        now += 32 * MS;
        lag_ticked(&l, 32 * MS, now + 9 * MS); /* as far apart as they should be */
    }
    ck_assert_int_eq(lag_now(&l, now + 9 * MS), 9 * MS);
}
END_TEST

START_TEST(after_a_long_sleep_it_counts_from_now)
{
    start();
    lag_ticked(&l, 32 * MS, now);
    lag_ticked(&l, 32 * MS, now + 500 * MS);
    ck_assert_int_eq(lag_now(&l, now + 500 * MS), 468 * MS);
    for (int i = 0; i < 50; i++)
        lag_ticked(&l, 32 * MS, now + 500 * MS + i * 32 * MS);
    ck_assert_int_eq(lag_now(&l, now + 500 * MS + 50 * 32 * MS) / MS, 0);
}
END_TEST

UNIT_MAIN("gateway/lag", the_worst_counts_and_is_forgotten_in_some_moments, a_tick_that_comes_in_time_is_no_lag,
          ticks_that_are_all_late_are_all_seen, after_a_long_sleep_it_counts_from_now)
