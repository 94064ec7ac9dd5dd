#include "wheel.h"

#include "core/clock.h"
#include "unit.h"

static struct wheel wheel;
static int fired[8];
static struct wheel_timer timers[8];
static int64_t now;

static void fire(struct wheel_timer *t)
{
    ck_assert_int_le(t->at_ns, now);
    fired[t - timers]++;
}

static void start(void)
{
    now = 12345 * NS_PER_MS;
    wheel_init(&wheel, now);
    memset(fired, 0, sizeof fired);
    for (int i = 0; i < 8; i++)
        wheel_timer_init(&timers[i], fire);
}

static void pass(int64_t ms)
{
    now += ms * NS_PER_MS;
    wheel_turn(&wheel, now);
}

START_TEST(fires_once_at_its_time_and_at_most_a_slot_late)
{
    start();
    for (int i = 0; i < 8; i++)
        wheel_set(&wheel, &timers[i], now + i * 100 * NS_PER_MS);
    for (int ms = 0; ms <= 800; ms++) {
        for (int i = 0; i < 8; i++) {
            ck_assert_msg(ms >= i * 100 || !fired[i], "timer %d early", i);
            ck_assert_msg(ms < i * 100 + 2 * WHEEL_TICK_NS / NS_PER_MS || fired[i] == 1, "timer %d late", i);
        }
        pass(1);
    }
}
END_TEST

START_TEST(one_that_is_further_away_than_the_wheel_is_long_waits_its_rounds)
{
    start();
    wheel_set(&wheel, &timers[0], now + 3600 * NS_PER_S);
    for (int s = 0; s < 3600; s += 7) {
        ck_assert_int_eq(fired[0], 0);
        pass(7000);
    }
    ck_assert_int_eq(fired[0], 1);
}
END_TEST

START_TEST(a_long_sleep_fires_everything_that_was_due)
{
    start();
    for (int i = 0; i < 8; i++)
        wheel_set(&wheel, &timers[i], now + i * 20 * NS_PER_S);
    pass(1000000);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(fired[i], 1);
}
END_TEST

START_TEST(moving_and_cancelling_leave_nothing_behind)
{
    start();
    wheel_set(&wheel, &timers[0], now + 50 * NS_PER_MS);
    wheel_set(&wheel, &timers[0], now + 500 * NS_PER_MS);
    wheel_set(&wheel, &timers[1], now + 50 * NS_PER_MS);
    wheel_cancel(&timers[1]);
    wheel_cancel(&timers[1]);
    pass(300);
    ck_assert_int_eq(fired[0], 0);
    pass(300);
    ck_assert_int_eq(fired[0], 1);
    ck_assert_int_eq(fired[1], 0);
}
END_TEST

static void set_again(struct wheel_timer *t)
{
    fired[0]++;
    wheel_cancel(&timers[1]);
    wheel_set(&wheel, t, now);
}

START_TEST(firing_may_set_and_cancel_others_and_itself)
{
    start();
    timers[0].fire = set_again;
    wheel_set(&wheel, &timers[0], now + 50 * NS_PER_MS);
    wheel_set(&wheel, &timers[1], now + 50 * NS_PER_MS);
    pass(100);
    ck_assert_int_eq(fired[1], 0);
    int before = fired[0];
    ck_assert_int_ge(before, 1);
    pass(WHEEL_TICK_NS / NS_PER_MS);
    ck_assert_int_eq(fired[0], before + 1); /* again, but not for ever in one turn */
}
END_TEST

UNIT_MAIN("wheel", fires_once_at_its_time_and_at_most_a_slot_late,
          one_that_is_further_away_than_the_wheel_is_long_waits_its_rounds, a_long_sleep_fires_everything_that_was_due,
          moving_and_cancelling_leave_nothing_behind, firing_may_set_and_cancel_others_and_itself)
