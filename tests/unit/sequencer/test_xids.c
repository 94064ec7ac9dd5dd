#include "xids.h"

#include "pg/snapshot.h"
#include "unit.h"

static struct xids x;

static void strike(const char *text, size_t known, bool more)
{
    struct pg_snapshot seen;
    ck_assert_int_eq(pg_snapshot_parse(bytes_str(text), &seen), 0);
    xids_strike(&x, known, more, &seen);
}

START_TEST(what_a_snapshot_sees_goes_and_what_runs_beside_it_does_not_matter)
{
    x = (struct xids){0};
    ck_assert(!xids_are_there(&x));
    for (uint32_t xid = 100; xid < 104; xid++)
        ck_assert(xids_add(&x, xid));
    ck_assert(xids_add(&x, 103)); /* another row of it */
    ck_assert_uint_eq(x.n, 4);
    strike("50:103:50,101", x.n, true); /* 50 has run for an hour */
    ck_assert_uint_eq(x.n, 2);
    ck_assert(x.at[0] == 101 && x.at[1] == 103);
    strike("50:110:50", 1, true); /* the other one came since it was asked */
    ck_assert(x.n == 1 && x.at[0] == 103);
    strike("50:110:50", 1, true);
    ck_assert(!xids_are_there(&x));
}
END_TEST

START_TEST(those_beyond_are_seen_when_all_up_to_the_last_have_ended)
{
    x = (struct xids){0};
    for (uint32_t xid = 1000; xid < 1000 + XIDS_MAX; xid++)
        ck_assert(xids_add(&x, xid));
    ck_assert(!xids_add(&x, 9000) && !xids_add(&x, 9002) && !xids_add(&x, 9001));
    strike("8000:9010:8000", x.n, true);
    ck_assert(x.n == 0 && xids_are_there(&x));
    strike("9002:9010:9002", 0, true);
    ck_assert(xids_are_there(&x));
    strike("9003:9010:", 0, false);
    ck_assert(xids_are_there(&x));
    strike("9003:9010:", 0, true);
    ck_assert(!xids_are_there(&x));
}
END_TEST

START_TEST(numbers_go_around)
{
    x = (struct xids){0};
    xids_add(&x, UINT32_MAX);
    xids_add(&x, 3);
    xids_add_up_to(&x, UINT32_MAX - 1);
    xids_add_up_to(&x, 2);
    strike("4294967297:4294967298:", x.n, true); /* 2^32 + 1 is the first that has not ended */
    ck_assert(x.n == 1 && x.at[0] == 3 && x.more && x.upto == 2);
    strike("4294967300:4294967300:", x.n, true);
    ck_assert(!xids_are_there(&x));
}
END_TEST

UNIT_MAIN("sequencer/xids", what_a_snapshot_sees_goes_and_what_runs_beside_it_does_not_matter,
          those_beyond_are_seen_when_all_up_to_the_last_have_ended, numbers_go_around)
