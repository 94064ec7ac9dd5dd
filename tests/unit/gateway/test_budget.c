#include "budget.h"

#include "fake_edges.h"
#include "hub.h"
#include "reply.h"
#include "unit.h"

#include "core/clock.h"

#include <errno.h>
#include <stdio.h>

static struct gateway_options options;
static struct gateway g;
static const char *which; /* quota that is used up */

static void start(const char *tenant, const char *namespace)
{
    gateway_options_default(&options);
    options.ping_interval = 3600000; /* nobody answers a ping here */
    edges_start(&g, &options);
    g.now_ns = 5000 * NS_PER_S;
    edges_quotas(&g, tenant, namespace);
}

/* What the other gateways use. */
static void others(uint32_t gateways, uint32_t connections, double publishes, uint64_t deliveries)
{
    struct buf list = {0};
    wire_put_tenant_usage(&list, &(struct tenant_usage){.tenant = BYTES("default"),
                                                        .connections = connections,
                                                        .publishes_m = (uint64_t)(publishes * 1000),
                                                        .deliveries = deliveries});
    ck_assert_int_eq(budgets_heard(&g, &(struct ctl_usage){gateways, buf_bytes(&list)}), 0);
    buf_fini(&list);
}

static struct ws_socket *connect(void)
{
    struct ws_socket *s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    return s;
}

static int count(struct ws_socket *s, const char *what)
{
    char *text = edges_take(s);
    int n = 0;
    for (const char *at = text; at && (at = strstr(at, what)); at++)
        n++;
    free(text);
    return n;
}

/* ---- connections */

START_TEST(a_tenant_has_so_many_connections_and_a_place_that_is_left_is_free)
{
    start(",\"connection_limit\":2", "");
    struct ws_socket *a = connect();
    connect();
    struct ws_socket *c = connect(), *elsewhere = edges_connect_to(&g, "acme");
    ck_assert_uint_eq(c->close_code, DISCONNECT_TENANT_LIMIT);
    ck_assert_str_eq(c->close_reason, "connection limit of the tenant");
    edges_say(elsewhere, "{\"id\":1,\"connect\":{}}");
    ck_assert_uint_eq(elsewhere->close_code, 0);
    ck_assert_uint_eq(g.metrics.quota_connections_refused_total, 1);
    edges_leave(a);
    ck_assert_uint_eq(connect()->close_code, 0);
    ck_assert_uint_eq(connect()->close_code, DISCONNECT_TENANT_LIMIT);
    edges_stop(&g);
}
END_TEST

START_TEST(one_that_is_disconnected_is_counted_out_once)
{
    start(",\"connection_limit\":2", "");
    struct ws_socket *a = connect();
    connect();
    connection_disconnect(a->connection, DISCONNECT_FORCE, NULL);
    ck_assert_uint_eq(budget_of(&g, BYTES("default"))->connections, 1);
    edges_leave(a);
    ck_assert_uint_eq(budget_of(&g, BYTES("default"))->connections, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(connections_of_other_gateways_count)
{
    start(",\"connection_limit\":10", "");
    others(3, 9, 0, 0);
    ck_assert_uint_eq(connect()->close_code, 0);
    ck_assert_uint_eq(connect()->close_code, DISCONNECT_TENANT_LIMIT);
    others(3, 7, 0, 0);
    ck_assert_uint_eq(connect()->close_code, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_limit_that_is_raised_or_taken_away_counts_at_once)
{
    start(",\"connection_limit\":1", "");
    connect();
    ck_assert_uint_eq(connect()->close_code, DISCONNECT_TENANT_LIMIT);
    edges_quotas(&g, ",\"connection_limit\":2", "");
    ck_assert_uint_eq(connect()->close_code, 0);
    edges_quotas(&g, "", "");
    ck_assert_uint_eq(connect()->close_code, 0);
    edges_stop(&g);
}
END_TEST

/* ---- publishes */

/* -> how many publishes of so many bytes are let in at this moment */
static int publish(const char *channel, size_t bytes)
{
    int n = 0;
    while (n < 1000 && !budget_publish(&g, bytes_str(channel), bytes, &which))
        n++;
    return n;
}

START_TEST(a_publish_above_the_rate_is_error_131_and_goes_no_further)
{
    start(",\"publish_rate\":2", "");
    struct ws_socket *s = connect();
    free(edges_take(s));
    for (int i = 2; i < 5; i++) {
        char text[100];
        snprintf(text, sizeof text, "{\"id\":%d,\"publish\":{\"channel\":\"a\",\"data\":1}}", i);
        edges_say(s, text);
    }
    ck_assert_int_eq(edges.publishes, 2);
    ck_assert_int_eq(count(s, "{\"id\":4,\"error\":{\"code\":131"), 1);
    ck_assert_uint_eq(g.metrics.quota_publishes_refused_total, 1);
    edges_pass(&g, 600);
    edges_say(s, "{\"id\":5,\"publish\":{\"channel\":\"a\",\"data\":1}}");
    ck_assert_int_eq(edges.publishes, 3);
    edges_stop(&g);
}
END_TEST

START_TEST(rates_and_bytes_are_the_tenants_and_each_channels)
{
    start(",\"publish_rate\":100", ",\"publish_rate\":10,\"publish_bytes\":5000");
    ck_assert_int_eq(publish("default/a", 10), 10);
    ck_assert_uint_eq(budget_publish(&g, BYTES("default/a"), 1, &which), 132);
    ck_assert_str_eq(which, "quota publish_rate of the channel's namespace");
    ck_assert_int_eq(publish("default/b", 2600), 2);
    ck_assert_uint_eq(budget_publish(&g, BYTES("default/b"), 1, &which), 132);
    ck_assert_str_eq(which, "quota publish_bytes of the channel's namespace");
    ck_assert_int_eq(publish("default/chat:a", 10), 88); /* what the tenant has left */
    ck_assert_int_eq(publish("acme/a", 10), 1000);
    edges_stop(&g);
}
END_TEST

START_TEST(a_gateway_has_what_the_others_leave_and_an_even_share_at_least)
{
    start(",\"publish_rate\":90", "");
    struct budget *b = budget_of(&g, BYTES("default"));
    others(3, 0, 20, 0);
    ck_assert_double_eq_tol(b->publish_rate, 70, .01);
    others(3, 0, 90, 0);
    ck_assert_double_eq_tol(b->publish_rate, 30, .01);
    others(1, 0, 0, 0);
    ck_assert_double_eq_tol(b->publish_rate, 90, .01);
    edges_stop(&g);
}
END_TEST

/* Gateways as they tell each other; each admits what it may of its demand. */
START_TEST(gateways_together_come_to_the_quota_whatever_the_demand_of_each)
{
    enum { GATEWAYS = 3 };
    static struct gateway all[GATEWAYS];
    const double demand[GATEWAYS] = {500, 200, 10}; /* a second; the quota is 100 */
    gateway_options_default(&options);
    for (int i = 0; i < GATEWAYS; i++) {
        edges_start(&all[i], &options);
        edges_quotas(&all[i], ",\"publish_rate\":100", "");
    }
    double taken[GATEWAYS] = {0};
    for (int step = 0; step < 80; step++) { /* 20 s */
        struct buf reports[GATEWAYS] = {0};
        for (int i = 0; i < GATEWAYS; i++) {
            all[i].now_ns += USAGE_MS * NS_PER_MS;
            for (int n = 0; n < demand[i] * USAGE_MS / 1000; n++)
                taken[i] += !budget_publish(&all[i], BYTES("default/a"), 1, &which) && step >= 40;
            budgets_report(&all[i], &reports[i]);
        }
        for (int i = 0; i < GATEWAYS; i++) {
            double sum = 0;
            for (int other = 0; other < GATEWAYS; other++) {
                struct bytes rest = buf_bytes(&reports[other]);
                struct tenant_usage u;
                while (other != i && wire_next_tenant_usage(&rest, &u) > 0)
                    sum += (double)u.publishes_m / 1000;
            }
            struct buf list = {0};
            wire_put_tenant_usage(&list, &(struct tenant_usage){.tenant = BYTES("default"), .publishes_m = (uint64_t)(sum * 1000)});
            budgets_heard(&all[i], &(struct ctl_usage){GATEWAYS, buf_bytes(&list)});
            buf_fini(&list);
        }
        for (int i = 0; i < GATEWAYS; i++)
            buf_fini(&reports[i]);
    }
    ck_assert_double_ge((taken[0] + taken[1] + taken[2]) / 10, 95);
    ck_assert_double_le((taken[0] + taken[1] + taken[2]) / 10, 110);
    ck_assert_double_ge(taken[2] / 10, 9.5); /* below its even share: all of it */
    for (int i = 0; i < GATEWAYS; i++)
        edges_stop(&all[i]);
}
END_TEST

/* ---- deliveries */

static struct ws_socket *readers[10];

static void read_all(const char *channel)
{
    for (int i = 0; i < 10; i++)
        readers[i] = edges_reader(&g, channel);
}

static int delivered(void)
{
    int n = 0;
    for (int i = 0; i < 10; i++)
        n += count(readers[i], "\"pub\":");
    return n;
}

START_TEST(a_tenant_above_its_delivery_rate_gets_everything_in_order_later)
{
    start(",\"delivery_rate\":100", "");
    read_all("a");
    for (uint64_t seq = 1; seq <= 50; seq++)
        edges_publish(&g, "default/a", 1, seq, "1");
    int n = delivered();
    ck_assert_int_ge(n, 100);
    ck_assert_int_le(n, 110);
    ck_assert_int_gt(budgets_next_ms(&g), 0);
    for (int ms = 0; ms < 2000; ms += 10)
        edges_pass(&g, 10);
    n += delivered();
    ck_assert_int_ge(n, 290);
    ck_assert_int_le(n, 330);
    for (int ms = 0; ms < 3000; ms += 10)
        edges_pass(&g, 10);
    ck_assert_int_eq(n + delivered(), 500);
    ck_assert_int_eq(budgets_next_ms(&g), -1);
    ck_assert_uint_gt(g.metrics.quota_deliveries_late_total, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(its_replies_do_not_wait_and_take_nothing_along)
{
    start(",\"delivery_rate\":10", "");
    read_all("a");
    for (uint64_t seq = 1; seq <= 20; seq++)
        edges_publish(&g, "default/a", 1, seq, "1");
    delivered();
    edges_say(readers[3], "{\"id\":7,\"rpc\":{\"method\":\"x\",\"data\":1}}");
    char *text = edges_take(readers[3]);
    ck_assert_ptr_nonnull(strstr(text, "{\"id\":7,\"error\""));
    ck_assert_ptr_null(strstr(text, "\"pub\""));
    free(text);
    edges_stop(&g);
}
END_TEST

START_TEST(the_deliveries_of_another_tenant_do_not_wait)
{
    start(",\"delivery_rate\":10", "");
    read_all("a");
    for (uint64_t seq = 1; seq <= 20; seq++)
        edges_publish(&g, "default/a", 1, seq, "1");
    edges_quotas(&g, "", ""); /* the quota is taken away: what waited goes at once */
    edges_pass(&g, 1);
    ck_assert_int_eq(delivered(), 200);
    edges_stop(&g);
}
END_TEST

START_TEST(ephemeral_ones_are_dropped_first)
{
    start(",\"delivery_rate\":100", "");
    read_all("typing:a");
    struct ws_socket *durable = edges_reader(&g, "b");
    for (int i = 0; i < 20; i++)
        edges_publish(&g, "default/typing:a", 0, 0, "1");
    int n = delivered();
    ck_assert_int_ge(n, 50); /* half of a second's worth */
    ck_assert_int_le(n, 60);
    ck_assert_uint_eq(g.metrics.quota_ephemeral_dropped_total, 200 - (uint64_t)n);
    for (uint64_t seq = 1; seq <= 40; seq++)
        edges_publish(&g, "default/b", 1, seq, "1");
    ck_assert_int_eq(count(durable, "\"pub\":"), 40);
    edges_stop(&g);
}
END_TEST

START_TEST(an_ephemeral_one_that_was_taken_in_goes_to_all)
{
    start(",\"delivery_rate\":8", "");
    read_all("typing:a"); /* ten: more than is left */
    for (int i = 0; i < 2; i++)
        edges_publish(&g, "default/typing:a", 0, 0, "1");
    ck_assert_int_eq(delivered(), 10);
    ck_assert_uint_eq(g.metrics.quota_ephemeral_dropped_total, 10);
    edges_stop(&g);
}
END_TEST

START_TEST(a_report_names_who_has_quotas_and_uses_something_and_once_that_nobody_does)
{
    start(",\"connection_limit\":10", "");
    struct buf list = {0};
    struct tenant_usage u;
    connect();
    edges_say(edges_connect_to(&g, "acme"), "{\"id\":1,\"connect\":{}}");
    g.now_ns += USAGE_MS * NS_PER_MS;
    ck_assert(!budgets_report(&g, &list)); /* to a supervisor that has not said that it knows of it */
    buf_clear(&list);
    others(1, 0, 0, 0);
    g.now_ns += USAGE_MS * NS_PER_MS;
    ck_assert(budgets_report(&g, &list));
    struct bytes rest = buf_bytes(&list);
    ck_assert_int_eq(wire_next_tenant_usage(&rest, &u), 1);
    ck_assert_bytes(u.tenant, "default");
    ck_assert_uint_eq(u.connections, 1);
    ck_assert_uint_eq(rest.n, 0);
    edges_quotas(&g, "", "");
    for (int i = 0; i < 2; i++) {
        buf_clear(&list);
        g.now_ns += USAGE_MS * NS_PER_MS;
        ck_assert(budgets_report(&g, &list) == (i == 0));
        ck_assert_uint_eq(list.n, 0);
    }
    buf_fini(&list);
    edges_stop(&g);
}
END_TEST

START_TEST(a_report_that_is_cut_short_is_refused)
{
    start("", "");
    ck_assert_int_eq(budgets_heard(&g, &(struct ctl_usage){2, BYTES("\x04\0\0\0ab")}), -EBADMSG);
    edges_stop(&g);
}
END_TEST

START_TEST(so_many_channels_publishes_are_remembered_those_used_last)
{
    char name[32];
    start("", ",\"publish_rate\":1");
    ck_assert_int_eq(publish("default/a", 1), 1);
    for (int n = 0; n < BUDGET_CHANNELS_MAX + 100; n++) {
        snprintf(name, sizeof name, "default/c%d", n);
        ck_assert_int_eq(publish(name, 1), 1);
        if (n == BUDGET_CHANNELS_MAX / 2)
            ck_assert_int_eq(publish("default/a", 1), 0);
    }
    ck_assert_uint_eq(g.budgets.outlets.count, BUDGET_CHANNELS_MAX);
    ck_assert_int_eq(publish("default/a", 1), 0); /* remembered, since it was used in between */
    ck_assert_int_eq(publish("default/c0", 1), 1);
    edges_stop(&g);
}
END_TEST

START_TEST(a_gateway_that_hears_of_none_is_the_only_one)
{
    start(",\"publish_rate\":90", "");
    others(0, 0, 0, 0);
    ck_assert_int_eq(publish("default/a", 1), 90);
    edges_stop(&g);
}
END_TEST

START_TEST(a_slow_reader_whose_turn_comes_when_it_is_spent_gets_everything_later)
{
    start(",\"delivery_rate\":100", "");
    read_all("a");
    readers[0]->full = true;
    for (uint64_t seq = 1; seq <= 5; seq++)
        edges_publish(&g, "default/a", 1, seq, "1");
    edges_pass(&g, 1000);
    delivered();
    bucket_take(&channel_budget(hub_find(&g, BYTES("default/a")))->deliveries, 100, 120, g.now_ns);
    readers[0]->full = false;
    connection_writable(readers[0]->connection);
    edges_pass(&g, 0);
    ck_assert_int_eq(delivered(), 0);
    for (int ms = 0; ms < 1000; ms += 10)
        edges_pass(&g, 10);
    ck_assert_int_eq(delivered(), 4); /* the first one was in the socket */
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("gateway/budget", a_tenant_has_so_many_connections_and_a_place_that_is_left_is_free,
          one_that_is_disconnected_is_counted_out_once, connections_of_other_gateways_count,
          a_limit_that_is_raised_or_taken_away_counts_at_once, a_publish_above_the_rate_is_error_131_and_goes_no_further,
          rates_and_bytes_are_the_tenants_and_each_channels, a_gateway_has_what_the_others_leave_and_an_even_share_at_least,
          gateways_together_come_to_the_quota_whatever_the_demand_of_each,
          a_tenant_above_its_delivery_rate_gets_everything_in_order_later, its_replies_do_not_wait_and_take_nothing_along,
          the_deliveries_of_another_tenant_do_not_wait, an_ephemeral_one_that_was_taken_in_goes_to_all, ephemeral_ones_are_dropped_first,
          a_report_names_who_has_quotas_and_uses_something_and_once_that_nobody_does, a_report_that_is_cut_short_is_refused,
          so_many_channels_publishes_are_remembered_those_used_last,
          a_gateway_that_hears_of_none_is_the_only_one,
          a_slow_reader_whose_turn_comes_when_it_is_spent_gets_everything_later)
