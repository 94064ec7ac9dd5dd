#include "leader.h"

#include "unit.h"

#include <errno.h>

static uint64_t shards(const char *text)
{
    uint64_t mask = 0;
    ck_assert_msg(leader_parse_shards(text, &mask) == 0, "%s", text);
    return mask;
}

START_TEST(shards_are_numbers_and_ranges)
{
    ck_assert_uint_eq(shards("0-63"), ~0ULL);
    ck_assert_uint_eq(shards("0"), 1);
    ck_assert_uint_eq(shards("63"), 1ULL << 63);
    ck_assert_uint_eq(shards("0-3,8,10-11"), 0xd0f);
}
END_TEST

START_TEST(what_is_no_list_of_shards_is_refused)
{
    const char *wrong[] = {"",     "64", "-",  "3-", "-3",  "5-3",         "0-64",
                           "1,,2", "1,", ",1", "a",  "1 2", "999999999999"};
    uint64_t mask = 7;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(leader_parse_shards(wrong[i], &mask) == -EINVAL, "%s", wrong[i]);
    ck_assert_uint_eq(mask, 7);
}
END_TEST

START_TEST(a_list_of_shards_is_printed_as_it_is_read)
{
    const char *lists[] = {"", "0", "63", "0-63", "0-3,8,10-11", "1,3,5-62"};
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct buf text;
        buf_init(&text);
        leader_print_shards(*lists[i] ? shards(lists[i]) : 0, &text);
        ck_assert_msg(bytes_is(buf_bytes(&text), lists[i]), "%s", lists[i]);
        buf_fini(&text);
    }
}
END_TEST

UNIT_MAIN("sequencer/leader", shards_are_numbers_and_ranges,
          what_is_no_list_of_shards_is_refused, a_list_of_shards_is_printed_as_it_is_read)
