#include "batch.h"

#include "fake_edges.h"
#include "hub.h"
#include "unit.h"

#include "core/clock.h"

#define MS NS_PER_MS
#define DELAY 60 /* batch_delay as it is by default */

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    options.ping_interval = 3600000; /* nobody answers a ping here */
    edges_start(&g, &options);
}

START_TEST(the_load_is_the_part_of_the_last_moments_that_was_work)
{
    struct batch b;
    int64_t now = 0;
    batch_init(&b, now);
    for (int i = 0; i < 1000; i++) {
        batch_waited(&b, now += MS);
        batch_worked(&b, now += 3 * MS);
    }
    ck_assert_double_eq_tol(b.load, 0.75, 0.02);
    batch_waited(&b, now += 1000 * MS);
    ck_assert_double_lt(b.load, 0.01);
    batch_worked(&b, now += 1000 * MS);
    ck_assert_double_gt(b.load, 0.99);
}
END_TEST

START_TEST(nothing_waits_up_to_half_of_the_time)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    g.batch.load = 0.5;
    edges_publish(&g, "default/news", 1, 1, "1");
    edges_publish(&g, "default/news", 1, 2, "1");
    ck_assert_int_eq(s->writes, 2);
    ck_assert_int_eq(batch_next_ms(&g), -1);
    edges_stop(&g);
}
END_TEST

static void pace_is(uint32_t deliveries)
{
    struct pace *p = &hub_find(&g, BYTES("default/news"))->pace;
    p->deliveries = (float)deliveries * PACE_S;
    p->at_ms = (uint32_t)(g.now_ns / MS);
}

START_TEST(a_channel_keeps_to_its_writes)
{
    struct ws_socket *s[40];
    start();
    for (int i = 0; i < 40; i++)
        s[i] = edges_reader(&g, "news");
    pace_is(BATCH_ABOVE - 100);
    for (uint64_t seq = 1; seq <= 2; seq++)
        edges_publish(&g, "default/news", 1, seq, "1");
    ck_assert_int_eq(s[0]->writes, 2);
    pace_is(2 * BATCH_ABOVE);
    for (uint64_t seq = 3; seq <= 5; seq++)
        edges_publish(&g, "default/news", 1, seq, "1");
    ck_assert_int_eq(s[0]->writes, 2);
    ck_assert_int_eq(batch_next_ms(&g), 10);
    edges_pass(&g, 10);
    ck_assert_int_eq(s[39]->writes, 3);
    edges_pass(&g, 10);
    edges_publish(&g, "default/news", 1, 6, "1"); /* it was quiet for as long */
    ck_assert_int_eq(s[39]->writes, 4);
    edges_stop(&g);
}
END_TEST

START_TEST(a_channel_of_any_pace_waits_no_longer_than_its_namespace_says)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    for (int i = 0; i < 40; i++)
        edges_reader(&g, "news");
    hub_find(&g, BYTES("default/news"))->batch_ms = 3;
    pace_is(100 * BATCH_ABOVE);
    for (uint64_t seq = 1; seq <= 2; seq++)
        edges_publish(&g, "default/news", 1, seq, "1");
    ck_assert_int_eq(batch_next_ms(&g), 3);
    edges_pass(&g, 3);
    ck_assert_int_eq(s->writes, 2);
    edges_stop(&g);
}
END_TEST

static void publish_until_full(struct ws_socket *s)
{
    uint64_t seq = 1;
    int writes = s->writes, full = (int)batch_full(hub_find(&g, BYTES("default/news"))->batch_ms);
    edges_publish(&g, "default/news", 1, seq++, "1");
    for (int i = 0; i < full; i++, seq++) {
        ck_assert_int_eq(s->writes, writes + 1);
        edges_publish(&g, "default/news", 1, seq, "1");
    }
}

START_TEST(what_fills_a_write_waits_no_longer)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    for (int i = 0; i < 400; i++)
        edges_reader(&g, "news");
    pace_is(2 * BATCH_ABOVE);
    publish_until_full(s);
    ck_assert_int_eq(s->writes, 2);
    ck_assert_int_eq(batch_next_ms(&g), -1);
    edges_stop(&g);
}
END_TEST

START_TEST(a_busy_loop_gathers_more_than_fills_a_write)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    g.batch.load = 1;
    publish_until_full(s);
    ck_assert_int_eq(s->writes, 1);
    edges_pass(&g, DELAY);
    ck_assert_int_eq(s->writes, 2);
    edges_stop(&g);
}
END_TEST

START_TEST(the_first_goes_at_once_and_what_follows_while_the_loop_is_busy_in_one_write)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    g.batch.load = 0.9;
    for (uint64_t seq = 1; seq <= 5; seq++)
        edges_publish(&g, "default/news", 1, seq, "1");
    ck_assert_int_eq(s->writes, 1);
    ck_assert_int_eq(batch_next_ms(&g), DELAY);
    edges_pass(&g, DELAY - 1);
    ck_assert_int_eq(s->writes, 1);
    edges_pass(&g, 1);
    ck_assert_int_eq(s->writes, 2);
    char *text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "\"offset\":1"));
    ck_assert_ptr_nonnull(strstr(text, "\"offset\":5"));
    free(text);
    ck_assert_uint_eq(g.metrics.batched_total, 1);
    edges_publish(&g, "default/news", 1, 6, "1");
    ck_assert_int_eq(s->writes, 2); /* counted from the last write on */
    edges_pass(&g, DELAY);
    ck_assert_int_eq(s->writes, 3);
    edges_stop(&g);
}
END_TEST

START_TEST(the_wait_grows_with_the_load_and_the_earliest_goes_first)
{
    start();
    struct ws_socket *a = edges_reader(&g, "a"), *b = edges_reader(&g, "b");
    g.batch.load = 0.75;
    for (uint64_t seq = 1; seq <= 2; seq++) {
        edges_publish(&g, "default/a", 1, seq, "1");
        g.batch.load = 0.625;
        edges_publish(&g, "default/b", 1, seq, "1");
        g.batch.load = 0.75;
    }
    ck_assert_int_eq(batch_next_ms(&g), DELAY / 2);
    edges_pass(&g, DELAY / 2);
    ck_assert_int_eq(a->writes, 1);
    ck_assert_int_eq(b->writes, 2);
    edges_pass(&g, DELAY / 2);
    ck_assert_int_eq(a->writes, 2);
    edges_stop(&g);
}
END_TEST

START_TEST(a_reply_takes_along_what_waits)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    g.batch.load = 1;
    edges_publish(&g, "default/news", 1, 1, "1");
    edges_publish(&g, "default/news", 1, 2, "1");
    edges_say(s, "{\"id\":3,\"unsubscribe\":{\"channel\":\"other\"}}");
    char *text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "\"offset\":2"));
    free(text);
    edges_pass(&g, DELAY);
    ck_assert_int_eq(s->writes, 2);
    edges_stop(&g);
}
END_TEST

START_TEST(ephemeral_channels_and_those_of_a_namespace_without_delay_do_not_wait)
{
    start();
    struct ws_socket *typing = edges_reader(&g, "typing:x"), *news = edges_reader(&g, "news");
    g.batch.load = 1;
    hub_find(&g, BYTES("default/news"))->batch_ms = 0;
    for (uint64_t seq = 1; seq <= 2; seq++) {
        edges_publish(&g, "default/typing:x", 0, 0, "1");
        edges_publish(&g, "default/news", 1, seq, "1");
    }
    ck_assert_int_eq(typing->writes, 2);
    ck_assert_int_eq(news->writes, 2);
    edges_stop(&g);
}
END_TEST

START_TEST(a_channel_that_waits_may_go)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    g.batch.load = 1;
    edges_publish(&g, "default/news", 1, 1, "1");
    edges_publish(&g, "default/news", 1, 2, "1");
    ck_assert_int_eq(batch_next_ms(&g), DELAY);
    edges_leave(s);
    edges_pass(&g, options.channel_linger + 100);
    ck_assert_ptr_null(hub_find(&g, BYTES("default/news")));
    ck_assert_int_eq(batch_next_ms(&g), -1);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("batch", the_load_is_the_part_of_the_last_moments_that_was_work, nothing_waits_up_to_half_of_the_time,
          a_channel_keeps_to_its_writes, a_channel_of_any_pace_waits_no_longer_than_its_namespace_says,
          what_fills_a_write_waits_no_longer, a_busy_loop_gathers_more_than_fills_a_write,
          the_first_goes_at_once_and_what_follows_while_the_loop_is_busy_in_one_write,
          the_wait_grows_with_the_load_and_the_earliest_goes_first,
          a_reply_takes_along_what_waits, ephemeral_channels_and_those_of_a_namespace_without_delay_do_not_wait,
          a_channel_that_waits_may_go)
