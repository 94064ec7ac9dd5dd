#include "sweep.h"

#include "fake_edges.h"
#include "unit.h"

#include <stdio.h>

static struct gateway_options options;
static struct gateway g;
static struct ws_socket *s;

static void start(void)
{
    gateway_options_default(&options);
    options.ping_interval = 3600000; /* nobody answers a ping here */
    edges_start(&g, &options);
    s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"x\"}}");
    edges_subscribed(&g, "default/x", 1, 5);
    free(edges_take(s));
    buf_clear(&edges.asked);
}

static void say_head(uint64_t epoch, uint64_t head)
{
    ops_head_came(&g, &(struct fan_head){.request = edges.request, .epoch = epoch, .head = head});
    edges_pass(&g, 0);
}

START_TEST(a_quiet_channel_is_asked_for_and_a_busy_one_is_not)
{
    start();
    edges_pass(&g, 15000);
    sweep_heads(&g);
    ck_assert_uint_eq(edges.asked.n, 0);
    edges_publish(&g, "default/x", 1, 6, "1");
    edges_pass(&g, 15000);
    sweep_heads(&g);
    ck_assert_uint_eq(edges.asked.n, 0);
    edges_pass(&g, 6000);
    sweep_heads(&g);
    ck_assert_bytes(buf_bytes(&edges.asked), "head default/x at least 6\n");
    sweep_heads(&g);
    ck_assert_bytes(buf_bytes(&edges.asked), "head default/x at least 6\n");
    edges_stop(&g);
}
END_TEST

START_TEST(a_message_that_went_missing_is_read_and_delivered)
{
    start();
    edges_pass(&g, 21000);
    sweep_heads(&g);
    say_head(1, 7);
    ck_assert(edges_serve(&g, 1, 7));
    char *text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "\"offset\":6"));
    ck_assert_ptr_nonnull(strstr(text, "\"offset\":7"));
    free(text);
    edges_stop(&g);
}
END_TEST

START_TEST(a_head_that_is_ours_or_below_changes_nothing)
{
    start();
    edges_pass(&g, 21000);
    sweep_heads(&g);
    say_head(1, 5);
    edges_pass(&g, 21000);
    sweep_heads(&g);
    say_head(1, 3);
    char *text = edges_take(s);
    ck_assert_ptr_null(strstr(text, "push"));
    free(text);
    ck_assert_int_eq(edges.reads, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_channel_that_goes_while_it_is_asked_for_is_forgotten)
{
    start();
    edges_pass(&g, 21000);
    sweep_heads(&g);
    edges_leave(s);
    edges_pass(&g, 3000);
    edges_pass(&g, 3000);
    ck_assert_uint_eq(g.channels.count, 0);
    say_head(1, 9);
    edges_stop(&g);
}
END_TEST

/* More than are asked for in one call, each quiet again before the next one. */
START_TEST(each_of_many_channels_has_its_turn_also_when_others_go_meanwhile)
{
    enum { CONNECTIONS = 12, EACH = 100 };
    struct ws_socket *sockets[CONNECTIONS];
    char text[96], name[32];
    start();
    for (int i = 0; i < CONNECTIONS; i++) {
        sockets[i] = edges_connect(&g);
        edges_say(sockets[i], "{\"id\":1,\"connect\":{}}");
        for (int j = 0; j < EACH; j++) {
            snprintf(text, sizeof text, "{\"id\":%d,\"subscribe\":{\"channel\":\"%d-%d\"}}", 2 + j, i, j);
            edges_say(sockets[i], text);
            snprintf(name, sizeof name, "default/%d-%d", i, j);
            edges_subscribed(&g, name, 1, 5);
        }
    }
    buf_clear(&edges.asked);
    for (int round = 0; round < 3; round++) {
        edges_pass(&g, 21000);
        sweep_heads(&g);
        if (round == 0)
            edges_leave(sockets[0]); /* its channels go with it, among them the one that would be next */
    }
    edges_pass(&g, 21000);
    buf_append(&edges.asked, "", 1);
    for (int i = 1; i < CONNECTIONS; i++)
        for (int j = 0; j < EACH; j++) {
            snprintf(text, sizeof text, "head default/%d-%d at least 5\n", i, j);
            ck_assert_msg(strstr(edges.asked.p, text), "never asked for: %d-%d", i, j);
        }
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("sweep", a_quiet_channel_is_asked_for_and_a_busy_one_is_not, a_message_that_went_missing_is_read_and_delivered,
          a_head_that_is_ours_or_below_changes_nothing, a_channel_that_goes_while_it_is_asked_for_is_forgotten,
          each_of_many_channels_has_its_turn_also_when_others_go_meanwhile)
