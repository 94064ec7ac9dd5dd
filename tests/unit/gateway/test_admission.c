#include "admission.h"

#include "fake_edges.h"
#include "unit.h"

#include <stdio.h>

static struct gateway_options options;
static struct gateway g;

static void start(int64_t rate)
{
    gateway_options_default(&options);
    options.connect_rate = rate;
    edges_start(&g, &options);
}

static int connected(struct ws_socket **s, int n)
{
    int yes = 0;
    for (int i = 0; i < n; i++)
        yes += connection_is_open(s[i]->connection);
    return yes;
}

START_TEST(without_a_rate_nobody_waits)
{
    start(0);
    struct ws_socket *s[50];
    for (int i = 0; i < 50; i++) {
        s[i] = edges_connect(&g);
        edges_say(s[i], "{\"id\":1,\"connect\":{}}");
    }
    ck_assert_int_eq(connected(s, 50), 50);
    edges_stop(&g);
}
END_TEST

START_TEST(those_above_the_rate_wait_in_order_and_then_get_in)
{
    start(100);
    struct ws_socket *s[50];
    edges_pass(&g, 1000);
    for (int i = 0; i < 50; i++) {
        s[i] = edges_connect(&g);
        edges_say(s[i], "{\"id\":1,\"connect\":{}}");
    }
    int at_once = connected(s, 50);
    ck_assert_int_ge(at_once, 10); /* what 100 ms allow */
    ck_assert_int_le(at_once, 12);
    edges_pass(&g, 100);
    int then = connected(s, 50);
    ck_assert_int_ge(then, at_once + 9);
    ck_assert_int_le(then, at_once + 11);
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(connection_is_open(s[i]->connection), i < then);
    for (int i = 0; i < 5; i++)
        edges_pass(&g, 100);
    ck_assert_int_eq(connected(s, 50), 50);
    ck_assert_int_eq(g.metrics.connects_waiting, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(one_that_waited_too_long_is_told_111)
{
    start(1);
    struct ws_socket *s[10];
    for (int i = 0; i < 10; i++) {
        s[i] = edges_connect(&g);
        edges_say(s[i], "{\"id\":1,\"connect\":{}}");
    }
    edges_pass(&g, 4100);
    char *text = edges_take(s[9]);
    ck_assert_str_eq(text, "{\"id\":1,\"error\":{\"code\":111,\"message\":\"too many requests\",\"temporary\":true}}");
    free(text);
    ck_assert_int_eq(g.metrics.connects_waiting, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(one_that_leaves_while_it_waits_is_not_waited_for)
{
    start(1);
    struct ws_socket *s[3];
    for (int i = 0; i < 3; i++) {
        s[i] = edges_connect(&g);
        edges_say(s[i], "{\"id\":1,\"connect\":{}}");
    }
    ck_assert(!connection_is_open(s[1]->connection));
    edges_leave(s[1]);
    edges_pass(&g, 1100);
    ck_assert(connection_is_open(s[2]->connection));
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("admission", without_a_rate_nobody_waits, those_above_the_rate_wait_in_order_and_then_get_in,
          one_that_waited_too_long_is_told_111, one_that_leaves_while_it_waits_is_not_waited_for)
