#include "pushes.h"
#include "unit.h"

#define S 1000000000LL
#define NOW (1000 * S)

static int taken(struct pushes *p, size_t members, int tries, int64_t now_ns)
{
    int n = 0;
    while (tries--)
        n += pushes_take(p, members, now_ns);
    return n;
}

START_TEST(a_second_of_the_rate_may_be_used_at_once_and_then_it_is_the_rate)
{
    struct pushes p = {.per_s = 1000};
    ck_assert_int_eq(taken(&p, 10, 500, NOW), 100);
    ck_assert_int_eq(taken(&p, 10, 500, NOW + S / 2), 50);
    ck_assert_int_eq(taken(&p, 10, 500, NOW + 60 * S), 100);
}
END_TEST

START_TEST(a_channel_of_more_members_than_the_rate_has_counts_alone)
{
    struct pushes p = {.per_s = 1000};
    ck_assert_int_eq(taken(&p, 1000, 2, NOW), 1);
    ck_assert_int_eq(taken(&p, 1001, 2, NOW + 60 * S), 0);
    ck_assert(p.missed);
}
END_TEST

START_TEST(without_a_rate_everything_is_pushed)
{
    struct pushes p = {.per_s = 0};
    ck_assert_int_eq(taken(&p, 100000, 1000, NOW), 1000);
    ck_assert(!p.missed);
}
END_TEST

START_TEST(counts_come_once_a_second_until_nothing_was_missed)
{
    struct pushes p = {.per_s = 1000};
    ck_assert_int_eq(pushes_counts(&p, 500, NOW), PUSHES_ALL_TOLD);
    taken(&p, 500, 3, NOW);
    ck_assert_int_eq(pushes_counts(&p, 500, NOW), PUSHES_COUNTS);
    taken(&p, 500, 3, NOW + S / 4);
    ck_assert_int_eq(pushes_counts(&p, 500, NOW + S / 4), PUSHES_LATER);
    ck_assert_int_eq(pushes_counts(&p, 500, NOW + S), PUSHES_COUNTS);
    ck_assert_int_eq(pushes_counts(&p, 500, NOW + S + 1), PUSHES_LATER);
    ck_assert_int_eq(pushes_counts(&p, 500, NOW + 2 * S), PUSHES_ALL_TOLD);
}
END_TEST

START_TEST(counts_of_a_huge_channel_come_as_rarely_as_the_rate_lets_them)
{
    struct pushes p = {.per_s = 20000};
    taken(&p, 100000, 1, NOW);
    ck_assert_int_eq(pushes_counts(&p, 100000, NOW), PUSHES_COUNTS);
    taken(&p, 100000, 1, NOW + S);
    ck_assert_int_eq(pushes_counts(&p, 100000, NOW + 4 * S), PUSHES_LATER);
    ck_assert_int_eq(pushes_counts(&p, 100000, NOW + 5 * S), PUSHES_COUNTS);
}
END_TEST

START_TEST(counts_of_any_channel_come_once_a_minute)
{
    struct pushes p = {.per_s = 1};
    taken(&p, 1000000, 1, NOW);
    ck_assert_int_eq(pushes_counts(&p, 1000000, NOW), PUSHES_COUNTS);
    taken(&p, 1000000, 1, NOW + S);
    ck_assert_int_eq(pushes_counts(&p, 1000000, NOW + 59 * S), PUSHES_LATER);
    ck_assert_int_eq(pushes_counts(&p, 1000000, NOW + 60 * S), PUSHES_COUNTS);
}
END_TEST

UNIT_MAIN("fanout-worker/pushes",
          a_second_of_the_rate_may_be_used_at_once_and_then_it_is_the_rate,
          a_channel_of_more_members_than_the_rate_has_counts_alone,
          without_a_rate_everything_is_pushed, counts_come_once_a_second_until_nothing_was_missed,
          counts_of_a_huge_channel_come_as_rarely_as_the_rate_lets_them,
          counts_of_any_channel_come_once_a_minute)
