#include "command.h"

#include "nested.h"
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

static int takes_nested(const char *before, int levels, const char *behind, struct command *ret)
{
    struct buf line = nested(before, levels, behind);
    struct bytes frame = buf_bytes(&line);
    int error = command_take_json(&frame, ret);
    if (error == 0)
        command_fini(ret);
    buf_fini(&line);
    return error;
}

#define PUBLISH "{\"id\":7,\"publish\":{\"channel\":\"c\",\"data\":"
#define RPC "{\"id\":7,\"rpc\":{\"method\":\"m\",\"data\":"
#define RPC_PUBLISH "{\"id\":7,\"rpc\":{\"data\":{\"channel\":\"c\",\"data\":"

START_TEST(data_is_as_deep_as_it_may_be_by_itself_and_the_command_is_known_when_it_is_deeper)
{
    static const struct {
        const char *before, *behind;
    } rows[] = {
        {PUBLISH, "}}"}, {RPC, "}}"}, {RPC_PUBLISH, "},\"method\":\"cellcast.publish\"}}"},
        {"{\"publish\":{\"data\":", ",\"channel\":\"c\"},\"id\":7}"},
    };
    struct command m;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_int_eq(takes_nested(rows[i].before, 128, rows[i].behind, &m), 0);
        ck_assert(!m.too_deep && m.data.n >= 256);
        for (int levels = 129; levels < 60000; levels = levels < 131 ? levels + 1 : 100 * levels) {
            ck_assert_int_eq(takes_nested(rows[i].before, levels, rows[i].behind, &m), 0);
            ck_assert(m.too_deep && m.data.n == 0);
            ck_assert_uint_eq(m.id, 7);
        }
    }
}
END_TEST

START_TEST(what_nobody_reads_may_be_as_deep_as_it_likes)
{
    struct command m;
    ck_assert_int_eq(takes_nested("{\"id\":7,\"publish\":{\"data\":1,\"channel\":\"c\"},\"x\":", 1000, "}", &m), 0);
    ck_assert(!m.too_deep && m.data.n == 1);
    ck_assert_int_eq(takes_nested("{\"id\":7,\"history\":{\"channel\":\"c\",\"x\":", 1000, "}}", &m), 0);
}
END_TEST

START_TEST(other_fields_that_are_too_deep_make_no_command)
{
    static const char *const before[] = {
        "{\"id\":1,\"subscribe\":{\"channel\":\"c\",\"tf\":", "{\"id\":1,\"subscribe\":{\"channel\":\"c\",\"data\":",
        "{\"id\":1,\"connect\":{\"data\":", "{\"id\":1,\"connect\":{\"headers\":"};
    struct command m;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        ck_assert_int_eq(takes_nested(before[i], 128, "}}", &m), 0);
        ck_assert_int_eq(takes_nested(before[i], 129, "}}", &m), -EBADMSG);
    }
    ck_assert_int_eq(takes_nested(PUBLISH, 200, "]}}", &m), -EBADMSG);
    ck_assert_int_eq(takes_nested(PUBLISH, 200, "}", &m), -EBADMSG);
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
          nothing_known_is_a_pong_or_a_mistake_but_a_line, refuses_what_is_no_command,
          data_is_as_deep_as_it_may_be_by_itself_and_the_command_is_known_when_it_is_deeper,
          what_nobody_reads_may_be_as_deep_as_it_likes, other_fields_that_are_too_deep_make_no_command,
          lines_are_parted_by_single_line_ends)
