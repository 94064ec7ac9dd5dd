/* Dialects over a socket pair: what they say, and what they make of what a server says. */
#include "dialect.h"

#include "swarm.h"
#include "unit.h"

#include <sys/socket.h>
#include <unistd.h>

#define DATA "{\"n\":0,\"t\":1000,\"p\":\"xx\"}"

static struct bench_options options;
static struct swarm swarm;
static struct connection connection;
static struct subscription subscriptions[2];
static int server = -1;
static const struct stamp at = {.kernel_us = 2000, .user_us = 3000, .last = true};

static void begin_as(const char *sdk, const char *dialect, int n)
{
    struct buf error = {0};
    int pair[2];
    options = (struct bench_options){.channel = "c-",
                                     .channels = n,
                                     .subscriptions = n,
                                     .connections = 1,
                                     .token = "",
                                     .path = "",
                                     .sdk = sdk};
    if (server >= 0)
        close(server);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    swarm = (struct swarm){.loop = ev_default_loop(0),
                           .options = &options,
                           .dialect = dialect_find(dialect, &error)};
    ck_assert_int_eq(sdk_choose(&options, &swarm.sdk, &error), 0);
    swarm.board = board_new(1, 0, 10);
    swarm.report = swarm.board->reports;
    swarm.arrivals = swarm.board->arrivals;
    memset(subscriptions, 0, sizeof subscriptions);
    connection_init(&connection, &swarm, 0, subscriptions);
    ev_io_set(&connection.io, pair[0], EV_READ);
    server = pair[1];
    connection.state = CONNECTION_JOINING;
    connection.unanswered = (uint16_t)n;
    swarm.dialect->join(&connection);
}

static void begin(const char *dialect, int n)
{
    begin_as("js", dialect, n);
}

static void hear(const char *message)
{
    swarm.dialect->receive(&connection, bytes_str(message), &at);
}

/* Everything that was said since the last time, frames without their 6 or 8 bytes of header. */
static void ck_said(const char *want)
{
    static char text[4096], said[4096];
    size_t n = 0;
    ssize_t got = recv(server, text, sizeof text, MSG_DONTWAIT);
    for (ssize_t i = 0; i < got;) {
        size_t size = text[i + 1] & 0x7f, head = 6;
        if (size == 126) {
            size = (size_t)(unsigned char)text[i + 2] << 8 | (unsigned char)text[i + 3];
            head = 8;
        }
        memcpy(said + n, text + i + head, size);
        n += size;
        i += (ssize_t)(head + size);
    }
    ck_assert_bytes(bytes_of(said, n), want);
}

static void end(void)
{
    connection_fini(&connection);
    ev_timer_stop(swarm.loop, &connection.again);
}

START_TEST(centrifuge_subscribes_answers_pings_and_recovers)
{
    begin("centrifuge", 2);
    ck_said("{\"id\":1,\"connect\":{\"name\":\"cellcast-bench\"}}\n{\"id\":2,\"subscribe\":{"
            "\"channel\":\"c-0\"}}\n"
            "{\"id\":3,\"subscribe\":{\"channel\":\"c-1\"}}");
    hear("{\"id\":1,\"connect\":{\"client\":\"x\",\"ping\":25,\"pong\":true}}");
    ck_assert_int_eq(connection.ping_s, 25);
    hear("{\"id\":2,\"subscribe\":{\"recoverable\":true,\"epoch\":\"e\",\"offset\":4}}\n{"
         "\"id\":3,\"subscribe\":{\"epoch\":\"f\"}}");
    ck_assert_int_eq(connection.state, CONNECTION_SUBSCRIBED);
    hear("{}");
    ck_said("{}");
    hear("{\"push\":{\"channel\":\"c-0\",\"pub\":{\"data\":" DATA ",\"offset\":5}}}");
    ck_assert_uint_eq(swarm.report->delivered, 1);
    ck_assert_uint_eq(swarm.report->holes + swarm.report->unreadable + swarm.report->errors, 0);

    connection.state = CONNECTION_JOINING;
    connection.unanswered = 2;
    swarm.dialect->join(&connection);
    ck_said("{\"id\":1,\"connect\":{\"name\":\"cellcast-bench\"}}\n"
            "{\"id\":2,\"subscribe\":{\"channel\":\"c-0\",\"recover\":true,\"offset\":5,"
            "\"epoch\":\"e\"}}\n"
            "{\"id\":3,\"subscribe\":{\"channel\":\"c-1\",\"recover\":true,\"offset\":0,"
            "\"epoch\":\"f\"}}");
    hear("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"epoch\":\"e\",\"recovered\":"
         "true,\"offset\":5,"
         "\"publications\":[{\"data\":" DATA
         ",\"offset\":6}]}}\n{\"id\":3,\"subscribe\":{\"epoch\":\"g\",\"offset\":9}}");
    ck_assert_uint_eq(swarm.report->recovered, 1);
    ck_assert_uint_eq(swarm.report->not_recovered, 1);
    ck_assert_uint_eq(swarm.report->delivered, 2);
    ck_assert_uint_eq(swarm.report->holes, 0);
    ck_assert_uint_eq(swarm.report->reconnects, 1);
    end();
}
END_TEST

START_TEST(a_temporary_error_is_tried_again_and_another_one_ends_it)
{
    begin("centrifuge", 1);
    hear("{\"id\":1,\"error\":{\"code\":111,\"message\":\"too many "
         "requests\",\"temporary\":true}}");
    ck_assert_int_eq(connection.state, CONNECTION_WAITING);
    ck_assert_uint_eq(swarm.report->turned_away, 1);
    end();
    begin("centrifuge", 1);
    hear("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"error\":{\"code\":103,\"message\":"
         "\"permission denied\"}}");
    ck_assert_int_eq(connection.state, CONNECTION_ENDED);
    ck_assert_uint_eq(swarm.report->ended, 1);
    end();
}
END_TEST

START_TEST(a_subscribe_that_is_refused_for_the_moment_is_tried_again_alone)
{
    begin("centrifuge", 2);
    hear("{\"id\":1,\"connect\":{}}\n{\"id\":3,\"subscribe\":{}}\n"
         "{\"id\":2,\"error\":{\"code\":100,\"message\":\"internal\",\"temporary\":true}}");
    ck_assert_int_eq(connection.state, CONNECTION_JOINING);
    ck_assert(ev_is_active(&connection.again));
    ck_said("{\"id\":1,\"connect\":{\"name\":\"cellcast-bench\"}}\n{\"id\":2,\"subscribe\":{"
            "\"channel\":\"c-0\"}}\n"
            "{\"id\":3,\"subscribe\":{\"channel\":\"c-1\"}}");
    connection_look(&connection, ev_now(swarm.loop) + 1000);
    ck_assert_uint_eq(swarm.report->timeouts, 0); /* no answer is awaited */
    ev_invoke(swarm.loop, &connection.again, EV_TIMER);
    ck_said("{\"id\":2,\"subscribe\":{\"channel\":\"c-0\"}}");
    hear("{\"id\":2,\"subscribe\":{}}");
    ck_assert_int_eq(connection.state, CONNECTION_SUBSCRIBED);
    end();
}
END_TEST

START_TEST(the_go_sdk_subscribes_after_connects_reply_each_in_a_frame_of_its_own)
{
    begin_as("go", "centrifuge", 2);
    ck_said("{\"id\":1,\"connect\":{\"name\":\"cellcast-bench\"}}");
    hear("{\"id\":1,\"connect\":{\"client\":\"x\"}}");
    ck_said("{\"id\":2,\"subscribe\":{\"channel\":\"c-0\"}}"
            "{\"id\":3,\"subscribe\":{\"channel\":\"c-1\"}}");
    hear("{\"id\":2,\"subscribe\":{}}\n{\"id\":3,\"subscribe\":{}}");
    ck_assert_int_eq(connection.state, CONNECTION_SUBSCRIBED);
    end();
}
END_TEST

START_TEST(only_who_was_lost_counts_as_returning)
{
    static const char refused[] = "{\"id\":1,\"error\":{\"code\":111,\"message\":\"x\","
                                  "\"temporary\":true}}";
    begin("centrifuge", 1);
    hear(refused);
    ck_assert_uint_eq(swarm.report->connect_errors, 0);
    end();
    begin("centrifuge", 1);
    connection.lost_ns = 1;
    hear(refused);
    ck_assert_uint_eq(swarm.report->connect_errors, 1);
    end();
}
END_TEST

START_TEST(what_is_no_protocol_is_an_error)
{
    static const char *const dialects[] = {"centrifuge", "nats"};
    for (size_t i = 0; i < 2; i++) {
        begin(dialects[i], 1);
        hear("<html>\r\n");
        ck_assert_uint_eq(swarm.report->errors, 1);
        ck_assert_int_eq(connection.state, CONNECTION_WAITING);
        end();
    }
}
END_TEST

START_TEST(a_push_for_a_channel_that_nobody_asked_for_is_unreadable)
{
    begin("floor", 1);
    hear("{\"push\":{\"channel\":\"c-7\",\"pub\":{\"data\":" DATA ",\"offset\":1}}}");
    hear("{\"push\":{\"channel\":\"c-0\",\"pub\":{\"data\":{\"other\":1},\"offset\":1}}}");
    ck_assert_uint_eq(swarm.report->unreadable, 2);
    end();
}
END_TEST

START_TEST(nats_subscribes_and_reads_several_messages_of_a_frame)
{
    begin("nats", 1);
    ck_said("CONNECT {\"verbose\":false,\"pedantic\":false,\"name\":\"cellcast-bench\"}\r\nSUB "
            "c-0 0\r\nPING\r\n");
    hear("INFO {\"server_id\":\"x\"}\r\n");
    hear("PONG\r\n");
    ck_assert_int_eq(connection.state, CONNECTION_SUBSCRIBED);
    hear("PING\r\nMSG c-0 0 25\r\n" DATA
         "\r\nMSG c-0 0 25\r\n{\"n\":1,\"t\":1000,\"p\":\"xx\"}\r\n");
    ck_said("PONG\r\n");
    ck_assert_uint_eq(swarm.report->delivered, 2);
    ck_assert_uint_eq(swarm.report->unreadable + swarm.report->holes + swarm.report->errors, 0);
    end();
}
END_TEST

START_TEST(socketio_opens_connects_and_subscribes)
{
    begin("socketio", 2);
    hear("0{\"sid\":\"x\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000}");
    ck_assert_int_eq(connection.ping_s, 25);
    ck_said("40");
    hear("40{\"sid\":\"y\"}");
    ck_said("420[\"subscribe\",\"c-0\"]421[\"subscribe\",\"c-1\"]");
    hear("430[]");
    hear("431[]");
    ck_assert_int_eq(connection.state, CONNECTION_SUBSCRIBED);
    hear("42[\"m\",\"c-0\"," DATA "]");
    hear("2");
    ck_said("3");
    ck_assert_uint_eq(swarm.report->delivered, 1);
    ck_assert_uint_eq(swarm.report->unreadable, 0);
    end();
}
END_TEST

START_TEST(nchan_is_subscribed_by_its_path)
{
    begin("nchan", 1);
    ck_assert_int_eq(connection.state, CONNECTION_SUBSCRIBED);
    hear(DATA);
    ck_assert_uint_eq(swarm.report->delivered, 1);
    ck_assert_uint_eq(swarm.report->unreadable, 0);
    end();
}
END_TEST

UNIT_MAIN("bench/dialect", centrifuge_subscribes_answers_pings_and_recovers,
          a_temporary_error_is_tried_again_and_another_one_ends_it,
          a_subscribe_that_is_refused_for_the_moment_is_tried_again_alone,
          the_go_sdk_subscribes_after_connects_reply_each_in_a_frame_of_its_own,
          only_who_was_lost_counts_as_returning,
          what_is_no_protocol_is_an_error,
          a_push_for_a_channel_that_nobody_asked_for_is_unreadable,
          nats_subscribes_and_reads_several_messages_of_a_frame,
          socketio_opens_connects_and_subscribes, nchan_is_subscribed_by_its_path)
