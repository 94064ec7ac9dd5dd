#include "fault.h"

#include "unit.h"

START_TEST(our_own_conditions_are_told_apart)
{
    ck_assert_int_eq(fault_of("ZC001"), FAULT_FENCED);
    ck_assert_int_eq(fault_of("ZC002"), FAULT_STALE);
    ck_assert_int_eq(fault_of("ZC003"), FAULT_STALE);
    ck_assert_int_eq(fault_of("ZC004"), FAULT_STALE);
}
END_TEST

START_TEST(what_the_server_suffers_from_refuses_no_message)
{
    const char *passing[] = {"53100", "53200", "40P01", "57014", "55P03", "25006",
                             "42883", "XX000", "58030", "0A000", "3F000"};
    for (unsigned i = 0; i < sizeof passing / sizeof *passing; i++)
        ck_assert_msg(fault_of(passing[i]) == FAULT_PASSING, "%s", passing[i]);
}
END_TEST

START_TEST(what_is_left_is_the_fault_of_a_message)
{
    const char *data[] = {"22021", "22P05", "23514", "23505",
                          "54000", "P0001", "21000", "44000"};
    for (unsigned i = 0; i < sizeof data / sizeof *data; i++)
        ck_assert_msg(fault_of(data[i]) == FAULT_DATA, "%s", data[i]);
}
END_TEST

UNIT_MAIN("sequencer/fault", our_own_conditions_are_told_apart,
          what_the_server_suffers_from_refuses_no_message,
          what_is_left_is_the_fault_of_a_message)
