#include "roster.h"
#include "unit.h"

static struct roster r;
static int people[1000];

static void sit(int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_uint_eq(roster_add(&r, &people[i]), (uint64_t)i + 1);
}

START_TEST(a_page_goes_on_behind_the_last_number)
{
    sit(10);
    ck_assert_uint_eq(roster_after(&r, 0), 0);
    ck_assert_uint_eq(roster_after(&r, 4), 4);
    ck_assert_uint_eq(roster_after(&r, 10), r.n);
    ck_assert_uint_eq(roster_after(&r, 99), r.n);
    roster_fini(&r);
    ck_assert_uint_eq(roster_after(&r, 0), 0);
}
END_TEST

START_TEST(a_seat_goes_over_to_another_one)
{
    sit(3);
    roster_pass(&r, 2, &people[7]);
    roster_leave(&r, 2, &people[1]); /* is not his any more */
    ck_assert_ptr_eq(r.seats[1].who, &people[7]);
    roster_fini(&r);
}
END_TEST

START_TEST(seats_that_are_given_up_are_closed_up_and_numbers_stay)
{
    sit(1000);
    for (uint64_t number = 1; number <= 999; number++)
        if (number % 10)
            roster_leave(&r, number, &people[number - 1]);
    ck_assert_uint_lt(r.n, 300);
    uint64_t seen = 0, last = 0;
    for (size_t at = roster_after(&r, 0); at < r.n; at++) {
        ck_assert_uint_gt(r.seats[at].number, last);
        last = r.seats[at].number;
        seen += r.seats[at].who != NULL;
        if (r.seats[at].who)
            ck_assert_ptr_eq(r.seats[at].who, &people[last - 1]);
    }
    ck_assert_uint_eq(seen, 100);
    ck_assert_uint_eq(roster_add(&r, &people[0]), 1001);
    roster_fini(&r);
}
END_TEST

UNIT_MAIN("fanout-worker/roster", a_page_goes_on_behind_the_last_number,
          a_seat_goes_over_to_another_one,
          seats_that_are_given_up_are_closed_up_and_numbers_stay)
