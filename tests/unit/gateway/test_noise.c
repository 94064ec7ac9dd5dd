#include "noise.h"

#include "core/clock.h"
#include "unit.h"

#define MOST 25

static struct noise n;

static bool window(int share)
{
    n.busy_ns += share * NS_PER_S / 100;
    return noise_judge(&n, NS_PER_S, MOST, false);
}

static void make_noisy(void)
{
    n = (struct noise){0};
    window(90);
    ck_assert(window(90));
    ck_assert(n.noisy);
}

START_TEST(two_windows_in_a_row_make_it_noisy_one_does_not)
{
    n = (struct noise){0};
    ck_assert(!window(90));
    ck_assert(!window(24));
    ck_assert(!window(25));
    ck_assert(!n.noisy);
    ck_assert(window(25));
    ck_assert(n.noisy);
    ck_assert_uint_eq(n.share, 25);
}
END_TEST

START_TEST(it_is_quiet_again_after_five_windows_below_the_half)
{
    make_noisy();
    for (int i = 0; i < 4; i++)
        ck_assert(!window(12));
    ck_assert(window(12));
    ck_assert(!n.noisy);
}
END_TEST

START_TEST(who_stands_at_the_limit_does_not_go_to_and_fro)
{
    make_noisy();
    for (int i = 0; i < 1000; i++)
        ck_assert(!window(i % 2 ? 26 : 24));
    ck_assert(n.noisy);
    for (int i = 0; i < 1000; i++)
        ck_assert(!window(i % 5 ? 5 : 20)); /* four quiet ones, never five */
    ck_assert(n.noisy);
}
END_TEST

START_TEST(who_takes_little_since_it_is_held_back_stays_noisy)
{
    make_noisy();
    for (int i = 0; i < 1000; i++)
        ck_assert(!noise_judge(&n, NS_PER_S, MOST, i % 5 != 0)); /* seen while it did not wait now and then */
    ck_assert(n.noisy);
}
END_TEST

START_TEST(with_no_most_nobody_is_noisy_and_who_was_is_no_longer)
{
    make_noisy();
    for (int i = 0; i < 4; i++)
        ck_assert(!noise_judge(&n, NS_PER_S, 0, false));
    ck_assert(noise_judge(&n, NS_PER_S, 0, false));
    for (int i = 0; i < 10; i++) {
        n.busy_ns = NS_PER_S;
        ck_assert(!noise_judge(&n, NS_PER_S, 0, false));
    }
}
END_TEST

START_TEST(a_window_without_length_is_no_division_by_nothing)
{
    n = (struct noise){.busy_ns = NS_PER_S};
    ck_assert(!noise_judge(&n, 0, MOST, false));
    ck_assert_uint_eq(n.share, 0);
}
END_TEST

UNIT_MAIN("noise", two_windows_in_a_row_make_it_noisy_one_does_not, it_is_quiet_again_after_five_windows_below_the_half,
          who_stands_at_the_limit_does_not_go_to_and_fro, who_takes_little_since_it_is_held_back_stays_noisy,
          with_no_most_nobody_is_noisy_and_who_was_is_no_longer,
          a_window_without_length_is_no_division_by_nothing)
