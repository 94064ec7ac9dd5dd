/* connection_hear.c */
#include "connection.h"

#include "fake_edges.h"
#include "ws.h"
#include "unit.h"

static struct gateway_options options;
static struct gateway g;
static struct ws_socket *s;

static void start(void)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    s = edges_connect(&g);
}

START_TEST(what_is_parked_is_bounded)
{
    start();
    const struct config *config = g.config;
    g.config = NULL; /* nobody is admitted */
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    char text[1100] = "{\"id\":2,\"rpc\":{\"method\":\"";
    memset(text + strlen(text), 'x', 1000);
    strcat(text, "\"}}");
    for (int i = 0; i < 1000 && !s->close_code; i++)
        edges_say(s, text);
    ck_assert_uint_eq(s->close_code, 3013);
    g.config = config;
    edges_stop(&g);
}
END_TEST

START_TEST(commands_behind_a_subscribe_see_its_effect)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    free(edges_take(s));
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}\n{\"id\":3,\"publish\":{\"channel\":\"a\",\"data\":1}}\n"
                 "{\"id\":4,\"subscribe\":{\"channel\":\"b\"}}");
    ck_assert_int_eq(edges.publishes, 0);
    ck_assert(s->paused);
    edges_say(s, "{\"id\":5,\"unsubscribe\":{\"channel\":\"zzz\"}}"); /* behind what is held: waits, too */
    ck_assert_uint_eq(s->written.n, 0);
    edges_subscribed(&g, "default/a", 1, 7);
    ck_assert_int_eq(edges.publishes, 1);
    edges_subscribed(&g, "default/b", 1, 0);
    ck_assert(!s->paused);
    char *text = edges_take(s), *at = text;
    ck_assert_ptr_nonnull(at = strstr(at, "{\"id\":2,\"subscribe\""));
    ck_assert_ptr_nonnull(strstr(at, "{\"id\":5,\"unsubscribe\":{}}"));
    ck_assert_ptr_nonnull(strstr(at, "{\"id\":4,\"subscribe\""));
    free(text);
    edges_stop(&g);
}
END_TEST

START_TEST(who_unsubscribes_from_a_namespace_that_was_taken_away_hears_no_more_of_it)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    s = edges_reader(&g, "chat:x");
    edges_configure_text(&g, "{\"cells\":[],\"api_keys\":[],\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"]}],\"namespaces\":[]}");
    edges_say(s, "{\"id\":3,\"unsubscribe\":{\"channel\":\"chat:x\"}}");
    ck_assert_uint_eq(s->connection->n_subs, 0);
    edges_publish(&g, "default/chat:x", 1, 1, "1");
    char *text = edges_take(s);
    ck_assert_str_eq(text, "{\"id\":3,\"unsubscribe\":{}}");
    free(text);
    edges_configure(&g, true); /* it is there again */
    edges_say(s, "{\"id\":4,\"subscribe\":{\"channel\":\"chat:x\"}}");
    text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "{\"id\":4,\"subscribe\":{"));
    free(text);
    edges_stop(&g);
}
END_TEST

START_TEST(who_does_not_read_replies_is_heard_again_when_he_does)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    free(edges_take(s));
    s->full = true;
    int asked = 0;
    for (; asked < 20000 && !s->paused; asked++)
        edges_say(s, "{\"id\":2,\"rpc\":{\"method\":\"cellcast.fly\"}}");
    ck_assert_int_lt(asked, 20000);
    ck_assert_uint_ge(s->connection->out.n, options.replies_max / 16);
    ck_assert_uint_lt(s->connection->out.n, options.replies_max / 8);
    s->waiting = true;
    s->acked = 1;
    s->full = false;
    connection_writable(s->connection);
    edges_pass(&g, 0);
    ck_assert(!s->paused);
    ck_assert_uint_eq(s->connection->out.n, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(who_is_not_heard_since_he_does_not_read_has_to_take_something)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    s->full = s->waiting = true;
    s->silent_ms = 3600000;
    while (!s->paused)
        edges_say(s, "{\"id\":2,\"rpc\":{\"method\":\"cellcast.fly\"}}");
    edges_pass(&g, options.ping_interval + 100);
    edges_pass(&g, options.pong_timeout + 100);
    ck_assert_uint_eq(s->close_code, 3012);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("connection_hear", what_is_parked_is_bounded, commands_behind_a_subscribe_see_its_effect,
          who_unsubscribes_from_a_namespace_that_was_taken_away_hears_no_more_of_it,
          who_does_not_read_replies_is_heard_again_when_he_does, who_is_not_heard_since_he_does_not_read_has_to_take_something)
