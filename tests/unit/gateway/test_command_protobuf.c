#include "command.h"

#include "hex.h"
#include "protobuf.h"
#include "unit.h"

#include <errno.h>
#include <time.h>

static struct buf text;

static struct command parsed(const char *frame)
{
    struct command m;
    buf_fini(&text);
    text = hex(frame);
    struct bytes rest = buf_bytes(&text);
    ck_assert_int_eq(command_take_protobuf(&rest, &m), 0);
    ck_assert_uint_eq(rest.n, 0);
    return m;
}

static void forget(struct command *m)
{
    command_fini(m);
    buf_fini(&text);
}

START_TEST(reads_the_frames_of_the_protocol)
{
    struct command m = parsed("08 08 01 22 04 22 02 67 6f");
    ck_assert_uint_eq(m.id, 1);
    ck_assert_int_eq(m.kind, COMMAND_CONNECT);
    forget(&m);
    m = parsed("09 08 02 2a 05 0a 01 63 70 01");
    ck_assert_uint_eq(m.id, 2);
    ck_assert_int_eq(m.kind, COMMAND_SUBSCRIBE);
    ck_assert_bytes(m.channel, "c");
    ck_assert_int_eq(m.flag, 1);
    forget(&m);
    m = parsed("00");
    ck_assert_uint_eq(m.id, 0);
    ck_assert_int_eq(m.kind, COMMAND_NONE);
    forget(&m);
}
END_TEST

START_TEST(connect_says_where_the_client_stood)
{
    struct command m = parsed("1f 08 01 22 1b 0a 01 74 1a 0d 0a 01 63 12 08 18 01 32 01 37 38 ac 02 1a 03 0a 01 64 22 02 6a 73");
    ck_assert_bytes(m.token, "t");
    ck_assert_bytes(m.name, "js");
    ck_assert_uint_eq(m.asked.n, 2);
    ck_assert_bytes(m.asked.items[0].channel, "c");
    ck_assert(m.asked.items[0].since.recover && m.asked.items[0].since.has_epoch);
    ck_assert_uint_eq(m.asked.items[0].since.epoch, 7);
    ck_assert_uint_eq(m.asked.items[0].since.offset, 300);
    ck_assert_bytes(m.asked.items[1].channel, "d");
    ck_assert(!m.asked.items[1].since.recover && !m.asked.items[1].since.has_epoch);
    forget(&m);
}
END_TEST

START_TEST(reads_every_field_of_a_subscribe)
{
    struct command m = parsed("22 08 02 2a 1e 0a 01 63 12 01 74 18 01 32 01 37 38 ac 02 42 01 31 58 01 "
                              "62 01 66 6a 02 0a 00 70 02 78 04");
    ck_assert_bytes(m.channel, "c");
    ck_assert_bytes(m.token, "t");
    ck_assert(m.recover && m.join_leave && m.filter.n > 0);
    ck_assert_bytes(m.epoch, "7");
    ck_assert_uint_eq(m.offset, 300);
    ck_assert_bytes(m.data, "1");
    ck_assert_bytes(m.delta, "f");
    ck_assert_int_eq(m.flag, 2);
    ck_assert_int_eq(m.type, 4);
    forget(&m);
}
END_TEST

START_TEST(history_reads_its_position)
{
    struct command m = parsed("1b 08 01 52 17 0a 01 63 38 ff ff ff ff ff ff ff ff ff 01 42 05 08 05 12 01 65 48 01");
    ck_assert_int_eq(m.limit, -1);
    ck_assert(m.reverse && m.has_since);
    ck_assert_uint_eq(m.offset, 5);
    ck_assert_bytes(m.epoch, "e");
    forget(&m);
    m = parsed("07 08 01 52 03 0a 01 63");
    ck_assert(!m.has_since);
    forget(&m);
}
END_TEST

START_TEST(data_is_any_bytes_and_json_only_if_it_is)
{
    struct command m = parsed("0b 08 01 3a 07 0a 01 63 12 02 ff 00");
    ck_assert_int_eq(m.kind, COMMAND_PUBLISH);
    ck_assert_uint_eq(m.data.n, 2);
    ck_assert(!command_has_json(&m));
    forget(&m);
    m = parsed("0b 08 01 3a 07 0a 01 63 12 02 7b 7d");
    ck_assert(command_has_json(&m));
    forget(&m);
    m = parsed("07 08 01 3a 03 0a 01 63");
    ck_assert(!command_has_json(&m));
    forget(&m);
}
END_TEST

START_TEST(the_first_known_kind_in_the_protocols_order_wins)
{
    struct command m = parsed("09 6a 00 08 01 3a 03 0a 01 63");
    ck_assert_int_eq(m.kind, COMMAND_PUBLISH);
    ck_assert_bytes(m.channel, "c");
    forget(&m);
}
END_TEST

START_TEST(commands_stand_behind_each_other)
{
    struct buf two = hex("02 08 01 00 02 08 02");
    struct bytes rest = buf_bytes(&two);
    struct command m;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(command_take_protobuf(&rest, &m), 0);
        ck_assert_uint_eq(m.id, i == 1 ? 0 : 1 + i / 2);
        command_fini(&m);
    }
    ck_assert_uint_eq(rest.n, 0);
    buf_fini(&two);
}
END_TEST

START_TEST(refuses_what_is_no_command)
{
    static const char *const frames[] = {
        "",                                  /* nothing */
        "02 08",                             /* less than its size says */
        "80 80",                             /* a size without an end */
        "ff ff ff ff ff ff ff ff ff ff 01",  /* one that is too long */
        "ff ff ff ff ff ff ff ff ff 01 08",
        "01 08",                             /* a field without its value */
        "02 22 05",                          /* a message without its bytes */
        "02 0b 01",                          /* a group */
        "0a 08 01 3a 06 0a 01 ff 12 01 31",  /* a channel that is not UTF-8 */
        "0c 08 01 3a 08 0a 03 61 00 62 12 01 31", /* one with a NUL in it */
        "04 22 00 22 00",                    /* two connects */
        "08 2a 02 0a 00 08 01 2a 00",        /* two subscribes, apart */
        "0b 08 01 52 07 0a 01 63 42 00 42 00", /* two positions of a history */
        "0b 22 09 1a 07 0a 01 63 12 00 12 00", /* of a subscription that the client had, two */
        "06 22 04 1a 05 0a 00",              /* one that is longer than its connect */
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct buf frame = hex(frames[i]);
        struct bytes rest = buf_bytes(&frame);
        struct command m;
        ck_assert_msg(command_take_protobuf(&rest, &m) == -EBADMSG, "taken: %s", frames[i]);
        ck_assert_uint_eq(rest.n, frame.n);
        buf_fini(&frame);
    }
}
END_TEST

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* A command of about 128 KB: `head` in front of as many of `unit`. -> ns of CPU, the least of some tries */
static int64_t costs(const char *head, const char *unit)
{
    struct buf frame = {0}, begins = hex(head), more = hex(unit);
    size_t n = 131000 / more.n, size = begins.n + n * more.n;
    int64_t least = INT64_MAX;
    buf_reserve(&frame, UVARINT_MAX);
    frame.n = uvarint_write(frame.p, size);
    buf_append_bytes(&frame, buf_bytes(&begins));
    for (size_t i = 0; i < n; i++)
        buf_append_bytes(&frame, buf_bytes(&more));
    for (int i = 0; i < 3; i++) {
        struct bytes rest = buf_bytes(&frame);
        struct command m;
        int64_t began = cpu_ns();
        if (command_take_protobuf(&rest, &m) == 0)
            command_fini(&m);
        int64_t took = cpu_ns() - began;
        least = took < least ? took : least;
    }
    buf_fini(&frame);
    buf_fini(&begins);
    buf_fini(&more);
    return least;
}

/* protobuf-c made one connect of them all, and copied what was in it each time. */
START_TEST(many_small_messages_cost_no_more_than_many_small_fields)
{
    static const char *const units[] = {
        "22 02 1a 00", "22 02 32 00", "22 04 1a 02 12 00", "22 04 32 02 0a 00", "52 02 42 00", "2a 02 6a 00", "22 00 2a 00",
    };
    int64_t fields = costs("", "08 01 08 01"); /* so many ids, of which the last one counts */
    int64_t most = 5 * (fields + costs("22 b8 ff 07", "1a 00"));
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        ck_assert_int_lt(costs("", units[i]), most);
}
END_TEST

UNIT_MAIN("command_protobuf", reads_the_frames_of_the_protocol, connect_says_where_the_client_stood, reads_every_field_of_a_subscribe, history_reads_its_position,
          data_is_any_bytes_and_json_only_if_it_is, the_first_known_kind_in_the_protocols_order_wins,
          commands_stand_behind_each_other, refuses_what_is_no_command,
          many_small_messages_cost_no_more_than_many_small_fields)
