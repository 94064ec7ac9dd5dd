#include "core/aimd.h"

#include "core/clock.h"
#include "unit.h"

#define WINDOW (100 * NS_PER_MS)

static const struct aimd_limits limits = {
    .start = 100, .max = 3200, .target_ns = 20 * NS_PER_MS, .window_ns = WINDOW, .burst_ns = 50 * NS_PER_MS};
static struct aimd a;
static int64_t now;

static void start(void)
{
    now = 1000 * NS_PER_S;
    aimd_init(&a, &limits, now);
}

/* A herd that wants more than may pass, for that long. -> how many passed */
static int herd(int64_t ms)
{
    int passed = 0;
    for (int64_t i = 0; i < ms; i++) {
        now += NS_PER_MS;
        while (aimd_take(&a, now))
            passed++;
    }
    return passed;
}

START_TEST(it_begins_low_and_doubles_while_there_is_no_lag)
{
    start();
    ck_assert_int_le(herd(100), 10 + 5); /* and the burst */
    ck_assert_double_eq(a.rate, 200);
    herd(100);
    ck_assert_double_eq(a.rate, 400);
    herd(1000);
    ck_assert_double_eq(a.rate, 3200);
    int passed = herd(1000);
    ck_assert_int_ge(passed, 3190);
    ck_assert_int_le(passed, 3210);
}
END_TEST

START_TEST(lag_halves_it_and_from_there_it_grows_by_steps)
{
    start();
    herd(400);
    ck_assert_double_eq(a.rate, 1600);
    aimd_lag(&a, 30 * NS_PER_MS, now);
    herd(100);
    ck_assert_double_eq(a.rate, 800);
    aimd_lag(&a, 0, now);
    herd(100); /* what the halving did is not judged yet */
    ck_assert_double_eq(a.rate, 800);
    herd(100);
    ck_assert_double_eq(a.rate, 850);
    herd(100);
    ck_assert_double_eq(a.rate, 900);
}
END_TEST

START_TEST(lag_that_stays_never_takes_it_below_its_start)
{
    start();
    herd(1000);
    aimd_lag(&a, NS_PER_S, now);
    herd(2000);
    ck_assert_double_eq(a.rate, 100);
    ck_assert_int_ge(herd(1000), 99);
}
END_TEST

START_TEST(a_lag_within_a_window_counts_though_it_is_over_at_its_end)
{
    start();
    herd(350);
    double before = a.rate;
    aimd_lag(&a, 25 * NS_PER_MS, now);
    aimd_lag(&a, 0, now);
    herd(100);
    ck_assert_double_eq(a.rate, before / 2);
}
END_TEST

START_TEST(who_does_not_want_more_does_not_widen_it)
{
    start();
    for (int i = 0; i < 1000; i++) {
        now += 20 * NS_PER_MS;
        ck_assert(aimd_take(&a, now));
    }
    ck_assert_double_eq(a.rate, 100);
}
END_TEST

START_TEST(ten_seconds_without_lag_and_it_doubles_again)
{
    start();
    aimd_lag(&a, NS_PER_S, now);
    herd(100);
    aimd_lag(&a, 0, now);
    now += 11 * NS_PER_S;
    herd(400);
    ck_assert_double_ge(a.rate, 800);
}
END_TEST

START_TEST(after_a_quiet_while_no_more_than_the_burst_passes_at_once)
{
    start();
    herd(1000);
    now += 60 * NS_PER_S;
    int at_once = 0;
    while (aimd_take(&a, now))
        at_once++;
    ck_assert_int_eq(at_once, 160); /* 3200 a second, 50 ms */
}
END_TEST

START_TEST(who_has_to_wait_is_told_how_long)
{
    start();
    while (aimd_take(&a, now))
        ;
    int64_t wait = aimd_wait(&a, now);
    ck_assert_int_gt(wait, 0);
    ck_assert_int_le(wait, 10 * NS_PER_MS);
    ck_assert(!aimd_take(&a, now + wait - NS_PER_MS));
    ck_assert(aimd_take(&a, now + wait));
}
END_TEST

START_TEST(with_no_most_everybody_passes)
{
    struct aimd_limits off = limits;
    off.max = 0;
    aimd_init(&a, &off, now);
    for (int i = 0; i < 100000; i++)
        ck_assert(aimd_take(&a, now));
    ck_assert_int_eq(aimd_wait(&a, now), 0);
}
END_TEST

UNIT_MAIN("core/aimd", it_begins_low_and_doubles_while_there_is_no_lag, lag_halves_it_and_from_there_it_grows_by_steps,
          lag_that_stays_never_takes_it_below_its_start, a_lag_within_a_window_counts_though_it_is_over_at_its_end,
          who_does_not_want_more_does_not_widen_it, ten_seconds_without_lag_and_it_doubles_again,
          after_a_quiet_while_no_more_than_the_burst_passes_at_once, who_has_to_wait_is_told_how_long,
          with_no_most_everybody_passes)
