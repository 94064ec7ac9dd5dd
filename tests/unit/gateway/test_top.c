#include "top.h"

#include "connection.h"
#include "fake_edges.h"
#include "pace.h"
#include "unit.h"

#include <stdio.h>

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    options.ping_interval = 3600000; /* nobody answers a ping here */
    edges_start(&g, &options);
}

static void ck_answer(const char *question, const char *want)
{
    struct buf answer = {0};
    top_answer(&g, bytes_str(question), &answer);
    ck_assert_bytes(buf_bytes(&answer), want);
    buf_fini(&answer);
}

START_TEST(a_pace_is_the_rate_of_what_came_evenly_and_fades)
{
    struct pace p = {0};
    for (uint32_t ms = 1; ms <= 20000; ms += 10)
        pace_add(&p, ms, 50);
    pace_age(&p, 20000);
    ck_assert_double_eq_tol(p.deliveries / PACE_S, 100, 1);
    ck_assert_double_eq_tol(p.bytes / PACE_S, 5000, 50);
    pace_age(&p, 20000 + 60000);
    ck_assert_double_lt(p.deliveries, 0.01);
}
END_TEST

START_TEST(a_pace_goes_on_when_the_clocks_low_bits_begin_anew)
{
    struct pace p = {.deliveries = 300, .at_ms = UINT32_MAX - 4};
    pace_age(&p, 5);
    ck_assert_double_gt(p.deliveries, 295);
}
END_TEST

START_TEST(channels_stand_in_the_order_that_is_asked_for)
{
    start();
    struct ws_socket *slow = edges_reader(&g, "a");
    edges_reader(&g, "a");
    edges_reader(&g, "b");
    edges_publish(&g, "default/b", 1, 1, "\"0123456789012345678901234567890123456789\"");
    slow->full = true;
    edges_publish(&g, "default/a", 1, 1, "1");
    edges_publish(&g, "default/a", 1, 2, "1");
    struct buf answer = {0};
    top_answer(&g, BYTES("channels/behind"), &answer);
    ck_assert_ptr_nonnull(strstr(answer.p, "{\"rows\":[{\"name\":\"default/a\",\"user\":\"\",\"deliveries\":1.0,"));
    ck_assert_ptr_nonnull(strstr(answer.p, "\"listeners\":2,\"behind\":1},{\"name\":\"default/b\""));
    ck_assert_ptr_nonnull(strstr(answer.p, "\"listeners\":1,\"behind\":0}]}"));
    buf_clear(&answer);
    top_answer(&g, BYTES("channels/deliveries"), &answer);
    ck_assert(bytes_starts(buf_bytes(&answer), BYTES("{\"rows\":[{\"name\":\"default/a\"")));
    buf_fini(&answer);
    edges_stop(&g);
}
END_TEST

START_TEST(tenants_are_their_channels_together)
{
    start();
    edges_reader(&g, "a");
    edges_reader(&g, "b");
    edges_reader(&g, "b");
    ck_answer("tenants/bytes",
              "{\"rows\":[{\"name\":\"default\",\"user\":\"\",\"deliveries\":0.0,\"bytes\":0.0,\"listeners\":3,\"behind\":0,"
              "\"weight\":100,\"busy\":0,\"slowed\":0}]}");
    edges_stop(&g);
}
END_TEST

START_TEST(connections_are_told_by_client_with_what_they_lack)
{
    char want[300];
    start();
    struct ws_socket *s = edges_reader(&g, "a");
    s->full = true;
    edges_publish(&g, "default/a", 1, 1, "1");
    edges_publish(&g, "default/a", 1, 2, "1");
    edges_connect(&g); /* has not said connect */
    edges_pass(&g, 1000);
    struct buf answer = {0};
    top_answer(&g, BYTES("connections/behind"), &answer);
    snprintf(want, sizeof want, "{\"rows\":[{\"name\":\"%.*s\",\"user\":\"\"", BYTES_FMT(connection_client(s->connection)));
    ck_assert(bytes_starts(buf_bytes(&answer), bytes_str(want)));
    ck_assert_ptr_nonnull(strstr(answer.p, "\"listeners\":1,\"behind\":1}]}"));
    buf_fini(&answer);
    edges_stop(&g);
}
END_TEST

START_TEST(the_hundred_that_cost_most_are_told)
{
    char name[20];
    start();
    for (int i = 0; i < 120; i++) {
        snprintf(name, sizeof name, "c%d", i);
        edges_reader(&g, name);
    }
    struct buf answer = {0};
    int n = 0;
    top_answer(&g, BYTES("channels/bytes"), &answer);
    for (const char *at = answer.p; (at = strstr(at, "\"name\"")); at++)
        n++;
    ck_assert_int_eq(n, TOP_ROWS);
    buf_fini(&answer);
    edges_stop(&g);
}
END_TEST

START_TEST(a_question_that_is_none_is_answered_with_an_error)
{
    start();
    ck_answer("", "{\"error\":100}");
    ck_answer("channels", "{\"error\":100}");
    ck_answer("channels/", "{\"error\":100}");
    ck_answer("rooms/bytes", "{\"error\":100}");
    ck_answer("channels/bytes/1", "{\"error\":100}");
    ck_answer("channels/bytes", "{\"rows\":[]}");
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("top", a_pace_is_the_rate_of_what_came_evenly_and_fades, a_pace_goes_on_when_the_clocks_low_bits_begin_anew,
          channels_stand_in_the_order_that_is_asked_for, tenants_are_their_channels_together,
          connections_are_told_by_client_with_what_they_lack, the_hundred_that_cost_most_are_told,
          a_question_that_is_none_is_answered_with_an_error)
