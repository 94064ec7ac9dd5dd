#include "kafka/lookup.h"

#include "unit.h"

static const struct lookup l = {.tail_records = 1000, .window_records = 100000};

START_TEST(reading_begins_at_the_earlier_of_tail_and_window)
{
    ck_assert_int_eq(lookup_start(&l, -1, 0, 5000, 4500), 4000);
    ck_assert_int_eq(lookup_start(&l, -1, 0, 5000, 3000), 3000);
    ck_assert_int_eq(lookup_start(&l, -1, 0, 5000, -1), 4000);  /* nothing is that young */
    ck_assert_int_eq(lookup_start(&l, -1, 0, 500, 200), 0);
    ck_assert_int_eq(lookup_start(&l, -1, 4800, 5000, 4900), 4800); /* the rest is gone */
}
END_TEST

START_TEST(a_window_full_of_records_is_not_read_whole)
{
    ck_assert_int_eq(lookup_start(&l, -1, 0, 12000000, 5), 11900000);
    ck_assert_int_eq(lookup_start(&l, -1, 0, 12000000, 11950000), 11950000);
    struct lookup wide = {.tail_records = 500000, .window_records = 100000};
    ck_assert_int_eq(lookup_start(&wide, -1, 0, 12000000, 5), 11500000);
}
END_TEST

START_TEST(one_that_lost_its_place_goes_on_where_it_was)
{
    ck_assert_int_eq(lookup_start(&l, 700, 0, 12000000, 5), 700);
    ck_assert_int_eq(lookup_start(&l, 700, 900, 12000000, 5), 900);
    ck_assert_int_eq(lookup_start(&l, 11999990, 0, 12000000, -1), 11999000);
}
END_TEST

UNIT_MAIN("lookup", reading_begins_at_the_earlier_of_tail_and_window, a_window_full_of_records_is_not_read_whole,
          one_that_lost_its_place_goes_on_where_it_was)
