#include "admission.h"

#include "fake_edges.h"
#include "core/clock.h"
#include "unit.h"

#include <stdio.h>

static struct gateway_options options;
static struct gateway g;

static void start(int64_t rate)
{
    gateway_options_default(&options);
    options.connect_rate = rate;
    edges_start_gated(&g, &options);
}

static int connected(struct ws_socket **s, int n)
{
    int yes = 0;
    for (int i = 0; i < n; i++)
        yes += connection_is_open(s[i]->connection);
    return yes;
}

/* As the loop's ticks come. */
static void pass(int ms)
{
    for (int i = 0; i < ms; i += 10)
        edges_pass(&g, 10);
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
    for (int i = 0; i < 50; i++) {
        s[i] = edges_connect(&g);
        edges_say(s[i], "{\"id\":1,\"connect\":{}}");
    }
    int at_once = connected(s, 50);
    ck_assert_int_eq(at_once, 5); /* what 50 ms allow */
    pass(100);
    int then = connected(s, 50);
    ck_assert_int_ge(then, at_once + 9);
    ck_assert_int_le(then, at_once + 11);
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(connection_is_open(s[i]->connection), i < then);
    pass(400);
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

static struct ws_socket *come(const char *tenant)
{
    struct ws_socket *s = edges_connect_to(&g, tenant);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    return s;
}

START_TEST(one_tenants_herd_does_not_keep_another_ones_client_waiting)
{
    start(100);
    struct ws_socket *herd[300], *quiet[2];
    for (int i = 0; i < 300; i++)
        herd[i] = come("");
    quiet[0] = come("acme");
    quiet[1] = come("acme");
    ck_assert_int_eq(connected(quiet, 2), 0);
    int before = connected(herd, 300);
    edges_pass(&g, 40); /* what four may */
    ck_assert_int_eq(connected(quiet, 2), 2);
    ck_assert_int_eq(connected(herd, 300), before + 2);
    edges_stop(&g);
}
END_TEST

START_TEST(a_tenants_own_rate_holds_up_nobody_else)
{
    start(1000);
    struct ws_socket *slow[20], *quiet[20];
    for (int i = 0; i < 20; i++) {
        slow[i] = come("slow");
        quiet[i] = come("acme");
    }
    ck_assert_int_eq(connected(quiet, 20), 20);
    ck_assert_int_le(connected(slow, 20), 2);
    int at_once = connected(slow, 20);
    pass(1000);
    ck_assert_int_ge(connected(slow, 20), at_once + 9);
    ck_assert_int_le(connected(slow, 20), at_once + 11);
    edges_stop(&g);
}
END_TEST

START_TEST(the_rate_grows_while_the_loop_does_not_lag_and_falls_when_it_does)
{
    gateway_options_default(&options);
    options.connect_rate_start = 100;
    options.connect_lag = 20;
    edges_start_gated(&g, &options);
    struct ws_socket *s[200];
    for (int i = 0; i < 200; i++)
        s[i] = come("");
    pass(210);
    ck_assert_double_ge(g.admission.rate.rate, 400);
    lag_saw(&g.lag, 50 * NS_PER_MS, g.now_ns);
    pass(100);
    ck_assert_double_eq(g.admission.rate.rate, 200);
    ck_assert_int_lt(connected(s, 200), 200);
    edges_stop(&g);
}
END_TEST

START_TEST(when_the_queue_is_full_each_tenant_has_its_share_of_it)
{
    gateway_options_default(&options);
    options.connect_rate = 1;
    options.connect_queue = 10;
    edges_start_gated(&g, &options);
    ck_assert(connection_is_open(come("")->connection));
    for (int i = 0; i < 10; i++)
        ck_assert(come("")->connection->state == CONNECTION_WAITING);
    ck_assert(!admission_has_room(&g.admission, &g, BYTES("default")));
    ck_assert(admission_has_room(&g.admission, &g, BYTES("acme")));
    struct ws_socket *s = come("");
    char *text = edges_take(s);
    ck_assert_str_eq(text, "{\"id\":1,\"error\":{\"code\":111,\"message\":\"too many requests\",\"temporary\":true}}");
    free(text);
    for (int i = 0; i < 5; i++)
        ck_assert(come("acme")->connection->state == CONNECTION_WAITING);
    ck_assert(!admission_has_room(&g.admission, &g, BYTES("acme")));
    ck_assert_uint_eq(g.metrics.connects_shed_total, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(who_has_no_good_token_is_told_so_and_takes_no_turn)
{
    start(1);
    come("");
    struct ws_socket *s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{\"token\":\"x.y.z\"}}");
    ck_assert_uint_eq(s->close_code, 3500);
    ck_assert_int_eq(g.metrics.connects_waiting, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(no_more_tenants_wait_than_the_queue_has_places)
{
    gateway_options_default(&options);
    options.connect_rate = 1;
    options.connect_queue = 2;
    edges_start_gated(&g, &options);
    come("");
    for (int i = 0; i < 2; i++)
        ck_assert(come("")->connection->state == CONNECTION_WAITING);
    ck_assert(come("acme")->connection->state == CONNECTION_WAITING);
    ck_assert(!admission_has_room(&g.admission, &g, BYTES("slow")));
    edges_stop(&g);
}
END_TEST

START_TEST(a_herd_is_let_in_over_several_turns_of_the_loop)
{
    start(1);
    struct ws_socket *herd[200];
    for (int i = 0; i < 200; i++)
        herd[i] = come("");
    int before = connected(herd, 200);
    g.admission.rate.rate = g.admission.rate.limits.max = 1e6;
    g.now_ns += NS_PER_MS;
    ck_assert(admission_turn(&g.admission, &g));
    ck_assert_int_eq(connected(herd, 200), before + 64);
    while (admission_turn(&g.admission, &g))
        ;
    ck_assert_int_eq(connected(herd, 200), 200);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("admission", one_tenants_herd_does_not_keep_another_ones_client_waiting, a_tenants_own_rate_holds_up_nobody_else,
          the_rate_grows_while_the_loop_does_not_lag_and_falls_when_it_does, when_the_queue_is_full_each_tenant_has_its_share_of_it,
          who_has_no_good_token_is_told_so_and_takes_no_turn, without_a_rate_nobody_waits, those_above_the_rate_wait_in_order_and_then_get_in,
          one_that_waited_too_long_is_told_111, one_that_leaves_while_it_waits_is_not_waited_for,
          no_more_tenants_wait_than_the_queue_has_places,
          a_herd_is_let_in_over_several_turns_of_the_loop)
