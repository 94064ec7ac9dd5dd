#include "scan.h"

#include "unit.h"

#define DATA "{\"n\":17,\"t\":1764123456789012,\"p\":\"xxxx\"}"

START_TEST(a_message_is_split_into_its_lines)
{
    struct bytes text = BYTES("{}\n{\"id\":1}\n"), line;
    ck_assert(scan_next_line(&text, &line));
    ck_assert_bytes(line, "{}");
    ck_assert(scan_next_line(&text, &line));
    ck_assert_bytes(line, "{\"id\":1}");
    ck_assert(!scan_next_line(&text, &line));
}
END_TEST

START_TEST(a_push_of_ours_is_read_in_each_order_of_its_members)
{
    static const struct {
        const char *line;
        uint64_t offset;
    } good[] = {
        {"{\"push\":{\"channel\":\"bench-3\",\"pub\":{\"data\":" DATA ",\"offset\":44}}}", 44},
        {"{\"push\":{\"channel\":\"bench-3\",\"pub\":{\"data\":" DATA "}}}", 0},
        {"{\"push\":{\"channel\":\"bench-3\",\"pub\":{\"data\":" DATA
         ",\"offset\":44,\"tags\":{\"id\":\"9\"}}}}",
         44},
        {"{\"push\":{\"channel\":\"bench-3\",\"pub\":{\"info\":{\"user\":\"u\"},\"data\":" DATA
         ",\"offset\":44}}}",
         44},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct delivery d = {0};
        ck_assert_int_eq(scan_line(bytes_str(good[i].line), &d), LINE_PUBLICATION);
        ck_assert_bytes(d.channel, "bench-3");
        ck_assert_uint_eq(d.offset, good[i].offset);
        ck_assert_uint_eq(d.number, 17);
        ck_assert_uint_eq(d.stamp_us, 1764123456789012);
    }
}
END_TEST

START_TEST(a_ping_is_a_ping_and_all_else_is_the_parsers)
{
    static const char *const others[] = {"",
                                         "{\"id\":1,\"connect\":{}}",
                                         "{\"push\":{\"channel\":\"c\",\"join\":{}}}",
                                         "{\"push\":{\"channel\":\"c\",\"pub\":{\"data\":{}}}}",
                                         "{\"push\":{\"channel\":\"c",
                                         "{ }"};
    struct delivery d = {0};
    ck_assert_int_eq(scan_line(BYTES("{}"), &d), LINE_PING);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(scan_line(bytes_str(others[i]), &d) == LINE_OTHER, "%s", others[i]);
    ck_assert_uint_eq(d.number, 0);
}
END_TEST

UNIT_MAIN("bench/scan", a_message_is_split_into_its_lines,
          a_push_of_ours_is_read_in_each_order_of_its_members,
          a_ping_is_a_ping_and_all_else_is_the_parsers)
