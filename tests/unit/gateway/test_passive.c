#include "passive.h"

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

/* What it was written: "NAME@" and the offset of a head, or the offset of a publication, parted by spaces. */
static void ck_written(struct ws_socket *s, const char *want)
{
    char *text = edges_take(s);
    struct buf got = {0};
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        const char *offset = strstr(line, "\"offset\":"), *head = strstr(line, "\"head\":{\"channel\":\"");
        if (!offset)
            continue;
        buf_append_str(&got, got.n ? " " : "");
        if (head)
            buf_printf(&got, "%.*s@", (int)strcspn(head + 19, "\""), head + 19);
        buf_printf(&got, "%d", atoi(offset + 9));
    }
    ck_assert_bytes(buf_bytes(&got), want);
    buf_fini(&got);
    free(text);
}

static void focus(struct ws_socket *s, const char *data, const char *answer)
{
    char text[200];
    snprintf(text, sizeof text, "{\"id\":9,\"rpc\":{\"method\":\"cellcast.focus\",\"data\":%s}}", data);
    edges_say(s, text);
    char *got = edges_take(s);
    ck_assert_msg(strstr(got, answer) == got, "%s: %s", data, got);
    free(got);
}

#define DONE "{\"id\":9,\"rpc\":{\"data\":{}}}"

START_TEST(out_of_focus_it_is_told_where_the_head_is_once_a_second)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    focus(s, "{\"focus\":false}", DONE);
    publish("default/news", 1, 5);
    edges_pass(&g, 100);
    ck_written(s, "news@5");
    publish("default/news", 6, 9);
    edges_pass(&g, 800);
    ck_written(s, "");
    edges_pass(&g, 300);
    ck_written(s, "news@9");
    edges_pass(&g, 5000);
    ck_written(s, "");
    publish("default/news", 10, 10);
    edges_pass(&g, 100);
    ck_written(s, "news@10");
    ck_assert_uint_eq(g.metrics.heads_told_total, 3);
    ck_assert_uint_eq(g.metrics.deliveries_total, 0);
    ck_assert_int_eq(g.metrics.passive_subscriptions, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(a_head_is_a_message_of_its_channel)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    focus(s, "{\"focus\":false}", DONE);
    publish("default/news", 1, 2);
    edges_pass(&g, 100);
    char *got = edges_take(s);
    ck_assert_str_eq(got, "{\"push\":{\"channel\":\"news\",\"message\":{\"data\":{\"head\":{\"channel\":\"news\",\"offset\":2,"
                          "\"epoch\":\"1\"}}}}}");
    free(got);
    edges_stop(&g);
}
END_TEST

START_TEST(in_focus_again_it_gets_everything_that_it_missed_in_order)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    publish("default/news", 1, 2);
    focus(s, "{\"focus\":false}", "{\"push\"");
    publish("default/news", 3, 30);
    edges_pass(&g, 100);
    ck_written(s, "news@30");
    edges_say(s, "{\"id\":9,\"rpc\":{\"method\":\"cellcast.focus\",\"data\":{\"focus\":true}}}");
    while (edges_serve(&g, 1, 30)) /* below the ring, by pages */
        ;
    publish("default/news", 31, 31);
    ck_written(s, "3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31");
    ck_assert_int_eq(g.metrics.passive_subscriptions, 0);
    edges_pass(&g, 2000);
    ck_written(s, "");
    edges_stop(&g);
}
END_TEST

START_TEST(single_channels_may_be_out_of_focus)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "ab");
    focus(s, "{\"focus\":false,\"channels\":[\"a\"]}", DONE);
    publish("default/a", 1, 1);
    publish("default/b", 1, 1);
    edges_pass(&g, 100);
    ck_written(s, "1 a@1");
    focus(s, "{\"focus\":false,\"channels\":[\"x\"]}", "{\"id\":9,\"error\":{\"code\":103");
    edges_stop(&g);
}
END_TEST

START_TEST(what_a_client_out_of_focus_subscribes_to_is_passive)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    focus(s, "{\"focus\":false}", DONE);
    edges_say(s, "{\"id\":3,\"subscribe\":{\"channel\":\"more\"}}");
    edges_subscribed(&g, "default/more", 1, 0);
    ck_assert_int_eq(g.metrics.passive_subscriptions, 2);
    publish("default/more", 1, 3);
    edges_pass(&g, 100);
    ck_written(s, "more@3");
    edges_stop(&g);
}
END_TEST

START_TEST(who_goes_out_of_focus_while_he_is_behind_is_told_so)
{
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    s->full = true;
    publish("default/news", 1, 1);
    publish("default/news", 2, 4);
    s->full = false;
    edges_say(s, "{\"id\":9,\"rpc\":{\"method\":\"cellcast.focus\",\"data\":{\"focus\":false}}}");
    connection_writable(s->connection);
    edges_pass(&g, 1);
    edges_pass(&g, 100);
    ck_written(s, "1 news@4");
    edges_stop(&g);
}
END_TEST

START_TEST(a_thousand_are_told_at_a_time_and_the_others_at_the_next_tick)
{
    static struct ws_socket *readers[PASSIVE_SLICE + 10];
    start();
    for (size_t i = 0; i < PASSIVE_SLICE + 10; i++) {
        readers[i] = edges_reader(&g, "news");
        focus(readers[i], "{\"focus\":false}", DONE);
    }
    publish("default/news", 1, 1);
    edges_pass(&g, 64);
    ck_assert_uint_eq(g.metrics.heads_told_total, PASSIVE_SLICE);
    for (int i = 0; i < 500; i += 3) /* some end meanwhile */
        edges_leave(readers[i]);
    edges_pass(&g, 64);
    ck_assert_uint_ge(g.metrics.heads_told_total, PASSIVE_SLICE + 6);
    ck_assert_uint_le(g.metrics.heads_told_total, PASSIVE_SLICE + 10);
    edges_stop(&g);
}
END_TEST

START_TEST(nothing_is_held_for_what_a_client_does_not_look_at)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "qa");
    focus(s, "{\"focus\":false,\"channels\":[\"q\"]}", DONE);
    edges_answer(&g, "default/a", 1, 1, "default/q@1");
    edges_pass(&g, 1);
    ck_written(s, "1");
    ck_assert_uint_eq(g.metrics.late_deliveries_total, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_conflating_subscription_goes_on_with_the_newest)
{
    start();
    struct ws_socket *s = edges_reader(&g, "state:x");
    focus(s, "{\"focus\":false}", DONE);
    publish("default/state:x", 1, 30);
    edges_say(s, "{\"id\":9,\"rpc\":{\"method\":\"cellcast.focus\",\"data\":{\"focus\":true}}}");
    ck_written(s, "30");
    edges_stop(&g);
}
END_TEST

START_TEST(an_ephemeral_one_goes_on_with_what_comes)
{
    start();
    struct ws_socket *s = edges_reader(&g, "typing:x");
    focus(s, "{\"focus\":false}", DONE);
    edges_publish(&g, "default/typing:x", 0, 0, "\"gone\"");
    edges_pass(&g, 2000);
    focus(s, "{\"focus\":true}", DONE);
    edges_publish(&g, "default/typing:x", 0, 0, "\"here\"");
    edges_pass(&g, 1);
    char *got = edges_take(s);
    ck_assert(strstr(got, "here") && !strstr(got, "gone"));
    free(got);
    edges_stop(&g);
}
END_TEST

START_TEST(what_it_cannot_be_is_refused)
{
    static const char *const bad[] = {"{}", "[]", "{\"focus\":1}", "{\"focus\":false,\"channels\":\"news\"}"};
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        focus(s, bad[i], "{\"id\":9,\"error\":{\"code\":107");
    ck_assert_int_eq(g.metrics.passive_subscriptions, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(who_has_not_taken_what_it_was_told_is_told_of_no_more_heads)
{
    static const char line[17 << 10];
    start();
    struct ws_socket *s = edges_reader(&g, "news");
    focus(s, "{\"focus\":false}", DONE);
    s->full = true;
    edges_say(s, "{\"id\":9,\"rpc\":{\"method\":\"x\"}}");
    buf_append(&s->connection->out, line, sizeof line);
    publish("default/news", 1, 5);
    edges_pass(&g, 100);
    ck_assert_uint_eq(g.metrics.heads_told_total, 0);
    buf_fini(&s->connection->out);
    edges_pass(&g, 1100);
    ck_assert_uint_eq(g.metrics.heads_told_total, 1);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("gateway/passive", out_of_focus_it_is_told_where_the_head_is_once_a_second,
          a_head_is_a_message_of_its_channel, in_focus_again_it_gets_everything_that_it_missed_in_order,
          single_channels_may_be_out_of_focus, what_a_client_out_of_focus_subscribes_to_is_passive,
          who_goes_out_of_focus_while_he_is_behind_is_told_so,
          a_thousand_are_told_at_a_time_and_the_others_at_the_next_tick,
          nothing_is_held_for_what_a_client_does_not_look_at, a_conflating_subscription_goes_on_with_the_newest,
          an_ephemeral_one_goes_on_with_what_comes, what_it_cannot_be_is_refused,
          who_has_not_taken_what_it_was_told_is_told_of_no_more_heads)
