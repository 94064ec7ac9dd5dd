/* Clients of both encodings on one gateway. */
#include "encoding.h"

#include "fake_edges.h"
#include "flow.h"
#include "hex.h"
#include "hub.h"
#include "unit.h"

#define CONNECT "04 08 01 22 00 "
#define SUBSCRIBE_C "07 08 02 2a 03 0a 01 63 "

static struct gateway_options options;
static struct gateway g;
static struct ws_socket *s;

static void start(void)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    s = edges_connect_protobuf(&g);
}

static void say(const char *text)
{
    struct buf frame = hex(text);
    edges_say_binary(s, buf_bytes(&frame));
    buf_fini(&frame);
}

/* Connected and subscribed to c, whose head is 6. */
static void open_it(void)
{
    start();
    say(CONNECT SUBSCRIBE_C);
    edges_subscribed(&g, "default/c", 1, 6);
    buf_fini(&s->written);
}

START_TEST(whole_messages_are_parted_where_they_end)
{
    struct bytes lines = BYTES("1\n22\n333\n");
    size_t (*json)(struct bytes, size_t) = encoders[ENCODING_JSON].whole;
    ck_assert_uint_eq(json(lines, 100), 9);
    ck_assert_uint_eq(json(lines, 9), 9);
    ck_assert_uint_eq(json(lines, 6), 5);
    ck_assert_uint_eq(json(lines, 1), 2);
    struct buf b = hex("01 41 02 42 42 00 03 43 43 43");
    size_t (*protobuf)(struct bytes, size_t) = encoders[ENCODING_PROTOBUF].whole;
    ck_assert_uint_eq(protobuf(buf_bytes(&b), 100), 10);
    ck_assert_uint_eq(protobuf(buf_bytes(&b), 10), 10);
    ck_assert_uint_eq(protobuf(buf_bytes(&b), 9), 6);
    ck_assert_uint_eq(protobuf(buf_bytes(&b), 5), 5);
    ck_assert_uint_eq(protobuf(buf_bytes(&b), 1), 2);
    buf_fini(&b);
}
END_TEST

START_TEST(commands_of_one_frame_are_answered_in_protobuf)
{
    start();
    say(CONNECT SUBSCRIBE_C "0f 08 03 3a 0b 0a 01 63 12 06 7b 22 61 22 3a 31"); /* not JSON */
    edges_subscribed(&g, "default/c", 1, 6);
    struct bytes written = buf_bytes(&s->written);
    ck_assert_ptr_nonnull(memmem(written.p, written.n, connection_client(s->connection).p, CLIENT_BYTES));
    struct buf positioned = hex("0d 08 02 32 09 18 01 32 01 31 48 06 50 01");
    ck_assert_ptr_nonnull(memmem(written.p, written.n, positioned.p, positioned.n));
    ck_assert_ptr_nonnull(memmem(written.p, written.n, "bad request", 11));
    ck_assert_uint_eq(s->close_code, 0);
    buf_fini(&positioned);
    edges_stop(&g);
}
END_TEST

START_TEST(both_get_the_same_publication_and_its_protobuf_is_made_once)
{
    open_it();
    struct ws_socket *other = edges_connect(&g);
    edges_say(other, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"c\"}}");
    free(edges_take(other));
    size_t before = g.rings.bytes;
    edges_publish(&g, "default/c", 1, 7, "{}");
    ck_assert_hex(&s->written, "16 22 14 12 01 63 22 0f 22 02 7b 7d 30 07 3a 07 0a 02 69 64 12 01 37");
    char *line = edges_take(other);
    ck_assert_str_eq(line, "{\"push\":{\"channel\":\"c\",\"pub\":{\"data\":{},\"offset\":7,\"tags\":{\"id\":\"7\"}}}}");
    free(line);
    const struct frame *f = channel_frame(hub_find(&g, BYTES("default/c")), 7);
    const struct frame_form *made = f->protobuf;
    ck_assert_ptr_nonnull(made);
    ck_assert_ptr_eq(frame_in(f, ENCODING_PROTOBUF).p, made->p);
    ck_assert_uint_eq(g.rings.bytes - before, sizeof *f + f->n + sizeof *made + made->n);
    edges_stop(&g);
}
END_TEST

START_TEST(without_its_readers_there_is_no_protobuf)
{
    open_it();
    edges_leave(s);
    struct ws_socket *other = edges_reader(&g, "c");
    edges_publish(&g, "default/c", 1, 7, "{}");
    ck_assert_ptr_null(channel_frame(hub_find(&g, BYTES("default/c")), 7)->protobuf);
    ck_assert_int_eq(other->writes, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(what_is_made_while_it_is_read_stays_below_the_bound)
{
    open_it();
    s->connection->blocked = true;
    for (uint64_t seq = 7; seq <= 20; seq++)
        edges_publish(&g, "default/c", 1, seq, "{}");
    g.rings.bytes_max = g.rings.bytes;
    connection_writable(s->connection);
    while (flow_turn(&g))
        ;
    ck_assert_uint_eq(s->connection->subs[0]->sent, 20);
    ck_assert_uint_le(g.rings.bytes, g.rings.bytes_max);
    ck_assert_uint_lt(hub_find(&g, BYTES("default/c"))->count, 14);
    edges_stop(&g);
}
END_TEST

START_TEST(a_text_frame_is_no_protobuf)
{
    open_it();
    struct buf pong = hex("00");
    connection_message(s->connection, buf_bytes(&pong), false);
    ck_assert_uint_eq(s->close_code, 3501);
    buf_fini(&pong);
    edges_stop(&g);
}
END_TEST

START_TEST(bad_frames_end_it_with_3501)
{
    static const char *const frames[] = {"", "05", "05 08 01", "02 08", "02 08 01", "04 08 02 5a 00", "04 08 02 22 00", "04 08 02 2a 00",
                                         "02 01 02", "00", "7b 7d", "04 08 02 3a 00"};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        open_it();
        say(frames[i]);
        ck_assert_msg(s->close_code == 3501, "\"%s\" ends with %u", frames[i], s->close_code);
        edges_stop(&g);
    }
}
END_TEST

START_TEST(a_ping_is_one_byte_and_so_is_its_pong)
{
    open_it();
    edges_pass(&g, 25100);
    ck_assert_hex(&s->written, "00");
    say("00");
    edges_pass(&g, 20000);
    ck_assert_uint_eq(s->close_code, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(what_is_parked_goes_on_when_it_may)
{
    start();
    const struct config *config = g.config;
    g.config = NULL; /* nobody is admitted */
    say(CONNECT "07 08 02 3a 03 0a 01 63"); /* a publish without data */
    say("07 08 03 42 03 0a 01 63");         /* presence, which c has not */
    ck_assert_uint_eq(s->written.n, 0);
    g.config = config;
    edges_pass(&g, 100);
    struct bytes written = buf_bytes(&s->written);
    ck_assert_ptr_nonnull(memmem(written.p, written.n, "\x08\x02\x12\x0f\x08\x6b\x12\x0b" "bad request", 19));
    ck_assert_ptr_nonnull(memmem(written.p, written.n, "\x08\x03\x12\x11\x08\x6c\x12\x0d" "not available", 21));
    edges_stop(&g);
}
END_TEST

START_TEST(what_waits_goes_in_whole_messages)
{
    open_it();
    s->connection->blocked = true;
    for (int i = 0; i < 2000; i++)
        say("07 08 03 42 03 0a 01 63");
    options.write_max_bytes = 1000;
    s->connection->blocked = false;
    connection_dirty(s->connection);
    while (flow_turn(&g))
        ;
    struct bytes written = buf_bytes(&s->written);
    ck_assert_uint_le(s->largest, 1000);
    ck_assert_uint_gt(s->largest, 900);
    ck_assert_uint_eq(written.n, 2000 * 22);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("encoding", whole_messages_are_parted_where_they_end, commands_of_one_frame_are_answered_in_protobuf,
          both_get_the_same_publication_and_its_protobuf_is_made_once, without_its_readers_there_is_no_protobuf,
          what_is_made_while_it_is_read_stays_below_the_bound, a_text_frame_is_no_protobuf, bad_frames_end_it_with_3501,
          a_ping_is_one_byte_and_so_is_its_pong, what_is_parked_goes_on_when_it_may, what_waits_goes_in_whole_messages)
