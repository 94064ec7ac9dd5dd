/* Commands about which the tenant's application is asked: proxy.c and the verbs that use it. */
#include "proxy.h"

#include "fake_edges.h"
#include "proxied.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#define URLS                                                                                                  \
    "\"proxy_connect_endpoint\":\"http://app/connect\",\"proxy_refresh_endpoint\":\"http://app/refresh\","          \
    "\"proxy_subscribe_endpoint\":\"http://app/subscribe\",\"proxy_publish_endpoint\":\"http://app/publish\","       \
    "\"proxy_sub_refresh_endpoint\":\"http://app/sub_refresh\",\"proxy_rpc_endpoint\":\"http://app/rpc\","          \
    "\"proxy_static_http_headers\":[\"X-Secret: s\"],\"proxy_http_headers\":[\"X-Trace\"],"                          \
    "\"proxy_include_connection_meta\":true,\"proxy_status_transforms\":[\"404 error 1404 not here\"]"

static const char config[] =
    "{\"cells\":[],\"api_keys\":[],\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],\"options\":{" URLS "}},"
    "{\"name\":\"forwards\",\"cells\":[\"a\"],\"options\":{\"proxy_connect_endpoint\":\"http://app/connect\","
    "\"proxy_http_headers\":[\"X-Trace\",\"X-Forwarded-For\"]}},"
    "{\"name\":\"plain\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true}}],"
    "\"namespaces\":[{\"tenant\":\"default\",\"name\":\"\",\"options\":{\"subscribe_proxy_enabled\":true,\"publish_proxy_enabled\":true,"
    "\"sub_refresh_proxy_enabled\":true,\"allow_user_limited_channels\":true,\"presence\":true}},"
    "{\"tenant\":\"plain\",\"name\":\"\",\"options\":{\"subscribe_proxy_enabled\":true,\"publish_proxy_enabled\":true}},"
    "{\"tenant\":\"default\",\"name\":\"open\",\"options\":{\"allow_publish_for_client\":true}},"
    "{\"tenant\":\"default\",\"name\":\"both\",\"options\":{\"subscribe_proxy_enabled\":true,\"allow_subscribe_for_client\":true}}]}";

static struct gateway_options options;
static struct gateway g;
static struct ws_socket *s;

static void start(void)
{
    gateway_options_default(&options);
    options.ping_interval = 3600000; /* they are not what is tested */
    edges_start(&g, &options);
    edges_configure_text(&g, config);
    s = edges_connect(&g);
}

static void stop(void)
{
    edges_stop(&g);
}

#define SAYS(expected)                                                                                        \
    do {                                                                                                      \
        char *text_ = edges_take(s);                                                                          \
        ck_assert_msg(strstr(text_, expected), "have \"%s\", want \"%s\"", text_, expected);                      \
        free(text_);                                                                                          \
    } while (0)
#define SILENT() ck_assert_uint_eq(s->written.n, 0)
#define ASKED(expected) ck_assert_msg(strstr(edges_question(), expected), "have %s, want %s", edges_question(), expected)
#define ANSWER(body) edges_application(&g, 0, 200, body)

static void open_as(const char *result)
{
    char answer[512];
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    snprintf(answer, sizeof answer, "{\"result\":%s}", result);
    ANSWER(answer);
    SAYS("{\"id\":1,\"connect\":{\"client\":\"");
}

/* ---- connect */

START_TEST(who_connects_is_whoever_the_application_says)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{\"name\":\"js\",\"data\":{\"a\":1},\"headers\":{\"x-trace\":\"t\",\"x-other\":\"o\"}}}\n"
                 "{\"id\":2,\"rpc\":{\"method\":\"who\"}}");
    SILENT();
    ck_assert(s->paused);
    ASKED("\"name\":\"js\",\"data\":{\"a\":1}}");
    ck_assert_str_eq(edges.proxied[0].url, "http://app/connect");
    ck_assert_str_eq(edges.proxied[0].headers.p, "Content-Type: application/json\nx-trace: t\nX-Secret: s\n");
    ANSWER("{\"result\":{\"user\":\"bob\",\"info\":{\"i\":1},\"data\":{\"hello\":\n1},\"meta\":{\"m\":2}}}");
    SAYS("\"data\":{\"hello\": 1}");
    ASKED("\"user\":\"bob\",\"method\":\"who\",\"meta\":{\"m\":2}}"); /* what stood behind it goes on */
    ck_assert(!s->paused);
    char client[CLIENT_BYTES + 1];
    snprintf(client, sizeof client, "%.*s", BYTES_FMT(connection_client(s->connection)));
    ASKED(client);
    stop();
}
END_TEST

START_TEST(the_application_subscribes_whom_it_lets_in)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{\"subs\":{\"x\":{\"recover\":true}}}}");
    ASKED("\"channels\":[\"x\"]");
    ANSWER("{\"result\":{\"user\":\"u\",\"subs\":{\"x\":{\"data\":{\"d\":1}}}}}");
    SILENT();
    edges_subscribed(&g, "default/x", 1, 0);
    edges_pass(&g, 0);
    SAYS("\"subs\":{\"x\":{");
    stop();
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    ANSWER("{\"result\":{\"channels\":[7]}}");
    SAYS("{\"id\":1,\"error\":{\"code\":100");
    stop();
}
END_TEST

START_TEST(who_wishes_for_a_channel_with_connect_does_not_go_round_the_application)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{\"subs\":{\"both:room\":{}}}}");
    ANSWER("{\"result\":{\"user\":\"u\"}}");
    edges_pass(&g, 0);
    SAYS("{\"id\":1,\"connect\":{");
    ck_assert_uint_eq(s->connection->n_subs, 0);
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"both:room\"}}");
    ASKED("\"channel\":\"both:room\"");
    stop();
}
END_TEST

START_TEST(the_application_knows_the_client_before_it_is_there)
{
    char question[256];
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    snprintf(question, sizeof question, "%s", edges_question());
    ANSWER("{\"result\":{\"user\":\"u\"}}");
    char *text = edges_take(s), *client = strstr(text, "\"client\":\"") + 10;
    client[CLIENT_BYTES] = 0;
    ck_assert_ptr_nonnull(strstr(question, client));
    free(text);
    stop();
}
END_TEST

START_TEST(a_refused_connect_is_told_the_applications_error_or_disconnect)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"rpc\":{}}");
    ANSWER("{\"error\":{\"code\":1000,\"message\":\"not \\\"today\\\"\",\"temporary\":true}}");
    SAYS("{\"id\":1,\"error\":{\"code\":1000,\"message\":\"not \\\"today\\\"\",\"temporary\":true}}");
    ck_assert_uint_eq(s->close_code, 0);
    stop();
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    ANSWER("{\"disconnect\":{\"code\":4501,\"reason\":\"banned\"}}");
    ck_assert_uint_eq(s->close_code, 4501);
    ck_assert_str_eq(s->close_reason, "banned");
    stop();
}
END_TEST

START_TEST(without_an_answer_the_error_is_temporary)
{
    static const int errors[] = {-ETIMEDOUT, -ECONNREFUSED, -EMSGSIZE, -EBUSY};
    for (size_t i = 0; i < 4; i++) {
        start();
        edges_say(s, "{\"id\":1,\"connect\":{}}");
        edges_application(&g, errors[i], 0, "");
        SAYS(errors[i] == -EBUSY ? "\"code\":111" : "\"code\":100");
        ck_assert_uint_eq(g.metrics.proxy_errors_total, errors[i] != -EBUSY);
        ck_assert_uint_eq(g.metrics.proxy_refused_total, errors[i] == -EBUSY);
        stop();
    }
    start();
    edges.application_full = true;
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    edges_pass(&g, 100);
    SAYS("\"code\":111");
    stop();
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    edges_application(&g, 0, 404, "nothing");
    SAYS("\"code\":1404,\"message\":\"not here\"");
    stop();
}
END_TEST

START_TEST(a_slow_application_makes_nobody_stale)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    edges_pass(&g, 20000);
    ck_assert_uint_eq(s->close_code, 0);
    ANSWER("{\"result\":{}}");
    SAYS("{\"id\":1,\"connect\"");
    stop();
}
END_TEST

START_TEST(who_was_refused_by_the_application_does_not_stay)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    edges_pass(&g, 20000);
    ANSWER("{\"error\":{\"code\":1000,\"message\":\"no\"}}");
    SAYS("{\"id\":1,\"error\"");
    edges_pass(&g, 9900);
    ck_assert_uint_eq(s->close_code, 0);
    edges_pass(&g, 200);
    ck_assert_uint_eq(s->close_code, DISCONNECT_STALE);
    stop();
}
END_TEST

START_TEST(who_waits_for_admission_keeps_what_was_granted)
{
    gateway_options_default(&options);
    options.connect_rate_start = 1;
    edges_start_gated(&g, &options);
    edges_configure_text(&g, config);
    struct ws_socket *all[4];
    for (int i = 0; i < 4; i++) {
        all[i] = edges_connect(&g);
        edges_say(all[i], "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"rpc\":{}}");
    }
    ck_assert_uint_eq(edges.n_proxied, 4); /* nobody has taken a turn yet */
    for (int i = 0; i < 4; i++)
        ANSWER("{\"result\":{\"user\":\"u\",\"data\":{\"d\":1}}}");
    for (int i = 0; i < 100; i++)
        edges_pass(&g, 32);
    for (int i = 0; i < 4; i++) {
        s = all[i];
        SAYS("\"data\":{\"d\":1}");
    }
    ck_assert_uint_eq(edges.n_proxied, 4); /* the rpcs */
    stop();
}
END_TEST

START_TEST(who_was_asked_about_while_the_tenant_went_elsewhere_follows_it)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    edges_configure_text(&g, "{\"cells\":[],\"api_keys\":[],\"namespaces\":[],\"tenants\":[{\"name\":\"default\",\"cells\":[\"b\"],\"options\":{" URLS "}}]}");
    edges_pass(&g, 1000);
    ANSWER("{\"result\":{\"user\":\"u\"}}");
    ck_assert_uint_eq(s->close_code, DISCONNECT_MOVED);
    stop();
}
END_TEST

START_TEST(headers_that_can_not_be_are_a_bad_request)
{
    static const char *const headers[] = {"[]", "{\"x-trace\":1}", "{\"x-trace\":\"a\\r\\nb: c\"}"};
    for (size_t i = 0; i < 3; i++) {
        char text[128];
        start();
        snprintf(text, sizeof text, "{\"id\":1,\"connect\":{\"headers\":%s}}", headers[i]);
        edges_say(s, text);
        ck_assert_uint_eq(s->close_code, 3501);
        stop();
    }
}
END_TEST

START_TEST(what_a_client_says_is_not_taken_for_what_its_request_had)
{
    static const char connect[] = "{\"id\":1,\"connect\":{\"headers\":{\"x-trace\":\"mine\"}}}";
    static char much[8192 - 20]; /* --proxy-headers-max */
    start();
    proxied_header(s->connection, BYTES("x-trace"), BYTES(""));
    edges_say(s, connect);
    ck_assert_str_eq(edges.proxied[0].headers.p, "Content-Type: application/json\nx-trace: \nX-Secret: s\n");
    stop();
    start();
    memset(much, 'a', sizeof much);
    proxied_header(s->connection, BYTES("cookie"), bytes_of(much, sizeof much));
    proxied_header(s->connection, BYTES("x-trace"), BYTES("that of the balancer"));
    edges_say(s, connect);
    ck_assert_str_eq(edges.proxied[0].headers.p, "Content-Type: application/json\nX-Secret: s\n");
    stop();
}
END_TEST

#define FROM(address) ck_assert(source_parse(BYTES(address), &s->from))

START_TEST(the_application_is_told_whose_a_connection_is)
{
    start();
    FROM("203.0.113.9");
    proxied_header(s->connection, BYTES("x-forwarded-for"), BYTES("10.0.0.1")); /* another tenant forwards it */
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    ck_assert_str_eq(edges.proxied[0].headers.p, "Content-Type: application/json\nx-forwarded-for: 203.0.113.9\nX-Secret: s\n");
    s = edges_connect_to(&g, "forwards");
    FROM("2001:db8::7");
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    ck_assert_str_eq(edges.proxied[1].headers.p, "Content-Type: application/json\nx-forwarded-for: 2001:db8::7\n");
    s = edges_connect_to(&g, "forwards");
    FROM("203.0.113.9");
    proxied_header(s->connection, BYTES("x-forwarded-for"), BYTES("10.0.0.1, 10.0.0.2"));
    proxied_header(s->connection, BYTES("x-trace"), BYTES("t"));
    proxied_header(s->connection, BYTES("x-forwarded-for"), BYTES("10.0.0.3"));
    edges_say(s, "{\"id\":1,\"connect\":{\"headers\":{\"X-Forwarded-For\":\"10.9.9.9\"}}}");
    ck_assert_str_eq(edges.proxied[2].headers.p, "Content-Type: application/json\nx-trace: t\n"
                                                 "x-forwarded-for: 10.0.0.1, 10.0.0.2, 10.0.0.3, 203.0.113.9\n");
    stop();
}
END_TEST

START_TEST(who_leaves_is_not_waited_for)
{
    start();
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    edges_leave(s);
    ck_assert_uint_eq(edges.n_proxied, 0);
    stop();
}
END_TEST

/* ---- refresh */

START_TEST(the_application_says_how_long_a_connection_goes_on)
{
    open_as("{\"user\":\"u\",\"expire_at\":1700000010}"); /* in 10 s */
    edges_say(s, "{\"id\":9,\"refresh\":{\"token\":\"x\"}}");
    ck_assert_uint_eq(s->close_code, 3501); /* it is not the client's to do */
    stop();
    open_as("{\"user\":\"u\",\"expire_at\":1700000010}");
    edges_pass(&g, 9000);
    ck_assert_uint_eq(edges.n_proxied, 0);
    edges_pass(&g, 2000);
    ck_assert_str_eq(edges.proxied[0].url, "http://app/refresh");
    ANSWER("{\"result\":{\"expire_at\":1700000020,\"info\":{\"new\":1}}}");
    ck_assert_ptr_nonnull(memmem(connection_info(s->connection).p, connection_info(s->connection).n, "{\"new\":1}", 9));
    edges_pass(&g, 10000);
    edges_application(&g, -ETIMEDOUT, 0, "");
    ck_assert_uint_eq(s->close_code, 0);
    for (int i = 0; i < 31; i++)
        edges_pass(&g, 2000);
    ANSWER("{\"result\":{\"expired\":true}}");
    ck_assert_uint_eq(s->close_code, 3005);
    stop();
}
END_TEST

/* ---- subscribe */

START_TEST(the_application_decides_who_subscribes)
{
    open_as("{\"user\":\"u\"}");
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"news\",\"data\":{\"d\":1}}}");
    ck_assert_str_eq(edges.proxied[0].url, "http://app/subscribe");
    ASKED("\"channel\":\"news\",\"data\":{\"d\":1}}");
    SILENT();
    ANSWER("{\"result\":{\"info\":{\"c\":1},\"data\":{\"welcome\":1}}}");
    edges_subscribed(&g, "default/news", 1, 0);
    SAYS("{\"id\":2,\"subscribe\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true,\"data\":{\"welcome\":1}}}");
    edges_say(s, "{\"id\":3,\"subscribe\":{\"channel\":\"other\"}}");
    ANSWER("{\"error\":{\"code\":403,\"message\":\"no\"}}");
    SAYS("{\"id\":3,\"error\":{\"code\":403,\"message\":\"no\"}}");
    edges_say(s, "{\"id\":4,\"subscribe\":{\"channel\":\"third\"}}");
    ANSWER("{\"result\":{\"override\":{\"force_recovery\":{\"value\":false}}}}");
    edges_subscribed(&g, "default/third", 1, 0);
    SAYS("{\"id\":4,\"subscribe\":{}}");
    edges_say(s, "{\"id\":5,\"subscribe\":{\"channel\":\"n#u\"}}\n{\"id\":6,\"subscribe\":{\"channel\":\"$n\"}}");
    ck_assert_uint_eq(edges.n_proxied, 0); /* names decide before */
    SAYS("{\"id\":6,\"error\":{\"code\":103");
    stop();
}
END_TEST

START_TEST(what_stands_behind_such_a_subscribe_waits_for_it)
{
    open_as("{\"user\":\"u\"}");
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}\n{\"id\":3,\"subscribe\":{\"channel\":\"b\"}}\n"
                 "{\"id\":4,\"subscribe\":{\"channel\":\"a\"}}\n{\"id\":5,\"unsubscribe\":{\"channel\":\"b\"}}\n"
                 "{\"id\":6,\"publish\":{\"channel\":\"a\",\"data\":1}}");
    ck_assert_uint_eq(edges.n_proxied, 2); /* subscribes do not wait for each other */
    SAYS("{\"id\":4,\"error\":{\"code\":105");
    ANSWER("{\"result\":{}}");
    edges_subscribed(&g, "default/a", 1, 0);
    SAYS("{\"id\":2,\"subscribe\"");
    ANSWER("{\"result\":{}}");
    edges_subscribed(&g, "default/b", 1, 0);
    char *text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "{\"id\":3,\"subscribe\""));
    ck_assert_ptr_nonnull(strstr(text, "{\"id\":5,\"unsubscribe\":{}}"));
    free(text);
    ck_assert_uint_eq(s->connection->n_subs, 1);
    ASKED("\"channel\":\"a\",\"data\":1}"); /* the publish */
    stop();
    open_as("{\"user\":\"u\"}");
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}\n{\"id\":3,\"unsubscribe\":{\"channel\":\"a\"}}\n"
                 "{\"id\":4,\"subscribe\":{\"channel\":\"a\"}}");
    ANSWER("{\"result\":{}}");
    edges_subscribed(&g, "default/a", 1, 0);
    SAYS("{\"id\":3,\"unsubscribe\":{}}");
    ANSWER("{\"result\":{}}");
    ck_assert(s->connection->subs[0]->live);
    SAYS("{\"id\":4,\"subscribe\"");
    stop();
    open_as("{\"user\":\"u\"}");
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}\n{\"id\":3,\"unsubscribe\":{\"channel\":\"a\"}}");
    ANSWER("{\"error\":{\"code\":403,\"message\":\"no\"}}");
    SAYS("{\"id\":2,\"error\":{\"code\":403,\"message\":\"no\"}}\n{\"id\":3,\"unsubscribe\":{}}");
    stop();
}
END_TEST

START_TEST(the_application_says_how_long_a_subscription_goes_on)
{
    open_as("{\"user\":\"u\"}");
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}");
    ANSWER("{\"result\":{\"expire_at\":1700000010}}");
    edges_subscribed(&g, "default/a", 1, 0);
    SAYS("{\"id\":2,\"subscribe\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true}}"); /* no ttl */
    edges_pass(&g, 11000);
    ck_assert_str_eq(edges.proxied[0].url, "http://app/sub_refresh");
    ASKED("\"channel\":\"a\"}");
    buf_clear(&edges.asked);
    ANSWER("{\"result\":{\"expire_at\":1700000030,\"info\":{\"new\":1}}}");
    ck_assert(memmem(edges.asked.p, edges.asked.n, "present default/a silently\n", 27)); /* shown with its info */
    edges_pass(&g, 20000);
    edges_application(&g, 0, 500, "");
    SILENT();
    for (int i = 0; i < 31; i++)
        edges_pass(&g, 2000);
    ANSWER("{\"result\":{\"expired\":true}}");
    char *text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "\"unsubscribe\":{\"code\":2501"));
    free(text);
    ck_assert_uint_eq(s->connection->n_subs, 0);
    stop();
}
END_TEST

START_TEST(a_subscription_whose_time_runs_out_before_its_reply_is_answered_first)
{
    open_as("{\"user\":\"u\"}");
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}");
    ANSWER("{\"result\":{\"expire_at\":1700000001}}");
    edges_pass(&g, 2000);
    ck_assert_uint_eq(edges.n_proxied, 0);
    edges_subscribed(&g, "default/a", 1, 0);
    SAYS("{\"id\":2,\"subscribe\":{");
    edges_pass(&g, 1000);
    ck_assert_str_eq(edges.proxied[0].url, "http://app/sub_refresh");
    ANSWER("{\"result\":{\"expired\":true}}");
    SAYS("\"unsubscribe\":{\"code\":2501");
    stop();
}
END_TEST

START_TEST(what_it_says_of_a_subscription_is_not_for_the_next_one)
{
    open_as("{\"user\":\"u\"}");
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}");
    ANSWER("{\"result\":{\"expire_at\":1700000010}}");
    edges_subscribed(&g, "default/a", 1, 0);
    edges_pass(&g, 11000);
    edges_say(s, "{\"id\":3,\"unsubscribe\":{\"channel\":\"a\"}}\n{\"id\":4,\"subscribe\":{\"channel\":\"a\"}}");
    ck_assert_uint_eq(edges.n_proxied, 2);
    struct edges_proxied older = edges.proxied[0]; /* is answered last */
    edges.proxied[0] = edges.proxied[1];
    edges.proxied[1] = older;
    ANSWER("{\"result\":{}}");
    free(edges_take(s));
    ck_assert(s->connection->subs[0]->live);
    ANSWER("{\"result\":{\"expired\":true}}");
    SILENT();
    ck_assert_uint_eq(s->connection->n_subs, 1);
    stop();
}
END_TEST

/* ---- publish, rpc */

START_TEST(the_application_decides_what_is_published)
{
    open_as("{\"user\":\"u\"}");
    edges_say(s, "{\"id\":2,\"publish\":{\"channel\":\"a\",\"data\":{\"n\":1}}}");
    ck_assert_str_eq(edges.proxied[0].url, "http://app/publish");
    ASKED("\"user\":\"u\",\"channel\":\"a\",\"data\":{\"n\":1}}");
    ck_assert_int_eq(edges.publishes, 0);
    ANSWER("{\"result\":{\"data\":{\"n\":2},\"skip_history\":true}}");
    ck_assert_int_eq(edges.publishes, 1);
    ck_assert_ptr_nonnull(strstr(edges.asked.p, "publish default/a {\"n\":2}"));
    edges_say(s, "{\"id\":3,\"publish\":{\"channel\":\"a\",\"data\":1}}");
    ANSWER("{\"error\":{\"code\":403,\"message\":\"no\"}}");
    SAYS("{\"id\":3,\"error\":{\"code\":403,\"message\":\"no\"}}");
    edges_say(s, "{\"id\":4,\"publish\":{\"channel\":\"a\",\"data\":1}}");
    ANSWER("{\"result\":{\"version\":3}}");
    SAYS("{\"id\":4,\"error\":{\"code\":108");
    edges_say(s, "{\"id\":5,\"publish\":{\"channel\":\"a\",\"data\":1}}");
    ANSWER("{\"result\":{\"tags\":{\"id\":\"1\"}}}");
    SAYS("{\"id\":5,\"error\":{\"code\":100");
    edges_say(s, "{\"id\":6,\"rpc\":{\"method\":\"cellcast.publish\",\"data\":{\"channel\":\"a\",\"data\":7}}}");
    ASKED("\"channel\":\"a\",\"data\":7}"); /* there is no way around it */
    ANSWER("{\"result\":{}}");
    ck_assert_ptr_nonnull(strstr(edges.asked.p, "publish default/a 7"));
    stop();
}
END_TEST

START_TEST(publishes_and_rpcs_of_a_client_are_asked_about_one_after_the_other)
{
    open_as("{\"user\":\"u\"}");
    edges_say(s, "{\"id\":2,\"publish\":{\"channel\":\"a\",\"data\":1}}\n{\"id\":3,\"publish\":{\"channel\":\"open:b\",\"data\":2}}\n"
                 "{\"id\":4,\"rpc\":{\"method\":\"m\"}}\n{\"id\":5,\"publish\":{\"channel\":\"a\",\"data\":3}}");
    ck_assert_uint_eq(edges.n_proxied, 1);
    ck_assert_int_eq(edges.publishes, 0);
    ck_assert(s->paused);
    ANSWER("{\"result\":{}}");
    ck_assert_ptr_nonnull(strstr(edges.asked.p, "publish default/a 1 shown 0\npublish default/open:b 2"));
    ASKED("\"method\":\"m\"");
    ANSWER("{\"result\":{\"data\":{\"sum\":3}}}");
    SAYS("{\"id\":4,\"rpc\":{\"data\":{\"sum\":3}}}");
    ASKED("\"data\":3}");
    ANSWER("{\"result\":{}}");
    ck_assert_int_eq(edges.publishes, 3);
    ck_assert(!s->paused);
    stop();
}
END_TEST

START_TEST(an_rpc_is_answered_by_the_application)
{
    open_as("{\"user\":\"u\"}");
    edges_say(s, "{\"id\":2,\"rpc\":{\"method\":\"m\",\"data\":[1]}}");
    ASKED("\"method\":\"m\",\"data\":[1]");
    ANSWER("{\"result\":{}}");
    SAYS("{\"id\":2,\"rpc\":{}}");
    edges_say(s, "{\"id\":3,\"rpc\":{\"method\":\"cellcast.fly\"}}");
    SAYS("{\"id\":3,\"error\":{\"code\":104");
    edges_say(s, "{\"id\":4,\"rpc\":{\"method\":\"m\"}}");
    ANSWER("nonsense");
    SAYS("{\"id\":4,\"error\":{\"code\":100,\"message\":\"internal server error\",\"temporary\":true}}");
    edges_say(s, "{\"id\":5,\"rpc\":{\"method\":\"m\"}}");
    ANSWER("{\"disconnect\":{\"code\":4000,\"reason\":\"\"}}");
    ck_assert_uint_eq(s->close_code, 4000);
    ck_assert_uint_eq(edges.n_proxied, 0);
    stop();
}
END_TEST

START_TEST(without_an_application_it_is_not_available)
{
    start();
    s = edges_connect_to(&g, "plain");
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    free(edges_take(s));
    edges_say(s, "{\"id\":2,\"rpc\":{\"method\":\"m\"}}\n{\"id\":3,\"subscribe\":{\"channel\":\"a\"}}\n{\"id\":4,\"publish\":{\"channel\":\"a\",\"data\":1}}");
    SAYS("{\"id\":2,\"error\":{\"code\":108,\"message\":\"not available\"}}\n{\"id\":3,\"error\":{\"code\":108,\"message\":\"not available\"}}\n"
         "{\"id\":4,\"error\":{\"code\":108,\"message\":\"not available\"}}");
    stop();
}
END_TEST

UNIT_MAIN("gateway/proxy", who_connects_is_whoever_the_application_says, the_application_subscribes_whom_it_lets_in,
          who_wishes_for_a_channel_with_connect_does_not_go_round_the_application, the_application_knows_the_client_before_it_is_there,
          a_refused_connect_is_told_the_applications_error_or_disconnect, without_an_answer_the_error_is_temporary,
          a_slow_application_makes_nobody_stale, who_was_refused_by_the_application_does_not_stay, who_waits_for_admission_keeps_what_was_granted,
          who_was_asked_about_while_the_tenant_went_elsewhere_follows_it, headers_that_can_not_be_are_a_bad_request,
          what_a_client_says_is_not_taken_for_what_its_request_had, the_application_is_told_whose_a_connection_is, who_leaves_is_not_waited_for,
          the_application_says_how_long_a_connection_goes_on, the_application_decides_who_subscribes,
          what_stands_behind_such_a_subscribe_waits_for_it, the_application_says_how_long_a_subscription_goes_on,
          a_subscription_whose_time_runs_out_before_its_reply_is_answered_first, what_it_says_of_a_subscription_is_not_for_the_next_one,
          the_application_decides_what_is_published, publishes_and_rpcs_of_a_client_are_asked_about_one_after_the_other,
          an_rpc_is_answered_by_the_application, without_an_application_it_is_not_available)
