#include "pg/snapshot.h"

#include "unit.h"

#include <errno.h>

static struct pg_snapshot of(const char *text)
{
    struct pg_snapshot s;
    ck_assert_int_eq(pg_snapshot_parse(bytes_str(text), &s), 0);
    return s;
}

START_TEST(what_had_ended_when_it_was_taken_is_seen)
{
    struct pg_snapshot s = of("10:20:10,14,19");
    ck_assert(pg_snapshot_sees(&s, 9) && !pg_snapshot_sees(&s, 10) && pg_snapshot_sees(&s, 11));
    ck_assert(!pg_snapshot_sees(&s, 14) && pg_snapshot_sees(&s, 18) && !pg_snapshot_sees(&s, 19));
    ck_assert(!pg_snapshot_sees(&s, 20) && !pg_snapshot_sees(&s, 21));
    ck_assert(pg_snapshot_sees_up_to(&s, 9) && !pg_snapshot_sees_up_to(&s, 10) && !pg_snapshot_sees_up_to(&s, 11));
    s = of("20:20:");
    ck_assert(pg_snapshot_sees(&s, 19) && pg_snapshot_sees_up_to(&s, 19) && !pg_snapshot_sees(&s, 20));
}
END_TEST

START_TEST(numbers_are_counted_around)
{
    struct pg_snapshot s = of("4294967290:4294967300:4294967290,4294967297"); /* 2^32 is 4294967296 */
    ck_assert(!pg_snapshot_sees(&s, 4294967290u) && pg_snapshot_sees(&s, 4294967291u) && pg_snapshot_sees(&s, 0));
    ck_assert(!pg_snapshot_sees(&s, 1) && pg_snapshot_sees(&s, 3) && !pg_snapshot_sees(&s, 4));
    ck_assert(pg_snapshot_sees_up_to(&s, 4294967289u) && !pg_snapshot_sees_up_to(&s, 0));
    s = of("12884901888:12884901890:"); /* the third time around */
    ck_assert(pg_snapshot_sees(&s, 1) && !pg_snapshot_sees(&s, 2) && pg_snapshot_sees(&s, 4294967295u));
}
END_TEST

START_TEST(what_is_no_snapshot_is_refused)
{
    static const char *const bad[] = {"", "1", "1:", ":2:", "1:2:x", "1:2:3,,4", "a:b:c"};
    struct pg_snapshot s;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(pg_snapshot_parse(bytes_str(bad[i]), &s) == -EBADMSG, "%s", bad[i]);
}
END_TEST

UNIT_MAIN("pg/snapshot", what_had_ended_when_it_was_taken_is_seen, numbers_are_counted_around, what_is_no_snapshot_is_refused)
