#include "command.h"

#include "unit.h"

#include <errno.h>

#define PARSED(text)                                                                                         \
    ({                                                                                                       \
        struct command m_;                                                                                   \
        struct bytes frame_ = BYTES(text);                                                                   \
        ck_assert_int_eq(command_take_json(&frame_, &m_), 0);                                                \
        ck_assert_uint_eq(frame_.n, 0);                                                                      \
        m_;                                                                                                  \
    })

START_TEST(reads_every_field_of_a_subscribe)
{
    struct command m = PARSED("{\"id\":2,\"subscribe\":{\"channel\":\"a\\u00e9\\n\",\"token\":\"t\",\"recover\":true,\"epoch\":\"7\","
                              "\"offset\":18446744073709551615,\"flag\":3,\"join_leave\":true,\"delta\":\"fossil\",\"type\":4,\"x\":[]}}");
    ck_assert_int_eq(m.kind, COMMAND_SUBSCRIBE);
    ck_assert_uint_eq(m.id, 2);
    ck_assert_bytes(m.channel, "a\xc3\xa9\n");
    ck_assert_bytes(m.token, "t");
    ck_assert_bytes(m.epoch, "7");
    ck_assert_bytes(m.delta, "fossil");
    ck_assert_uint_eq(m.offset, UINT64_MAX);
    ck_assert_int_eq(m.flag, 3);
    ck_assert_int_eq(m.type, 4);
    ck_assert(m.recover && m.join_leave && m.filter.n == 0);
    command_fini(&m);
}
END_TEST

START_TEST(data_is_a_slice_of_the_line_even_when_it_is_null)
{
    struct command m = PARSED(" { \"publish\" : {\"channel\":\"c\",\"data\" : {\"big\":12345678901234567890123, \"f\":1.0} } , \"id\":1}");
    ck_assert_bytes(m.data, "{\"big\":12345678901234567890123, \"f\":1.0}");
    command_fini(&m);
    m = PARSED("{\"id\":1,\"publish\":{\"channel\":\"c\",\"data\":null}}");
    ck_assert_bytes(m.data, "null");
    command_fini(&m);
}
END_TEST

START_TEST(headers_of_a_connect_that_are_null_are_none)
{
    struct command m = PARSED("{\"id\":1,\"connect\":{\"headers\":null,\"subs\":null,\"token\":null}}");
    ck_assert_uint_eq(m.headers.n, 0);
    command_fini(&m);
    m = PARSED("{\"id\":1,\"connect\":{\"headers\":{\"a\":\"b\"}}}");
    ck_assert_bytes(m.headers, "{\"a\":\"b\"}");
    command_fini(&m);
}
END_TEST

START_TEST(history_reads_its_position)
{
    struct command m = PARSED("{\"id\":1,\"history\":{\"channel\":\"c\",\"limit\":-1,\"reverse\":true,\"since\":{\"offset\":5,\"epoch\":\"e\"}}}");
    ck_assert_int_eq(m.limit, -1);
    ck_assert(m.reverse && m.has_since);
    ck_assert_uint_eq(m.offset, 5);
    ck_assert_bytes(m.epoch, "e");
    command_fini(&m);
    m = PARSED("{\"id\":1,\"history\":{\"channel\":\"c\",\"since\":null}}");
    ck_assert(!m.has_since);
    command_fini(&m);
}
END_TEST

START_TEST(the_first_known_kind_in_the_protocols_order_wins)
{
    struct command m = PARSED("{\"rpc\":{\"method\":\"m\"},\"id\":1,\"publish\":{\"channel\":\"c\"},\"subscribe\":null}");
    ck_assert_int_eq(m.kind, COMMAND_PUBLISH);
    ck_assert_bytes(m.channel, "c");
    command_fini(&m);
}
END_TEST

START_TEST(nothing_known_is_a_pong_or_a_mistake_but_a_line)
{
    static const char *const lines[] = {"{}", "{\"id\":0}", "{\"id\":null}", "{\"id\":7}", "{\"unknown\":{}}", "{\"connect\":null}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct command m;
        struct bytes frame = bytes_str(lines[i]);
        ck_assert_int_eq(command_take_json(&frame, &m), 0);
        ck_assert_int_eq(m.kind, COMMAND_NONE);
        command_fini(&m);
    }
}
END_TEST

START_TEST(refuses_what_is_no_command)
{
    static const char *const lines[] = {
        "",     "x",    "[]",   "\"s\"", "1",    "{",    "{}{}", "{\"id\":-1}", "{\"id\":1.0}", "{\"id\":\"1\"}", "{\"id\":4294967296}",
        "{\"connect\":[]}", "{\"connect\":1}", "{\"id\":1,\"connect\":{\"token\":1}}", "{\"subscribe\":{\"channel\":{}}}",
        "{\"subscribe\":{\"offset\":-1}}", "{\"subscribe\":{\"offset\":18446744073709551616}}", "{\"subscribe\":{\"recover\":1}}",
        "{\"history\":{\"since\":[]}}", "{\"history\":{\"since\":{\"offset\":\"1\"}}}", "{\"history\":{\"limit\":\"1\"}}",
        "{\"subscribe\":{\"channel\":\"\\ud800\"}}", "{\"subscribe\":{\"channel\":\"\\u0000\"}}", "{\"subscribe\":{\"channel\":\"\xff\"}}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct command m;
        struct bytes frame = bytes_str(lines[i]);
        ck_assert_msg(command_take_json(&frame, &m) == -EBADMSG, "taken: %s", lines[i]);
    }
}
END_TEST

START_TEST(nesting_is_bounded)
{
    char deep[400] = "{\"id\":1,\"publish\":{\"channel\":\"c\",\"data\":";
    size_t n = strlen(deep);
    memset(deep + n, '[', 150);
    struct command m;
    memset(deep + n + 150, ']', 150);
    strcpy(deep + n + 300, "}}");
    struct bytes frame = bytes_str(deep);
    ck_assert_int_eq(command_take_json(&frame, &m), -EBADMSG);
}
END_TEST

START_TEST(lines_are_parted_by_single_line_ends)
{
    struct bytes frame = BYTES("{\"id\":1}\n{\"id\":2}\n\n{}");
    struct command m;
    for (uint32_t id = 1; id <= 2; id++) {
        ck_assert_int_eq(command_take_json(&frame, &m), 0);
        ck_assert_uint_eq(m.id, id);
        command_fini(&m);
    }
    ck_assert_bytes(frame, "\n{}");
    ck_assert_int_eq(command_take_json(&frame, &m), -EBADMSG);
    ck_assert_bytes(frame, "\n{}");
}
END_TEST

UNIT_MAIN("command_json", reads_every_field_of_a_subscribe, data_is_a_slice_of_the_line_even_when_it_is_null,
          headers_of_a_connect_that_are_null_are_none,
          history_reads_its_position, the_first_known_kind_in_the_protocols_order_wins,
          nothing_known_is_a_pong_or_a_mistake_but_a_line, refuses_what_is_no_command, nesting_is_bounded,
          lines_are_parted_by_single_line_ends)
