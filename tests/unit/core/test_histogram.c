#include "core/histogram.h"

#include "unit.h"

static struct histogram h, other;

static void clear(void)
{
    memset(&h, 0, sizeof h);
    memset(&other, 0, sizeof other);
}

START_TEST(an_empty_histogram_has_no_quantile)
{
    clear();
    ck_assert_uint_eq(histogram_quantile(&h, 0.5), 0);
    ck_assert_uint_eq(histogram_at_most(&h, 1000000), 0);
}
END_TEST

START_TEST(a_quantile_is_known_within_a_sixteenth)
{
    for (uint64_t v = 1; v < 4000000000u; v = v * 5 / 4 + 1) {
        clear();
        histogram_record(&h, (int64_t)v);
        histogram_record(&h, (int64_t)v * 2); /* so that the maximum does not give it away */
        uint64_t q = histogram_quantile(&h, 0.);
        ck_assert_uint_ge(q, v);
        ck_assert_uint_le(q, v + v / 16 + 1);
    }
}
END_TEST

START_TEST(quantiles_of_a_thousand_values_are_where_they_should_be)
{
    clear();
    for (int64_t v = 1; v <= 1000; v++)
        histogram_record(&h, v);
    ck_assert_uint_eq(h.count, 1000);
    ck_assert_uint_eq(h.sum_us, 500500);
    ck_assert_uint_eq(h.max_us, 1000);
    ck_assert_uint_eq(histogram_quantile(&h, 1.), 1000);
    uint64_t p50 = histogram_quantile(&h, 0.5), p99 = histogram_quantile(&h, 0.99);
    ck_assert(p50 >= 500 && p50 <= 532);
    ck_assert(p99 >= 990 && p99 <= 1000);
}
END_TEST

START_TEST(a_negative_duration_counts_as_none)
{
    clear();
    histogram_record(&h, -5);
    histogram_record(&h, INT64_MIN);
    ck_assert_uint_eq(histogram_at_most(&h, 0), 2);
    ck_assert_uint_eq(h.sum_us, 0);
}
END_TEST

START_TEST(what_is_above_the_last_step_is_counted_there)
{
    clear();
    histogram_record(&h, INT64_MAX);
    ck_assert_uint_eq(h.cells[HISTOGRAM_CELLS - 1], 1);
    ck_assert_uint_eq(h.max_us, (uint64_t)INT64_MAX);
    ck_assert_uint_eq(histogram_at_most(&h, 33000000), 0);
}
END_TEST

START_TEST(steps_touch_and_never_overlap)
{
    clear();
    for (int64_t v = 0; v < 100000; v++)
        histogram_record(&h, v);
    for (uint64_t edge = 64; edge <= 65536; edge *= 2) {
        ck_assert_uint_eq(histogram_at_most(&h, edge - 1), edge);
        ck_assert_uint_eq(histogram_at_most(&h, edge / 16 * 23 - 1), edge / 16 * 23);
    }
}
END_TEST

START_TEST(merging_adds_up)
{
    clear();
    histogram_record(&h, 10);
    histogram_record(&other, 1000);
    histogram_record(&other, 20);
    histogram_merge(&h, &other);
    ck_assert_uint_eq(h.count, 3);
    ck_assert_uint_eq(h.sum_us, 1030);
    ck_assert_uint_eq(h.max_us, 1000);
    ck_assert_uint_eq(histogram_at_most(&h, 31), 2);
}
END_TEST

UNIT_MAIN("core/histogram", an_empty_histogram_has_no_quantile,
          a_quantile_is_known_within_a_sixteenth,
          quantiles_of_a_thousand_values_are_where_they_should_be,
          a_negative_duration_counts_as_none, what_is_above_the_last_step_is_counted_there,
          steps_touch_and_never_overlap, merging_adds_up)
