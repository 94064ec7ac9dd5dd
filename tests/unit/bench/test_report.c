#include "report.h"

#include "unit.h"

#include "core/json.h"

static struct report one, two;

START_TEST(processes_are_added_up_and_histograms_merged)
{
    one = (struct report){.asked = 3, .holes = 1, .limits = 1};
    two = (struct report){.asked = 4, .limits = 2};
    for (int us = 1; us <= 100; us++)
        histogram_record(us % 2 ? &one.kernel : &two.kernel, us);
    report_merge(&one, &two);
    ck_assert_uint_eq(one.asked, 7);
    ck_assert_uint_eq(one.holes, 1);
    ck_assert_uint_eq(one.limits, 3);
    ck_assert_uint_eq(one.kernel.count, 100);
    ck_assert_uint_eq(one.kernel.max_us, 100);
    uint64_t median = histogram_quantile(&one.kernel, 0.5);
    ck_assert(median >= 47 && median <= 53);
}
END_TEST

START_TEST(counts_are_an_object_per_group)
{
    struct buf text = {0};
    uint64_t asked = 0, delivered = 0;
    one = (struct report){.asked = 5, .delivered = 9};
    buf_append_char(&text, '{');
    report_append_counts(&text, &one);
    buf_append_char(&text, '}');
    struct bytes object = buf_bytes(&text);
    ck_assert_int_eq(json_check(object, 8, NULL), 0);
    ck_assert(json_u64(json_member(json_member(object, "connections"), "asked"), &asked) &&
              asked == 5);
    ck_assert(
        json_u64(json_member(json_member(object, "deliveries"), "delivered"), &delivered) &&
        delivered == 9);
    buf_fini(&text);
}
END_TEST

START_TEST(an_empty_histogram_is_null_and_not_zero)
{
    struct buf text = {0};
    struct histogram h = {0};
    report_append_histogram(&text, &h);
    ck_assert_bytes(buf_bytes(&text), "null");
    buf_clear(&text);
    histogram_record(&h, 7);
    report_append_histogram(&text, &h);
    ck_assert_bytes(buf_bytes(&text),
                    "{\"count\":1,\"p50\":7,\"p90\":7,\"p95\":7,\"p99\":7,"
                    "\"p999\":7,\"max\":7}");
    buf_fini(&text);
}
END_TEST

START_TEST(the_curve_counts_up_to_the_last_return)
{
    struct buf text = {0};
    one = (struct report){0};
    histogram_record(&one.losing, 10 * 1000);
    histogram_record(&one.losing, 300 * 1000);
    histogram_record(&one.trying, 100 * 1000);
    histogram_record(&one.trying, 300 * 1000);
    histogram_record(&one.trying, 9000 * 1000); /* after everybody was back */
    histogram_record(&one.storm, 200 * 1000);
    histogram_record(&one.storm, 700 * 1000);
    report_append_curve(&text, &one);
    ck_assert_bytes(buf_bytes(&text),
                    "{\"step_ms\":250,\"lost\":[1,2,2],\"tries\":[1,2,2],\"back\":[1,1,2]}");
    buf_fini(&text);
}
END_TEST

UNIT_MAIN("bench/report", the_curve_counts_up_to_the_last_return,
          processes_are_added_up_and_histograms_merged,
          counts_are_an_object_per_group, an_empty_histogram_is_null_and_not_zero)
