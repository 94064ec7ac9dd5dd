#include "pace.h"

#include "core/clock.h"
#include "unit.h"

#define LATE_MS 20

static struct pace p;
static int64_t now_ns;

static void start(void)
{
    now_ns = 1000 * NS_PER_S;
    pace_init(&p, LATE_MS * NS_PER_MS, now_ns);
}

/* -> the rate after so many ms */
static uint32_t run(int ms, struct headroom one)
{
    uint32_t rate = 0;
    one.state = CHILD_UP;
    for (; ms > 0; ms -= 200) {
        now_ns += 200 * NS_PER_MS;
        rate = pace_step(&p, &one, 1, now_ns);
    }
    return rate;
}

START_TEST(it_grows_while_those_who_take_them_are_in_time)
{
    start();
    ck_assert_uint_le(run(200, (struct headroom){.capacity = 100000}), PACE_START);
    ck_assert_uint_ge(run(2000, (struct headroom){.capacity = 100000, .lag_ms = LATE_MS}), 8 * PACE_START);
    ck_assert_uint_eq(run(60000, (struct headroom){.capacity = 100000}), PACE_MAX);
}
END_TEST

START_TEST(it_shrinks_while_they_are_late_and_never_stands)
{
    start();
    uint32_t before = run(4000, (struct headroom){.capacity = 100000});
    uint32_t then = run(1000, (struct headroom){.capacity = 100000, .lag_ms = LATE_MS + 5});
    ck_assert_uint_le(then, before / 2);
    ck_assert_uint_eq(run(60000, (struct headroom){.capacity = 100000, .lag_ms = 900}), PACE_START);
}
END_TEST

START_TEST(nobody_goes_where_there_is_no_room)
{
    start();
    ck_assert_uint_eq(run(200, (struct headroom){.capacity = 5, .connections = 5}), 0);
    ck_assert_uint_eq(pace_step(&p, NULL, 0, now_ns), 0);
    ck_assert_uint_eq(run(200, (struct headroom){.capacity = 12, .connections = 5}), 7);
}
END_TEST

UNIT_MAIN("supervisor/pace", it_grows_while_those_who_take_them_are_in_time,
          it_shrinks_while_they_are_late_and_never_stands, nobody_goes_where_there_is_no_room)
