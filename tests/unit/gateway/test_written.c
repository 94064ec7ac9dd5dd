#include "written.h"

#include "unit.h"

#include <stdio.h>

static struct written w;

static uint64_t seq(const char *channel, uint64_t epoch, int64_t now_ns)
{
    return written_seq(&w, bytes_str(channel), epoch, now_ns);
}

START_TEST(the_newest_of_an_epoch_is_remembered_for_a_while)
{
    ck_assert_uint_eq(seq("a", 1, 0), 0);
    written_note(&w, BYTES("a"), 1, 7, 100);
    written_note(&w, BYTES("a"), 1, 6, 200); /* results may come in any order */
    ck_assert_uint_eq(seq("a", 1, 100), 7);
    ck_assert_uint_eq(seq("b", 1, 100), 0);
    ck_assert_uint_eq(seq("a", 2, 100), 0);
    ck_assert_uint_eq(seq("a", 1, 99 + WRITTEN_FOR_NS), 7);
    ck_assert_uint_eq(seq("a", 1, 100 + WRITTEN_FOR_NS), 0);
    written_note(&w, BYTES("a"), 2, 1, 300);
    written_note(&w, BYTES("a"), 1, 8, 400);
    ck_assert_uint_eq(seq("a", 2, 400), 1);
    ck_assert_uint_eq(seq("a", 1, 400), 0);
    written_fini(&w);
    ck_assert_uint_eq(seq("a", 2, 400), 0);
}
END_TEST

START_TEST(many_channels_take_no_more_room)
{
    char name[24];
    unsigned known = 0;
    for (int i = 0; i < 4 * WRITTEN_PLACES; i++) {
        snprintf(name, sizeof name, "channel-%d", i);
        written_note(&w, bytes_str(name), 1, (uint64_t)i + 1, i);
        ck_assert_uint_eq(seq(name, 1, i), (uint64_t)i + 1);
    }
    for (int i = 0; i < 4 * WRITTEN_PLACES; i++) {
        snprintf(name, sizeof name, "channel-%d", i);
        uint64_t found = seq(name, 1, 0);
        ck_assert(found == 0 || found == (uint64_t)i + 1);
        known += found != 0;
    }
    ck_assert_uint_le(known, WRITTEN_PLACES);
    ck_assert_uint_gt(known, WRITTEN_PLACES / 2);
    written_fini(&w);
}
END_TEST

UNIT_MAIN("written", the_newest_of_an_epoch_is_remembered_for_a_while, many_channels_take_no_more_room)
