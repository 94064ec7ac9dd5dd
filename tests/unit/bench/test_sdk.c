#include "sdk.h"

#include "unit.h"

static struct sdk choose(const char *name, int64_t min_ms, int64_t max_ms)
{
    struct bench_options options = {
        .sdk = name, .reconnect_min = min_ms, .reconnect_max = max_ms};
    struct sdk sdk;
    ck_assert_int_eq(sdk_choose(&options, &sdk, NULL), 0);
    return sdk;
}

/* The shortest and the longest wait before a try. */
static void ck_range(const struct sdk *sdk, unsigned tries, uint32_t shortest, uint32_t longest)
{
    uint32_t least = UINT32_MAX, most = 0;
    for (uint64_t random = 0; random <= 50000; random++) {
        uint32_t delay = sdk_delay_ms(sdk, tries, random);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    ck_assert_uint_eq(least, shortest);
    ck_assert_uint_eq(most, longest);
}

START_TEST(the_javascript_sdk_adds_up_to_its_doubled_minimum)
{
    struct sdk js = choose("js", 0, 0);
    ck_range(&js, 0, 500, 1000);
    ck_range(&js, 1, 500, 1500);
    ck_range(&js, 3, 500, 4500);
    ck_range(&js, 5, 500, 16500);
    ck_range(&js, 6, 500, 20000);
    ck_range(&js, 60000, 500, 20000);
}
END_TEST

START_TEST(the_go_sdk_waits_between_its_minimum_and_that_doubled)
{
    struct sdk go = choose("go", 0, 0);
    ck_range(&go, 0, 200, 400);
    ck_range(&go, 1, 200, 800);
    ck_range(&go, 3, 200, 3200);
    ck_range(&go, 7, 200, 20000);
    ck_range(&go, 60000, 200, 20000);
}
END_TEST

START_TEST(without_jitter_all_come_at_once)
{
    struct sdk none = choose("no-jitter", 0, 0), each = choose("every-second", 0, 0);
    ck_range(&none, 0, 500, 500);
    ck_range(&none, 2, 2000, 2000);
    ck_range(&none, 9, 20000, 20000);
    ck_range(&each, 0, 1000, 1000);
    ck_range(&each, 9, 1000, 1000);
}
END_TEST

START_TEST(the_waits_may_be_set)
{
    struct sdk js = choose("js", 2000, 3000);
    ck_range(&js, 0, 2000, 3000);
}
END_TEST

START_TEST(one_that_nobody_knows_is_refused_with_those_there_are)
{
    struct bench_options options = {.sdk = "perl"};
    struct sdk sdk;
    struct buf text = {0};
    ck_assert_int_lt(sdk_choose(&options, &sdk, &text), 0);
    ck_assert_bytes(buf_bytes(&text), "--sdk: perl will not do; right would be js, go, "
                                      "no-jitter, every-second");
    buf_fini(&text);
}
END_TEST

UNIT_MAIN("bench/sdk", the_javascript_sdk_adds_up_to_its_doubled_minimum,
          the_go_sdk_waits_between_its_minimum_and_that_doubled,
          without_jitter_all_come_at_once, the_waits_may_be_set,
          one_that_nobody_knows_is_refused_with_those_there_are)
