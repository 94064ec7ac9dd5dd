#include "cadence.h"

#include "unit.h"

#define ENOUGH 250
#define BEGIN (5000 * NS_PER_S)

/* A batch of n messages that wants to begin at now_ns -> when it does */
static int64_t begin(struct cadence *c, size_t n, int64_t now_ns)
{
    for (int64_t wait_ns; (wait_ns = cadence_wait(c, n, ENOUGH, now_ns)) > 0;)
        now_ns += wait_ns;
    cadence_begun(c, n, now_ns);
    return now_ns;
}

START_TEST(a_burst_begins_at_once_and_a_steady_stream_keeps_the_rate)
{
    struct cadence c = {.rate = 100};
    int64_t now_ns = BEGIN;
    for (int i = 0; i < 100; i++)
        now_ns = begin(&c, 2, now_ns);
    ck_assert_int_eq(now_ns, BEGIN);
    for (int i = 0; i < 50; i++)
        now_ns = begin(&c, 2, now_ns);
    ck_assert_int_ge(now_ns, BEGIN + 49 * 10 * NS_PER_MS);
    ck_assert_int_le(now_ns, BEGIN + 50 * 10 * NS_PER_MS);
}
END_TEST

START_TEST(nobody_waits_longer_than_one_part_of_the_rate)
{
    struct cadence c = {.rate = 100};
    int64_t now_ns = BEGIN;
    for (int i = 0; i < 10000; i++, now_ns += NS_PER_MS / 10)
        cadence_begun(&c, ENOUGH, now_ns);
    ck_assert_int_le(cadence_wait(&c, 1, ENOUGH, now_ns), 10 * NS_PER_MS + 1);
}
END_TEST

START_TEST(what_is_full_enough_does_not_wait)
{
    struct cadence c = {.rate = 1};
    begin(&c, 2, BEGIN);
    ck_assert_int_gt(cadence_wait(&c, ENOUGH - 1, ENOUGH, BEGIN), 0);
    ck_assert_int_eq(cadence_wait(&c, ENOUGH, ENOUGH, BEGIN), 0);
}
END_TEST

/* One message every 4 ms, each after the answer to the last. */
START_TEST(who_has_waited_in_vain_waits_no_more)
{
    struct cadence c = {.rate = 100};
    int64_t now_ns = BEGIN;
    for (int i = 0; i < 2000; i++)
        now_ns = begin(&c, 1, now_ns) + 4 * NS_PER_MS;
    ck_assert_int_lt(now_ns - BEGIN, 2000 * 4 * NS_PER_MS + NS_PER_S / 2);
    ck_assert_int_gt(c.alone_until_ns, now_ns);
}
END_TEST

START_TEST(a_short_wait_alone_tells_nothing)
{
    struct cadence c = {.rate = 100};
    int64_t now_ns = BEGIN;
    for (int i = 0; i < 500; i++)
        now_ns = begin(&c, 1, now_ns) + 7 * NS_PER_MS; /* so it waits for 3 */
    ck_assert_int_eq(c.alone_until_ns, 0);
}
END_TEST

START_TEST(a_batch_that_is_shared_brings_the_rate_back)
{
    struct cadence c = {.rate = 100};
    int64_t now_ns = BEGIN;
    for (int i = 0; i < 200; i++)
        now_ns = begin(&c, 1, now_ns);
    ck_assert_int_eq(cadence_wait(&c, 1, ENOUGH, now_ns), 0);
    cadence_begun(&c, 2, now_ns);
    ck_assert_int_gt(cadence_wait(&c, 1, ENOUGH, now_ns), 0);
}
END_TEST

START_TEST(without_a_rate_nobody_waits)
{
    struct cadence c = {.rate = 0};
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(begin(&c, 1, BEGIN), BEGIN);
}
END_TEST

UNIT_MAIN("sequencer/cadence", a_burst_begins_at_once_and_a_steady_stream_keeps_the_rate, nobody_waits_longer_than_one_part_of_the_rate,
          what_is_full_enough_does_not_wait, who_has_waited_in_vain_waits_no_more, a_short_wait_alone_tells_nothing, a_batch_that_is_shared_brings_the_rate_back,
          without_a_rate_nobody_waits)
