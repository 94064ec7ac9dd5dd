#include "slow.h"

#include "fake_edges.h"
#include "hub.h"
#include "unit.h"

#include <stdio.h>

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    options.ping_interval = 3600000; /* nobody answers a ping here */
    options.ring_messages = 8;
    edges_start(&g, &options);
}

static void publish(const char *channel, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++)
        edges_publish(&g, channel, 1, seq, "1");
}

/* The offsets that it was written, parted by spaces. */
static void ck_offsets(struct ws_socket *s, const char *want)
{
    char *text = edges_take(s);
    struct buf got = {0};
    for (const char *at = text; at && (at = strstr(at, "\"offset\":")); at++)
        buf_printf(&got, "%s%d", got.n ? " " : "", atoi(at + 9));
    ck_assert_bytes(buf_bytes(&got), want);
    buf_fini(&got);
    free(text);
}

/* Its socket is full from the write of `seq` on. */
static void fill(struct ws_socket *s, const char *channel, uint64_t seq)
{
    s->full = true;
    publish(channel, seq, seq);
    s->full = false;
}

static void drain(struct ws_socket *s)
{
    connection_writable(s->connection);
    edges_pass(&g, 1);
}

START_TEST(a_slow_client_of_a_conflating_namespace_goes_on_with_the_newest)
{
    start();
    struct ws_socket *slow = edges_reader(&g, "state:x"), *quick = edges_reader(&g, "state:x");
    fill(slow, "default/state:x", 1);
    publish("default/state:x", 2, 30);
    ck_offsets(quick, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30");
    drain(slow);
    ck_offsets(slow, "1 30");
    ck_assert_uint_eq(g.metrics.conflated_total, 28);
    ck_assert_uint_eq(g.metrics.pages_total, 0);
    publish("default/state:x", 31, 32);
    ck_offsets(slow, "31 32");
    edges_stop(&g);
}
END_TEST

START_TEST(one_that_is_not_behind_when_its_socket_takes_bytes_again_misses_nothing)
{
    start();
    struct ws_socket *slow = edges_reader(&g, "state:x");
    fill(slow, "default/state:x", 1);
    publish("default/state:x", 2, 2);
    drain(slow);
    ck_offsets(slow, "1 2");
    ck_assert_uint_eq(g.metrics.conflated_total, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_slow_client_elsewhere_reads_on_below_the_ring)
{
    start();
    struct ws_socket *slow = edges_reader(&g, "news");
    fill(slow, "default/news", 1);
    publish("default/news", 2, 30);
    drain(slow);
    while (edges_serve(&g, 1, 30))
        ;
    ck_offsets(slow, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30");
    ck_assert_uint_eq(g.metrics.conflated_total, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_subscription_that_was_told_a_position_is_never_conflated)
{
    start();
    struct ws_socket *slow = edges_reader(&g, "state:x");
    slow->connection->subs[0]->positioned = true; /* before the namespace became one that conflates */
    fill(slow, "default/state:x", 1);
    publish("default/state:x", 2, 5);
    drain(slow);
    ck_offsets(slow, "1 2 3 4 5");
    edges_stop(&g);
}
END_TEST

START_TEST(what_waits_at_slow_clients_is_counted)
{
    start();
    struct ws_socket *slow = edges_reader(&g, "news");
    edges_say(slow, "{\"id\":3,\"subscribe\":{\"channel\":\"state:x\"}}");
    edges_subscribed(&g, "default/state:x", 1, 0);
    edges_reader(&g, "news");
    fill(slow, "default/news", 1);
    publish("default/news", 2, 3);
    slow_tick(&g);
    ck_assert_int_eq(g.metrics.slow_connections, 1);
    ck_assert_int_eq(g.metrics.slow_subscriptions, 1);
    drain(slow);
    slow_tick(&g);
    ck_assert_int_eq(g.metrics.slow_connections, 0);
    ck_assert_int_eq(g.metrics.slow_subscriptions, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_slow_client_that_goes_is_forgotten)
{
    start();
    struct ws_socket *slow = edges_reader(&g, "news"), *closed = edges_reader(&g, "news");
    slow->full = closed->full = true;
    publish("default/news", 1, 2);
    connection_disconnect(closed->connection, DISCONNECT_FORCE, NULL);
    edges_leave(slow);
    slow_tick(&g);
    ck_assert_int_eq(g.metrics.slow_connections, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(who_holds_more_than_an_even_share_of_what_is_unread_goes_when_it_is_too_much)
{
    start();
    struct ws_socket *slow[4];
    for (int i = 0; i < 4; i++)
        slow[i] = edges_reader(&g, "news");
    for (int i = 0; i < 4; i++)
        slow[i]->full = true;
    publish("default/news", 1, 1);
    for (int i = 0; i < 4; i++)
        for (int replies = 0; replies < 20 * (i + 1); replies++)
            connection_reply_error(slow[i]->connection, 1, 100);
    slow_tick(&g);
    ck_assert_int_eq(g.metrics.slow_connections, 4);
    int64_t all = g.metrics.unread_bytes;
    options.unread_bytes = all;
    slow_tick(&g);
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(slow[i]->close_code, 0);
    options.unread_bytes = all * 7 / 10; /* a fifth is 14 %: of the 10, 20, 30 and 40 % the second goes first, then the third */
    slow_tick(&g);
    ck_assert_uint_eq(slow[0]->close_code, 0);
    ck_assert_uint_eq(slow[1]->close_code, DISCONNECT_SLOW);
    ck_assert_uint_eq(slow[2]->close_code, DISCONNECT_SLOW);
    ck_assert_uint_eq(slow[3]->close_code, 0);
    ck_assert_int_eq(g.metrics.unread_bytes, all / 2);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("slow", a_slow_client_of_a_conflating_namespace_goes_on_with_the_newest,
          one_that_is_not_behind_when_its_socket_takes_bytes_again_misses_nothing,
          a_slow_client_elsewhere_reads_on_below_the_ring, a_subscription_that_was_told_a_position_is_never_conflated,
          what_waits_at_slow_clients_is_counted, a_slow_client_that_goes_is_forgotten,
          who_holds_more_than_an_even_share_of_what_is_unread_goes_when_it_is_too_much)
