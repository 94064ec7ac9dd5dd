#include "order.h"

#include "unit.h"

static uint64_t missed;

START_TEST(numbers_one_after_the_other_are_right)
{
    struct order o;
    order_begin(&o, 8);
    for (uint64_t n = 8; n < 20; n++)
        ck_assert_int_eq(order_take(&o, n, &missed), ORDER_RIGHT);
}
END_TEST

START_TEST(whoever_begins_in_the_middle_takes_what_comes_first)
{
    struct order o = {0};
    ck_assert_int_eq(order_take(&o, 1000, &missed), ORDER_RIGHT);
    ck_assert_int_eq(order_take(&o, 1001, &missed), ORDER_RIGHT);
}
END_TEST

START_TEST(the_first_number_after_a_subscribe_may_be_a_hole_too)
{
    struct order o;
    order_begin(&o, 5);
    ck_assert_int_eq(order_take(&o, 7, &missed), ORDER_HOLE);
    ck_assert_uint_eq(missed, 2);
}
END_TEST

START_TEST(a_repeat_is_told_from_one_that_comes_late)
{
    struct order o;
    order_begin(&o, 1);
    ck_assert_int_eq(order_take(&o, 1, &missed), ORDER_RIGHT);
    ck_assert_int_eq(order_take(&o, 1, &missed), ORDER_REPEAT);
    ck_assert_int_eq(order_take(&o, 4, &missed), ORDER_HOLE);
    ck_assert_uint_eq(missed, 2);
    ck_assert_int_eq(order_take(&o, 2, &missed), ORDER_DISORDER);
    ck_assert_int_eq(order_take(&o, 3, &missed), ORDER_DISORDER);
    ck_assert_int_eq(order_take(&o, 3, &missed), ORDER_REPEAT);
    ck_assert_int_eq(order_take(&o, 5, &missed), ORDER_RIGHT);
}
END_TEST

UNIT_MAIN("bench/order", numbers_one_after_the_other_are_right,
          whoever_begins_in_the_middle_takes_what_comes_first,
          the_first_number_after_a_subscribe_may_be_a_hole_too,
          a_repeat_is_told_from_one_that_comes_late)
