/* A connection against a listener in the same loop, which speaks as the floor does. */
#include "connection.h"

#include "dialect.h"
#include "frame.h"
#include "swarm.h"
#include "unit.h"

#include "core/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define UPGRADED "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
#define PUSH                                                                                   \
    "{\"push\":{\"channel\":\"c-0\",\"pub\":{\"data\":{\"n\":0,\"t\":1,\"p\":\"\"},"           \
    "\"offset\":1}}}"

static struct bench_options options = {
    .channel = "c-",
    .channels = 1,
    .subscriptions = 1,
    .sources = 1,
    .path = "",
    .token = "",
    .sdk = "js",
};
static struct swarm swarm;
static struct connection connection;
static struct subscription subscription;
static int listener, peer;

static void turn(void)
{
    ev_run(swarm.loop, EVRUN_NOWAIT);
    usleep(1000);
}

/* Turns the loop until it holds. */
#define ck_becomes(holds)                                                                      \
    do {                                                                                       \
        int64_t end_ = clock_mono_ns() + 10 * NS_PER_S;                                        \
        bool held_ = false;                                                                    \
        while (!(held_ = (holds)) && clock_mono_ns() < end_)                                   \
            turn();                                                                            \
        ck_assert_msg(held_, "%s", #holds);                                                    \
    } while (0)

static void say(const char *p, size_t n)
{
    ck_assert_int_eq(send(peer, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void say_frame(uint8_t opcode, struct bytes payload)
{
    struct buf wire = {0};
    frame_append(&wire, opcode, payload);
    say(wire.p, wire.n);
    buf_fini(&wire);
}

/* Up to the request for an upgrade, which is read. */
static void begin(void)
{
    static char request[1024];
    swarm = (struct swarm){.loop = ev_default_loop(0),
                           .options = &options,
                           .dialect = &dialect_floor,
                           .board = board_new(1, 0, 10),
                           .n_servers = 1,
                           .room = malloc(READ_MAX)};
    ck_assert_int_eq(sdk_choose(&options, &swarm.sdk, NULL), 0);
    turns_start(&swarm.turns, swarm.loop, connection_open);
    swarm.report = swarm.board->reports;
    swarm.arrivals = swarm.board->arrivals;
    struct address *at = &swarm.servers[0];
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&any, sizeof any), 0);
    ck_assert_int_eq(listen(listener, 4), 0);
    at->n = sizeof at->storage;
    getsockname(listener, &at->any, &at->n);
    subscription = (struct subscription){0};
    connection_init(&connection, &swarm, 0, &subscription);
    connection_open(&connection);
    ck_becomes((peer = accept(listener, NULL, NULL)) >= 0);
    ck_becomes(recv(peer, request, sizeof request - 1, MSG_DONTWAIT) > 0);
    ck_assert_ptr_nonnull(strstr(request, "GET /connection/websocket HTTP/1.1\r\n"));
}

static void end(void)
{
    connection_fini(&connection);
    turns_stop(&swarm.turns);
    close(peer);
    close(listener);
    free(swarm.room);
}

START_TEST(a_frame_in_two_pieces_is_one_delivery)
{
    struct buf wire = {0};
    begin();
    buf_append_str(&wire, UPGRADED);
    frame_append(&wire, FRAME_TEXT, BYTES(PUSH));
    say(wire.p, wire.n - 20);
    ck_becomes(connection.state == CONNECTION_SUBSCRIBED);
    ck_assert_uint_eq(swarm.report->delivered, 0);
    say(wire.p + wire.n - 20, 20);
    ck_becomes(swarm.report->delivered == 1);
    ck_assert_uint_eq(swarm.report->unreadable, 0);
    ck_assert_uint_eq(swarm.report->subscribed_now, 1);
    buf_fini(&wire);
    end();
}
END_TEST

START_TEST(one_that_is_lost_comes_back)
{
    begin();
    say(UPGRADED, strlen(UPGRADED));
    ck_becomes(connection.state == CONNECTION_SUBSCRIBED);
    close(peer);
    ck_becomes(connection.state == CONNECTION_WAITING);
    ck_assert_uint_eq(swarm.report->lost, 1);
    ck_assert_uint_eq(swarm.report->subscribed_now, 0);
    ck_becomes((peer = accept(listener, NULL, NULL)) >= 0);
    say(UPGRADED, strlen(UPGRADED));
    ck_becomes(connection.state == CONNECTION_SUBSCRIBED);
    ck_assert_uint_eq(swarm.report->connected, 1);
    ck_assert_uint_eq(swarm.report->reconnects, 1);
    ck_assert_uint_eq(swarm.report->back.count, 1);
    ck_assert_uint_eq(swarm.report->storm.count, 1);
    ck_assert_uint_eq(swarm.report->tries, 1);
    ck_assert_uint_eq(swarm.opening, 0);
    end();
}
END_TEST

START_TEST(one_that_pauses_reads_nothing_until_it_goes_on)
{
    begin();
    say(UPGRADED, strlen(UPGRADED));
    ck_becomes(connection.state == CONNECTION_SUBSCRIBED);
    connection_pause(&connection);
    say_frame(FRAME_TEXT, BYTES(PUSH));
    for (int i = 0; i < 20; i++)
        turn();
    ck_assert_uint_eq(swarm.report->delivered, 0);
    connection_resume(&connection);
    ck_becomes(swarm.report->delivered == 1);
    ck_assert_uint_eq(swarm.report->caught_up, 1);
    end();
}
END_TEST

START_TEST(a_refused_upgrade_is_tried_again)
{
    begin();
    say("HTTP/1.1 503 Service Unavailable\r\n\r\n", 36);
    ck_becomes(connection.state == CONNECTION_WAITING);
    ck_assert_uint_eq(swarm.report->turned_away, 1);
    ck_assert_uint_eq(swarm.report->connected, 0);
    end();
}
END_TEST

START_TEST(of_a_storm_the_time_runs_from_the_first_loss)
{
    begin();
    swarm.board->first_lost_ns = clock_mono_ns() - 60 * NS_PER_S;
    say(UPGRADED, strlen(UPGRADED));
    ck_becomes(connection.state == CONNECTION_SUBSCRIBED);
    connection_cut(&connection);
    close(peer);
    ck_becomes((peer = accept(listener, NULL, NULL)) >= 0);
    say(UPGRADED, strlen(UPGRADED));
    ck_becomes(connection.state == CONNECTION_SUBSCRIBED);
    ck_assert_uint_ge(swarm.report->storm.max_us, 60 * 1000 * 1000);
    ck_assert_uint_lt(swarm.report->back.max_us, 30 * 1000 * 1000);
    end();
}
END_TEST

START_TEST(the_go_sdk_waits_a_second_for_tcp_and_upgrade_together)
{
    options.sdk = "go";
    begin();
    connection_look(&connection, ev_now(swarm.loop) + 0.5);
    ck_assert_int_eq(connection.state, CONNECTION_UPGRADING);
    connection.lost_ns = 1;
    connection_look(&connection, connection.since + 1.1);
    ck_assert_uint_eq(swarm.report->handshakes_late, 1);
    ck_assert_int_eq(connection.state, CONNECTION_WAITING);
    options.sdk = "js";
    end();
}
END_TEST

START_TEST(a_close_code_says_whether_to_come_back)
{
    begin();
    say(UPGRADED, strlen(UPGRADED));
    say_frame(FRAME_CLOSE, BYTES("\x0d\xadno")); /* 3501 */
    ck_becomes(connection.state == CONNECTION_ENDED);
    ck_assert_uint_eq(swarm.report->ended, 1);
    end();
    begin();
    say(UPGRADED, strlen(UPGRADED));
    say_frame(FRAME_CLOSE, BYTES("\x0b\xb9shutdown")); /* 3001 */
    ck_becomes(connection.state == CONNECTION_WAITING);
    ck_assert_uint_eq(swarm.report->ended, 0);
    end();
}
END_TEST

START_TEST(an_answer_or_a_ping_that_does_not_come_is_a_timeout)
{
    begin();
    connection_look(&connection, ev_now(swarm.loop) + 4);
    ck_assert_uint_eq(swarm.report->timeouts, 0);
    connection_look(&connection, ev_now(swarm.loop) + 6);
    ck_assert_uint_eq(swarm.report->timeouts, 1);
    ck_assert_int_eq(connection.state, CONNECTION_WAITING);
    end();
    begin();
    say(UPGRADED, strlen(UPGRADED));
    ck_becomes(connection.state == CONNECTION_SUBSCRIBED);
    connection_look(&connection, ev_now(swarm.loop) + 1000);
    ck_assert_uint_eq(swarm.report->timeouts, 0); /* this server has said nothing of pings */
    connection.ping_s = 25;
    connection_look(&connection, ev_now(swarm.loop) + 34);
    ck_assert_uint_eq(swarm.report->timeouts, 0);
    connection_look(&connection, ev_now(swarm.loop) + 36);
    ck_assert_uint_eq(swarm.report->timeouts, 1);
    end();
}
END_TEST

UNIT_MAIN("bench/connection", a_frame_in_two_pieces_is_one_delivery,
          one_that_is_lost_comes_back, one_that_pauses_reads_nothing_until_it_goes_on,
          a_refused_upgrade_is_tried_again, of_a_storm_the_time_runs_from_the_first_loss,
          the_go_sdk_waits_a_second_for_tcp_and_upgrade_together,
          a_close_code_says_whether_to_come_back,
          an_answer_or_a_ping_that_does_not_come_is_a_timeout)
