#include "source_buckets.h"

#include "core/clock.h"
#include "unit.h"

#include <errno.h>

static struct source_buckets b;
static int64_t now = 1000 * NS_PER_S;

static struct source source(unsigned n)
{
    return source_of_ipv4((unsigned char[]){10, (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n});
}

START_TEST(a_seconds_worth_passes_at_once_and_then_one_by_one)
{
    source_buckets_init(&b, 10, 10 * NS_PER_S, 100);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(source_buckets_take(&b, source(1), now), 0);
    ck_assert_int_eq(source_buckets_take(&b, source(1), now), NS_PER_S / 10);
    ck_assert_int_eq(source_buckets_take(&b, source(1), now), NS_PER_S / 5); /* behind the one that waits */
    ck_assert_int_eq(source_buckets_take(&b, source(1), now + NS_PER_S), 0);
    source_buckets_fini(&b);
}
END_TEST

START_TEST(one_source_does_not_hold_up_another)
{
    source_buckets_init(&b, 1, NS_PER_S, 100);
    ck_assert_int_eq(source_buckets_take(&b, source(1), now), 0);
    ck_assert_int_gt(source_buckets_take(&b, source(1), now), 0);
    ck_assert_int_eq(source_buckets_take(&b, source(2), now), 0);
    source_buckets_fini(&b);
}
END_TEST

START_TEST(who_would_wait_too_long_is_told_so_and_takes_no_turn)
{
    source_buckets_init(&b, 10, NS_PER_S, 100);
    for (int i = 0; i < 20; i++)
        ck_assert_int_ge(source_buckets_take(&b, source(1), now), 0);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(source_buckets_take(&b, source(1), now), -EAGAIN);
    ck_assert_int_eq(source_buckets_take(&b, source(1), now + NS_PER_S / 10), NS_PER_S);
    source_buckets_fini(&b);
}
END_TEST

START_TEST(the_table_is_bounded_and_forgets_who_has_not_come_for_longest)
{
    source_buckets_init(&b, 1, NS_PER_S, 100);
    for (unsigned i = 0; i < 100; i++)
        ck_assert_int_eq(source_buckets_take(&b, source(i), now), 0);
    ck_assert_int_gt(source_buckets_take(&b, source(0), now), 0); /* comes again */
    for (unsigned i = 100; i < 150; i++)
        ck_assert_int_eq(source_buckets_take(&b, source(i), now), 0);
    ck_assert_uint_eq(b.by_source.count, 100);
    ck_assert_int_eq(source_buckets_take(&b, source(0), now), -EAGAIN);  /* remembered */
    ck_assert_int_eq(source_buckets_take(&b, source(1), now), 0);        /* forgotten */
    source_buckets_fini(&b);
}
END_TEST

START_TEST(full_buckets_take_no_room)
{
    source_buckets_init(&b, 1, NS_PER_S, 100);
    for (unsigned i = 0; i < 90; i++)
        source_buckets_take(&b, source(i), now);
    source_buckets_take(&b, source(1000), now + 2 * NS_PER_S);
    ck_assert_uint_eq(b.by_source.count, 1);
    source_buckets_fini(&b);
}
END_TEST

START_TEST(without_a_rate_nobody_waits_and_nothing_is_kept)
{
    source_buckets_init(&b, 0, NS_PER_S, 100);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(source_buckets_take(&b, source(1), now), 0);
    ck_assert_uint_eq(b.by_source.count, 0);
    source_buckets_fini(&b);
}
END_TEST

UNIT_MAIN("supervisor/source_buckets", a_seconds_worth_passes_at_once_and_then_one_by_one, one_source_does_not_hold_up_another,
          who_would_wait_too_long_is_told_so_and_takes_no_turn, the_table_is_bounded_and_forgets_who_has_not_come_for_longest,
          full_buckets_take_no_room, without_a_rate_nobody_waits_and_nothing_is_kept)
