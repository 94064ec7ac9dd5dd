#include "connection.h"

#include "fake_edges.h"
#include "ws.h"
#include "unit.h"

#include <stdio.h>

static struct gateway_options options;
static struct gateway g;
static struct ws_socket *s;

static void start(void)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    s = edges_connect(&g);
}

static void open_it(void)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    free(edges_take(s));
}

static int pings(void)
{
    char *text = edges_take(s);
    int n = 0;
    for (char *at = text; (at = strstr(at, "{}")); at++)
        n++;
    free(text);
    return n;
}

START_TEST(pings_at_its_interval_the_first_time_in_its_second_half)
{
    open_it();
    edges_pass(&g, 12400);
    ck_assert_int_eq(pings(), 0);
    edges_pass(&g, 12700);
    ck_assert_int_eq(pings(), 1);
    edges_say(s, "{}");
    edges_pass(&g, 25100);
    ck_assert_int_eq(pings(), 1);
    ck_assert_uint_eq(s->close_code, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_missing_pong_ends_it_and_a_late_one_for_a_real_ping_does_not)
{
    open_it();
    edges_pass(&g, 25100);
    ck_assert_int_eq(pings(), 1);
    edges_pass(&g, 7000);
    edges_say(s, "{}");
    ck_assert_uint_eq(s->close_code, 0);
    edges_say(s, "{}"); /* one too many */
    ck_assert_uint_eq(s->close_code, 3501);
    edges_stop(&g);
    open_it();
    edges_pass(&g, 25100);
    edges_pass(&g, 8100);
    ck_assert_uint_eq(s->close_code, 3012);
    ck_assert_str_eq(s->close_reason, "no pong");
    edges_stop(&g);
}
END_TEST

START_TEST(a_slow_reader_that_takes_bytes_is_not_ended_by_a_missing_pong)
{
    open_it();
    edges_pass(&g, 25100);
    s->waiting = true;
    for (int i = 0; i < 5; i++) {
        s->acked += 100;
        edges_pass(&g, 8100);
        ck_assert_uint_eq(s->close_code, 0);
    }
    edges_pass(&g, 8100); /* took nothing meanwhile */
    ck_assert_uint_eq(s->close_code, 3012);
    edges_stop(&g);
}
END_TEST

START_TEST(a_client_whose_kernel_is_silent_since_the_ping_is_ended_at_once_and_one_that_only_answers_the_second_time)
{
    open_it();
    edges_pass(&g, 25100);
    s->waiting = true;
    s->acked = 100;
    s->silent_ms = 9100;
    edges_pass(&g, 8100);
    ck_assert_uint_eq(s->close_code, 3012);
    edges_stop(&g);
    open_it(); /* it has no room: its kernel says so again and again */
    edges_pass(&g, 25100);
    s->waiting = true;
    s->acked = 100;
    s->silent_ms = 200;
    edges_pass(&g, 8100);
    ck_assert_uint_eq(s->close_code, 0);
    edges_pass(&g, 8100);
    ck_assert_uint_eq(s->close_code, 3012);
    edges_stop(&g);
}
END_TEST

START_TEST(a_ping_waits_for_messages_but_not_for_long)
{
    open_it();
    for (int i = 0; i < 270; i++) {
        g.behind_ns = g.now_ns + 100 * NS_PER_MS - 1900 * NS_PER_MS;
        edges_pass(&g, 100);
    }
    ck_assert_int_eq(pings(), 0);
    edges_pass(&g, 1100);
    ck_assert_int_eq(pings(), 1);
    edges_stop(&g);
    open_it();
    for (int i = 0; i < 251; i++) {
        g.behind_ns = g.now_ns + 100 * NS_PER_MS - 2000 * NS_PER_MS;
        edges_pass(&g, 100);
    }
    ck_assert_int_eq(pings(), 1);
    edges_stop(&g);
}
END_TEST

START_TEST(one_that_never_connects_is_stale_and_one_that_does_is_not)
{
    start();
    edges_pass(&g, 9900);
    ck_assert_uint_eq(s->close_code, 0);
    edges_pass(&g, 200);
    ck_assert_uint_eq(s->close_code, 3502);
    edges_stop(&g);
    open_it();
    edges_pass(&g, 11000);
    ck_assert_uint_eq(s->close_code, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_client_that_does_not_close_after_a_disconnect_is_cut)
{
    open_it();
    connection_disconnect(s->connection, 3503, "bye");
    connection_disconnect(s->connection, 3001, NULL);
    ck_assert_uint_eq(s->close_code, 3503);
    ck_assert_str_eq(s->close_reason, "bye");
    edges_pass(&g, 4900);
    ck_assert(!s->cut);
    edges_pass(&g, 200);
    ck_assert(s->cut);
    edges_stop(&g);
}
END_TEST

START_TEST(what_was_said_before_a_disconnect_is_written_first)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"rpc\":{\"method\":\"x\"}}\nnonsense");
    char *text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "{\"id\":2,\"error\":{\"code\":108"));
    ck_assert_uint_eq(s->close_code, 3501);
    free(text);
    edges_stop(&g);
}
END_TEST

START_TEST(replies_to_one_that_does_not_read_are_bounded)
{
    open_it();
    options.replies_max = 65536;
    s->connection->blocked = true;
    for (int i = 0; i < 5000 && connection_reply_error(s->connection, 2, 108); i++)
        ck_assert_uint_le(s->connection->out.n, 65536);
    ck_assert_uint_eq(s->close_code, 3008);
    edges_stop(&g);
}
END_TEST

START_TEST(leaving_clears_presence_and_forgets_what_was_asked)
{
    open_it();
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"chat:x\"}}");
    edges_subscribed(&g, "default/chat:x", 1, 0);
    edges_say(s, "{\"id\":3,\"publish\":{\"channel\":\"chat:x\",\"data\":1}}\n{\"id\":4,\"history\":{\"channel\":\"chat:x\",\"limit\":5}}"
                 "\n{\"id\":5,\"presence\":{\"channel\":\"chat:x\"}}\n{\"id\":6,\"subscribe\":{\"channel\":\"y\"}}");
    edges_leave(s);
    ck_assert_ptr_nonnull(strstr(edges.asked.p, "absent default/chat:x"));
    ops_publish_done(&g, edges.publish_ticket, &(struct ops_published){.seq = 1}); /* nobody is there */
    edges_range(&g, 0, 1, 0, 0, 0);
    edges_subscribed(&g, "default/y", 1, 0);
    edges_pass(&g, 10000);
    ck_assert_uint_eq(g.channels.count, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(without_a_lifetime_a_connection_stays)
{
    open_it();
    for (int hours = 0; hours < 48; hours++) {
        edges_pass(&g, 25100);
        edges_say(s, "{}");
        ck_assert_uint_eq(s->close_code, 0);
    }
    edges_stop(&g);
}
END_TEST

/* -> ms until it was ended */
static int64_t life(void)
{
    int64_t ms = 0;
    gateway_options_default(&options);
    options.lifetime = 10000;
    edges_start(&g, &options);
    s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    for (; !s->close_code && ms < 20000; ms += 50)
        edges_pass(&g, 50);
    ck_assert_uint_eq(s->close_code, DISCONNECT_FORCE_RECONNECT);
    ck_assert_uint_eq(g.metrics.lifetimes_total, 1);
    edges_stop(&g);
    return ms;
}

START_TEST(a_lifetime_is_drawn_around_its_length_and_ends_with_a_code_that_lets_it_come_back)
{
    int64_t least = 20000, most = 0;
    for (int i = 0; i < 60; i++) {
        int64_t ms = life();
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    ck_assert_int_ge(least, 8000);
    ck_assert_int_le(most, 12200);
    ck_assert_int_ge(most - least, 1500);
}
END_TEST

START_TEST(at_the_end_of_its_lifetime_one_with_a_command_in_flight_is_spared_until_it_is_answered)
{
    gateway_options_default(&options);
    options.lifetime = 1000;
    options.lifetime_spread = 0;
    edges_start(&g, &options);
    s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    edges_pass(&g, 900);
    edges_say(s, "{\"id\":3,\"publish\":{\"channel\":\"x\",\"data\":1}}");
    for (int i = 0; i < 20; i++)
        edges_pass(&g, 100);
    ck_assert_uint_eq(s->close_code, 0);
    ops_publish_done(&g, edges.publish_ticket, &(struct ops_published){.seq = 1});
    for (int i = 0; i < 4; i++)
        edges_pass(&g, 100);
    ck_assert_uint_eq(s->close_code, DISCONNECT_FORCE_RECONNECT);
    edges_stop(&g);
}
END_TEST

START_TEST(of_one_that_is_not_read_no_pong_is_missed)
{
    open_it();
    edges_pass(&g, 25100);
    s->connection->paused = true;
    for (int i = 0; i < 3; i++)
        edges_pass(&g, 8100);
    ck_assert_uint_eq(s->close_code, 0);
    s->connection->paused = false;
    edges_pass(&g, 8100);
    ck_assert_uint_eq(s->close_code, 3012);
    edges_stop(&g);
}
END_TEST

START_TEST(one_whose_command_is_never_answered_is_not_spared_for_ever)
{
    gateway_options_default(&options);
    options.lifetime = 1000;
    options.lifetime_spread = 0;
    edges_start(&g, &options);
    s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    edges_say(s, "{\"id\":3,\"publish\":{\"channel\":\"x\",\"data\":1}}");
    for (int i = 0; i < 150; i++)
        edges_pass(&g, 100);
    ck_assert_uint_eq(s->close_code, DISCONNECT_FORCE_RECONNECT);
    edges_stop(&g);
}
END_TEST

START_TEST(an_end_in_a_thousand_years_is_no_end_that_has_passed)
{
    start();
    int64_t far = connection_end_of(&g, gateway_unix_s(&g) + AUTH_TTL_MAX);
    ck_assert_int_gt(far, g.now_ns);
    ck_assert_int_eq(connection_end_of(&g, 9007199254740991), far); /* the last that a token may say */
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("connection", pings_at_its_interval_the_first_time_in_its_second_half,
          a_missing_pong_ends_it_and_a_late_one_for_a_real_ping_does_not,
          a_slow_reader_that_takes_bytes_is_not_ended_by_a_missing_pong,
          a_client_whose_kernel_is_silent_since_the_ping_is_ended_at_once_and_one_that_only_answers_the_second_time,
          a_ping_waits_for_messages_but_not_for_long, one_that_never_connects_is_stale_and_one_that_does_is_not,
          a_client_that_does_not_close_after_a_disconnect_is_cut, what_was_said_before_a_disconnect_is_written_first,
          replies_to_one_that_does_not_read_are_bounded,
          leaving_clears_presence_and_forgets_what_was_asked, without_a_lifetime_a_connection_stays,
          a_lifetime_is_drawn_around_its_length_and_ends_with_a_code_that_lets_it_come_back,
          at_the_end_of_its_lifetime_one_with_a_command_in_flight_is_spared_until_it_is_answered,
          of_one_that_is_not_read_no_pong_is_missed,
          one_whose_command_is_never_answered_is_not_spared_for_ever,
          an_end_in_a_thousand_years_is_no_end_that_has_passed)
