#include "sub_options.h"

#include "fake_edges.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static struct gateway_options options;
static struct gateway g;

#define NAMESPACE(name, more)                                                                                    \
    "{\"tenant\":\"default\",\"name\":\"" name "\",\"options\":{\"allow_subscribe_for_client\":true,"             \
    "\"allow_subscribe_for_anonymous\":true,\"force_recovery\":false" more "}}"

static void start(void)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    edges_configure_text(&g, "{\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true}}],"
                             "\"namespaces\":[" NAMESPACE("none", "") "," NAMESPACE("positions", ",\"allow_positioning\":true") ","
                             NAMESPACE("recovers", ",\"allow_recovery\":true") ","
                             NAMESPACE("reads", ",\"allow_history_for_subscriber\":true,\"allow_history_for_anonymous\":true") ","
                             NAMESPACE("forced", ",\"force_positioning\":true") ","
                             NAMESPACE("passing", ",\"ephemeral\":true,\"allow_positioning\":true,\"allow_recovery\":true,\"force_positioning\":true") "]}");
}

/* What a client that asks so is told of its subscription. */
static void ck_told(const char *channel, const char *asks, const char *want)
{
    char text[300];
    struct ws_socket *s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    free(edges_take(s));
    snprintf(text, sizeof text, "{\"id\":2,\"subscribe\":{\"channel\":\"%s\"%s}}", channel, asks);
    edges_say(s, text);
    snprintf(text, sizeof text, "default/%s", channel);
    edges_subscribed(&g, text, 1, 5);
    char *told = edges_take(s);
    snprintf(text, sizeof text, "{\"id\":2,\"subscribe\":{%s}}", want);
    ck_assert_str_eq(told, text);
    free(told);
    edges_leave(s);
}

#define POSITIONED "\"epoch\":\"1\",\"positioned\":true,\"offset\":5"
#define RECOVERABLE "\"recoverable\":true," POSITIONED

START_TEST(a_client_has_what_it_asks_for_and_may_have)
{
    start();
    ck_told("none:x", ",\"positioned\":true,\"recoverable\":true", "");
    ck_told("positions:x", "", "");
    ck_told("positions:x", ",\"positioned\":true", POSITIONED);
    ck_told("positions:x", ",\"recoverable\":true", "");
    ck_told("recovers:x", ",\"positioned\":true", "");
    ck_told("recovers:x", ",\"recoverable\":true", RECOVERABLE); /* which includes it */
    edges_stop(&g);
}
END_TEST

START_TEST(who_may_read_history_may_have_a_position_in_it)
{
    start();
    ck_told("reads:x", "", "");
    ck_told("reads:x", ",\"positioned\":true", POSITIONED);
    ck_told("reads:x", ",\"recoverable\":true", RECOVERABLE);
    edges_stop(&g);
}
END_TEST

START_TEST(a_namespace_may_force_positions_without_recovery)
{
    start();
    ck_told("forced:x", "", POSITIONED);
    ck_told("forced:x", ",\"recover\":true,\"offset\":3,\"epoch\":\"1\"", POSITIONED ",\"was_recovering\":true");
    edges_stop(&g);
}
END_TEST

START_TEST(what_is_ephemeral_has_no_position)
{
    start();
    ck_told("passing:x", ",\"positioned\":true,\"recoverable\":true", "");
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("gateway/sub_options", a_client_has_what_it_asks_for_and_may_have, who_may_read_history_may_have_a_position_in_it,
          a_namespace_may_force_positions_without_recovery, what_is_ephemeral_has_no_position)
