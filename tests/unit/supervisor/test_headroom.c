#include "headroom.h"

#include "unit.h"

#define UP(...)                                                                                    \
    {                                                                                              \
        .state = CHILD_UP, __VA_ARGS__                                                             \
    }
#define WAITING(...)                                                                               \
    {                                                                                              \
        .state = CHILD_WAITING, __VA_ARGS__                                                        \
    }
#define PICK(first, ...)                                                                           \
    headroom_pick((struct headroom[]){__VA_ARGS__},                                                \
                  sizeof((struct headroom[]){__VA_ARGS__}) / sizeof(struct headroom), first)

START_TEST(the_one_with_most_headroom_gets_the_next)
{
    ck_assert_int_eq(PICK(0, UP(.capacity = 10, .connections = 5), UP(.capacity = 10, .connections = 2),
                          UP(.capacity = 4)),
                     1);
}
END_TEST

START_TEST(what_was_passed_and_is_not_adopted_yet_counts_as_taken)
{
    struct headroom h = {.capacity = 100, .connections = 40, .passed = 90, .adopted = 60};
    ck_assert_int_eq(headroom_of(&h), 30);
    ck_assert_int_eq(PICK(0, UP(.capacity = 10, .passed = 7), UP(.capacity = 10, .connections = 6)), 1);
}
END_TEST

START_TEST(what_was_adopted_and_closed_again_is_free)
{
    struct headroom h = {.capacity = 100, .connections = 1, .passed = 5000, .adopted = 5000};
    ck_assert_int_eq(headroom_of(&h), 99);
}
END_TEST

START_TEST(equal_ones_take_turns)
{
    ck_assert_int_eq(PICK(0, UP(.capacity = 9), UP(.capacity = 9), UP(.capacity = 9)), 0);
    ck_assert_int_eq(PICK(1, UP(.capacity = 9), UP(.capacity = 9), UP(.capacity = 9)), 1);
    ck_assert_int_eq(PICK(2, UP(.capacity = 9), UP(.capacity = 9), UP(.capacity = 9)), 2);
}
END_TEST

START_TEST(full_and_overfull_ones_get_none)
{
    ck_assert_int_eq(PICK(0, UP(.capacity = 5, .connections = 5), UP(.capacity = 5, .connections = 9)), -1);
    ck_assert_int_eq(PICK(0, UP(.capacity = 5, .full = true), UP(.capacity = 2)), 1);
}
END_TEST

START_TEST(one_that_is_not_ready_gets_none_while_another_one_is_even_if_that_is_full)
{
    ck_assert_int_eq(PICK(0, WAITING(.capacity = 100), UP(.capacity = 5)), 1);
    ck_assert_int_eq(PICK(0, WAITING(.capacity = 100), UP(.capacity = 5, .connections = 5)), -1);
}
END_TEST

START_TEST(a_fault_that_all_share_turns_nobody_away)
{
    ck_assert_int_eq(PICK(0, WAITING(.capacity = 5), WAITING(.capacity = 7)), 1);
}
END_TEST

START_TEST(those_that_never_were_ready_or_are_on_their_way_out_get_none)
{
    for (int state = 0; state < CHILD_STATE_COUNT; state++)
        if (state != CHILD_UP && state != CHILD_WAITING)
            ck_assert_int_eq(PICK(0, {.state = (enum child_state)state, .capacity = 9}), -1);
    ck_assert_int_eq(headroom_pick(NULL, 0, 0), -1);
}
END_TEST

START_TEST(the_lag_of_the_cell_is_what_half_of_the_ready_ones_do_not_exceed)
{
#define LAG(...)                                                                                   \
    headroom_lag((struct headroom[]){__VA_ARGS__},                                                 \
                 sizeof((struct headroom[]){__VA_ARGS__}) / sizeof(struct headroom))
    ck_assert_uint_eq(LAG(UP(.lag_ms = 90), UP(.lag_ms = 1), UP(.lag_ms = 5)), 5);
    ck_assert_uint_eq(LAG(UP(.lag_ms = 90), UP(.lag_ms = 1)), 1); /* one alone does not narrow it for all */
    ck_assert_uint_eq(LAG(UP(.lag_ms = 90), UP(.lag_ms = 80), UP(.lag_ms = 1)), 80);
    ck_assert_uint_eq(LAG(WAITING(.lag_ms = 90)), 0);
    ck_assert_uint_eq(headroom_lag(NULL, 0), 0);
}
END_TEST

UNIT_MAIN("supervisor/headroom", the_lag_of_the_cell_is_what_half_of_the_ready_ones_do_not_exceed, the_one_with_most_headroom_gets_the_next,
          what_was_passed_and_is_not_adopted_yet_counts_as_taken,
          what_was_adopted_and_closed_again_is_free, equal_ones_take_turns,
          full_and_overfull_ones_get_none,
          one_that_is_not_ready_gets_none_while_another_one_is_even_if_that_is_full,
          a_fault_that_all_share_turns_nobody_away,
          those_that_never_were_ready_or_are_on_their_way_out_get_none)
