#include "watch.h"

#include "unit.h"

#define LIMIT 5
#define RUNS(ticks)                                                                                \
    {                                                                                              \
        .runs = true, .greeted = true, .silent = ticks                                             \
    }
#define STARTS(ticks)                                                                              \
    {                                                                                              \
        .runs = true, .silent = ticks                                                              \
    }

static size_t worst;

#define JUDGE(away, ...)                                                                           \
    watch_judge((struct watched[]){__VA_ARGS__},                                                   \
                sizeof((struct watched[]){__VA_ARGS__}) / sizeof(struct watched), LIMIT, away,     \
                &worst)

START_TEST(one_that_alone_is_silent_is_killed)
{
    ck_assert_int_eq(JUDGE(false, RUNS(0), RUNS(5), RUNS(1)), WATCH_KILL);
    ck_assert_uint_eq(worst, 1);
    ck_assert_int_eq(JUDGE(false, RUNS(0), RUNS(4), RUNS(1)), WATCH_NONE);
}
END_TEST

START_TEST(of_two_the_longer_silent_one_goes_first)
{
    ck_assert_int_eq(JUDGE(false, RUNS(6), RUNS(0), RUNS(8), RUNS(0)), WATCH_KILL);
    ck_assert_uint_eq(worst, 2);
}
END_TEST

START_TEST(nobody_is_killed_while_postgresql_or_kafka_is_away)
{
    ck_assert_int_eq(JUDGE(true, RUNS(0), RUNS(50)), WATCH_AWAY);
    ck_assert_int_eq(JUDGE(true, RUNS(0), RUNS(0)), WATCH_NONE);
}
END_TEST

START_TEST(nobody_is_killed_before_the_last_one_is_back)
{
    ck_assert_int_eq(JUDGE(false, RUNS(0), RUNS(9), {.faulted = 1}, RUNS(0)), WATCH_ONE_BY_ONE);
    ck_assert_int_eq(JUDGE(false, RUNS(0), RUNS(9), {.runs = true, .faulted = 14}, RUNS(0)),
                     WATCH_ONE_BY_ONE);
}
END_TEST

START_TEST(one_that_does_not_come_back_spares_the_others_no_longer_than_a_start_may_take)
{
    ck_assert_int_eq(JUDGE(false, RUNS(0), RUNS(9), {.faulted = 15}, RUNS(0)), WATCH_KILL);
    ck_assert_uint_eq(worst, 1);
    ck_assert_int_eq(JUDGE(false, RUNS(0), RUNS(9), {.faulted = 99}, RUNS(0)), WATCH_KILL); /* scaled away meanwhile */
}
END_TEST

START_TEST(one_that_hangs_in_its_start_is_killed_as_often_as_it_does)
{
    ck_assert_int_eq(JUDGE(false, RUNS(0), {.runs = true, .silent = 14, .faulted = 15}, RUNS(0)), WATCH_NONE);
    ck_assert_int_eq(JUDGE(false, RUNS(0), {.runs = true, .silent = 15, .faulted = 16}, RUNS(0)), WATCH_KILL);
    ck_assert_uint_eq(worst, 1);
}
END_TEST

START_TEST(silence_of_most_is_not_a_fault_of_theirs)
{
    ck_assert_int_eq(JUDGE(false, RUNS(7), RUNS(7), RUNS(0)), WATCH_SHARED);
    ck_assert_int_eq(JUDGE(false, RUNS(7), RUNS(7)), WATCH_SHARED);
    ck_assert_int_eq(JUDGE(false, RUNS(7), RUNS(0)), WATCH_KILL);
    ck_assert_int_eq(JUDGE(false, RUNS(7)), WATCH_KILL);
}
END_TEST

START_TEST(a_start_may_take_three_times_as_long)
{
    ck_assert_int_eq(JUDGE(false, RUNS(0), STARTS(14)), WATCH_NONE);
    ck_assert_int_eq(JUDGE(false, RUNS(0), STARTS(15)), WATCH_KILL);
}
END_TEST

START_TEST(what_does_not_run_is_not_silent)
{
    ck_assert_int_eq(JUDGE(false, RUNS(0), {.silent = 99}), WATCH_NONE);
    ck_assert_int_eq(watch_judge(NULL, 0, LIMIT, false, &worst), WATCH_NONE);
}
END_TEST

UNIT_MAIN("supervisor/watch", one_that_alone_is_silent_is_killed,
          of_two_the_longer_silent_one_goes_first,
          nobody_is_killed_while_postgresql_or_kafka_is_away,
          nobody_is_killed_before_the_last_one_is_back,
          one_that_does_not_come_back_spares_the_others_no_longer_than_a_start_may_take,
          one_that_hangs_in_its_start_is_killed_as_often_as_it_does,
          silence_of_most_is_not_a_fault_of_theirs, a_start_may_take_three_times_as_long,
          what_does_not_run_is_not_silent)
