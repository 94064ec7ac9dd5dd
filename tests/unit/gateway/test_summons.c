#include "summons.h"

#include "entrance.h"
#include "fake_edges.h"
#include "invitation.h"
#include "sub.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    options.ping_interval = 3600000; /* nobody answers a ping here */
    edges_start(&g, &options);
}

/* A client of that user, subscribed to chat:x, which has presence. */
static struct ws_socket *come_of(const char *tenant, const char *user)
{
    struct ws_socket *s = edges_connect(&g);
    struct bytes line = BYTES("{\"id\":1,\"connect\":{\"name\":\"js\",\"version\":\"5\"}}");
    struct command m;
    struct auth a = {.tenant = bytes_str(tenant), .user = bytes_str(user)};
    ck_assert_int_eq(command_take_json(&line, &m), 0);
    entrance_new(s->connection, &m);
    entrance_enter(s->connection, &a);
    command_fini(&m);
    if (strcmp(tenant, "default") == 0) {
        edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"chat:x\"}}");
        edges_subscribed(&g, "default/chat:x", 1, 0);
    }
    edges_pass(&g, 0);
    free(edges_take(s));
    return s;
}

static struct ws_socket *come(const char *user)
{
    return come_of("default", user);
}

static struct bytes ask(const char *method, const char *tenant, const char *body)
{
    static struct buf answer;
    struct ctl_call m = {.method = bytes_str(method), .tenant = bytes_str(tenant), .body = bytes_str(body)};
    buf_clear(&answer);
    summons_answer(&g, &m, &answer);
    edges_pass(&g, 0);
    return buf_bytes(&answer);
}

static void ck_told(struct ws_socket *s, const char *want)
{
    char *text = edges_take(s);
    ck_assert_str_eq(text ? text : "", want);
    free(text);
}

#define PUSH_A "{\"push\":{\"channel\":\"a\",\"subscribe\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true}}}"

START_TEST(all_connections_of_a_user_of_that_tenant_are_subscribed)
{
    start();
    struct ws_socket *one = come("u"), *two = come("u"), *other = come("v"), *elsewhere = come_of("acme", "u");
    ck_assert_bytes(ask("subscribe", "default", "{\"user\":\"u\",\"channel\":\"default/a\"}"), ""); /* it follows */
    ck_assert_uint_eq(edges.answer.n, 0);
    edges_subscribed(&g, "default/a", 1, 0);
    ck_assert_bytes(buf_bytes(&edges.answer), "{\"count\":2}");
    ck_told(one, PUSH_A);
    ck_told(two, PUSH_A);
    ck_told(other, "");
    ck_told(elsewhere, "");
    ck_assert_bytes(ask("subscribe", "acme", "{\"user\":\"u\",\"channel\":\"default/a\"}"), "{\"count\":0}");
    edges_stop(&g);
}
END_TEST

START_TEST(who_asks_is_answered_when_the_last_is_subscribed_or_gone_and_not_never)
{
    static const char question[] = "{\"user\":\"u\",\"channel\":\"default/a\"}";
    start();
    struct ws_socket *one = come("u"), *two = come("u");
    ask("subscribe", "default", question);
    edges_leave(one);
    ck_assert_uint_eq(edges.answer.n, 0);
    edges_leave(two);
    ck_assert_bytes(buf_bytes(&edges.answer), "{\"count\":2}");
    buf_clear(&edges.answer);
    come("u");
    ask("subscribe", "default", question);
    edges_pass(&g, INVITATION_NS / NS_PER_MS + 100);
    ck_assert_bytes(buf_bytes(&edges.answer), "{\"count\":1}");
    buf_clear(&edges.answer);
    edges_subscribed(&g, "default/a", 1, 0);
    ck_assert_uint_eq(edges.answer.n, 0); /* not twice */
    ck_assert_bytes(ask("subscribe", "default", question), "{\"count\":1}"); /* it has it */
    edges_stop(&g);
}
END_TEST

START_TEST(a_channel_more_than_the_limit_ends_the_connection)
{
    start();
    edges_quotas(&g, ",\"channel_limit\":1", "");
    struct ws_socket *s = come("u");
    ask("subscribe", "default", "{\"user\":\"u\",\"channel\":\"default/a\"}");
    ck_assert_uint_eq(s->close_code, DISCONNECT_CHANNEL_LIMIT);
    edges_stop(&g);
}
END_TEST

START_TEST(an_unsubscribe_takes_back_what_nobody_was_told_of)
{
    start();
    struct ws_socket *s = come("u");
    ask("subscribe", "default", "{\"user\":\"u\",\"channel\":\"default/a\"}");
    ck_assert_bytes(ask("unsubscribe", "default", "{\"user\":\"u\",\"channel\":\"default/a\"}"), "{\"count\":1}");
    edges_subscribed(&g, "default/a", 1, 0);
    ck_told(s, "");
    ck_assert_bytes(ask("unsubscribe", "default", "{\"user\":\"u\"}"), "{\"count\":1}");
    ck_told(s, "{\"push\":{\"channel\":\"chat:x\",\"unsubscribe\":{\"code\":2000,\"reason\":\"server unsubscribe\"}}}");
    edges_stop(&g);
}
END_TEST

START_TEST(a_refresh_is_pushed_and_shows_the_new_info)
{
    start();
    struct ws_socket *s = come("u");
    char body[100];
    snprintf(body, sizeof body, "{\"user\":\"u\",\"expire_at\":%lld,\"info\":{\"x\":1}}", (long long)gateway_unix_s(&g) + 60);
    buf_clear(&edges.asked);
    ck_assert_bytes(ask("refresh", "default", body), "{\"count\":1}");
    ck_told(s, "{\"push\":{\"refresh\":{\"expires\":true,\"ttl\":60}}}");
    ck_assert_bytes(buf_bytes(&edges.asked), "present default/chat:x silently\n");
    struct bytes info = sub_info(s->connection->subs[0]);
    ck_assert_ptr_nonnull(memmem(info.p, info.n, "\"conn_info\":{\"x\":1}", 19));
    ck_assert_bytes(ask("refresh", "default", "{\"user\":\"u\"}"), "{\"count\":1}");
    ck_told(s, "{\"push\":{\"refresh\":{}}}");
    edges_pass(&g, 3600000 - 1);
    ck_assert_uint_eq(s->close_code, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(an_end_that_is_over_ends_the_connection)
{
    start();
    struct ws_socket *one = come("u"), *two = come("v");
    ask("refresh", "default", "{\"user\":\"u\",\"expired\":true}");
    ask("refresh", "default", "{\"user\":\"v\",\"expire_at\":1}");
    ck_assert_uint_eq(one->close_code, DISCONNECT_EXPIRED);
    ck_assert_uint_eq(two->close_code, DISCONNECT_EXPIRED);
    edges_stop(&g);
}
END_TEST

START_TEST(one_whose_connect_has_no_answer_can_be_disconnected)
{
    start();
    edges_quotas(&g, ",\"subscribe_to_user_personal_channel\":true", "");
    struct ws_socket *s = come("u");
    ck_assert_int_eq(s->connection->state, CONNECTION_ENTERING);
    ck_assert_bytes(ask("subscribe", "default", "{\"user\":\"u\",\"channel\":\"default/a\"}"), "{\"count\":0}");
    ck_assert_bytes(ask("disconnect", "default", "{\"user\":\"u\"}"), "{\"count\":1}");
    ck_assert_uint_eq(s->close_code, DISCONNECT_FORCE);
    edges_stop(&g);
}
END_TEST

/* How many connections the pages of that size list in all, each once and in order. */
static int count_in_pages(int limit)
{
    char cursor[40] = "", body[100];
    int n = 0, pages = 0;
    bool more = true;
    while (more && ++pages < 100) {
        snprintf(body, sizeof body, "{\"limit\":%d,\"cursor\":\"%s\"}", limit, cursor);
        struct bytes page = ask("connections", "default", body);
        for (const char *at = page.p; (at = strstr(at, "\":{\"app_name\":\"js\",\"app_version\":\"5\"")); at++) {
            ck_assert_int_gt(memcmp(at - CLIENT_BYTES, cursor, cursor[0] ? CLIENT_BYTES : 0) + !cursor[0], 0);
            memcpy(cursor, at - CLIENT_BYTES, CLIENT_BYTES);
            n++;
        }
        more = strstr(page.p, "\"more\":true");
    }
    ck_assert_int_eq(pages, n % limit ? n / limit + 1 : n / limit);
    return n;
}

START_TEST(connections_are_listed_in_pages_each_once)
{
    start();
    char user[8];
    for (int i = 0; i < 23; i++) {
        snprintf(user, sizeof user, "u%d", i);
        come(user);
    }
    come_of("acme", "w");
    ck_assert_int_eq(count_in_pages(5), 23);
    ck_assert_int_eq(count_in_pages(23), 23);
    ck_assert_int_eq(count_in_pages(100), 23);
    struct bytes one = ask("connections", "", "{\"user\":\"w\",\"limit\":1}");
    ck_assert_ptr_nonnull(memmem(one.p, one.n, "\"user\":\"w\",\"tenant\":\"acme\",\"state\":{\"channels\":{}}", 50));
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("gateway/summons", all_connections_of_a_user_of_that_tenant_are_subscribed,
          who_asks_is_answered_when_the_last_is_subscribed_or_gone_and_not_never,
          a_channel_more_than_the_limit_ends_the_connection, an_unsubscribe_takes_back_what_nobody_was_told_of,
          a_refresh_is_pushed_and_shows_the_new_info, an_end_that_is_over_ends_the_connection,
          one_whose_connect_has_no_answer_can_be_disconnected, connections_are_listed_in_pages_each_once)
