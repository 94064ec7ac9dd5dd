#include "server_sub.h"

#include "entrance.h"
#include "fake_edges.h"
#include "sub.h"
#include "tenant.h"
#include "unit.h"
#include "verbs.h"

#include <stdlib.h>

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    options.ping_interval = 3600000; /* nobody answers a ping here */
    options.ring_messages = 8;
    edges_start(&g, &options);
}

/* A client that says `connect` (its members) and is granted `channels` and `subs`, as by a token or a proxy; user u. */
static struct ws_socket *come(const char *connect, const char *channels, const char *subs)
{
    struct ws_socket *s = edges_connect(&g);
    struct auth a = {.tenant = BYTES("default"), .user = BYTES("u")};
    struct buf line = {0};
    struct command m;
    buf_printf(&line, "{\"id\":1,\"connect\":{%s}}", connect);
    struct bytes frame = buf_bytes(&line);
    ck_assert_int_eq(command_take_json(&frame, &m), 0);
    ck_assert_int_eq(wants_read_channels(&a.wants, bytes_str(channels)), 0);
    ck_assert_int_eq(wants_read_subs(&a.wants, bytes_str(subs)), 0);
    entrance_new(s->connection, &m);
    entrance_enter(s->connection, &a);
    command_fini(&m);
    auth_fini(&a);
    buf_fini(&line);
    edges_pass(&g, 0);
    return s;
}

/* What it was told since, but for its client id. */
static void ck_told(struct ws_socket *s, const char *want)
{
    char *text = edges_take(s), *client = text ? strstr(text, "\"client\":\"") : NULL;
    if (client)
        memmove(client, client + 48, strlen(client + 48) + 1); /* "client":"UUID", */
    ck_assert_str_eq(text ? text : "", want);
    free(text);
}

#define CONNECTED(subs) "{\"id\":1,\"connect\":{\"version\":\"" CELLCAST_VERSION "\",\"ping\":3600,\"pong\":true" subs "}}"

START_TEST(connect_is_answered_when_each_channel_has_a_position)
{
    start();
    struct ws_socket *s = come("", "[\"a\",\"default/b\"]", "");
    ck_assert_int_eq(s->connection->state, CONNECTION_ENTERING);
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}"); /* parked */
    edges_subscribed(&g, "default/a", 1, 5);
    ck_told(s, "");
    edges_publish(&g, "default/a", 1, 6, "1");
    ck_told(s, "");
    edges_subscribed(&g, "default/b", 1, 0);
    ck_told(s, CONNECTED(",\"subs\":{\"a\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true,\"offset\":6},"
                         "\"default/b\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true}}")
            "\n{\"id\":2,\"error\":{\"code\":105,\"message\":\"already subscribed\"}}");
    edges_publish(&g, "default/a", 1, 7, "1");
    ck_told(s, "{\"push\":{\"channel\":\"a\",\"pub\":{\"data\":1,\"offset\":7,\"tags\":{\"id\":\"7\"}}}}");
    edges_stop(&g);
}
END_TEST

START_TEST(a_grant_brings_info_data_and_other_options)
{
    start();
    struct ws_socket *s = come("", "", "{\"chat:x\":{\"info\":{\"role\":1},\"data\":{\"hello\":2},\"override\":{\"force_recovery\":{\"value\":false},"
                                       "\"join_leave\":{\"value\":false}}}}");
    edges_subscribed(&g, "default/chat:x", 1, 5);
    ck_told(s, CONNECTED(",\"subs\":{\"chat:x\":{\"data\":{\"hello\":2}}}"));
    struct sub *sub = s->connection->subs[0];
    ck_assert(sub->server && sub->present && !sub->tells && !sub->positioned);
    ck_assert_ptr_nonnull(memmem(sub_info(sub).p, sub_info(sub).n, "\"chan_info\":{\"role\":1}", 22));
    edges_stop(&g);
}
END_TEST

START_TEST(a_client_that_comes_back_recovers_what_it_is_granted)
{
    start();
    struct ws_socket *other = edges_reader(&g, "a");
    for (uint64_t seq = 1; seq <= 3; seq++)
        edges_publish(&g, "default/a", 1, seq, "1");
    struct ws_socket *s = come("\"subs\":{\"a\":{\"recover\":true,\"offset\":2,\"epoch\":\"1\"}}", "[\"a\"]", "");
    ck_told(s, CONNECTED(",\"subs\":{\"a\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true,\"offset\":2,\"was_recovering\":true,"
                         "\"recovered\":true,\"publications\":[{\"data\":1,\"offset\":3,\"tags\":{\"id\":\"3\"}}]}}"));
    s = come("\"subs\":{\"a\":{\"recover\":true,\"offset\":2,\"epoch\":\"9\"}}", "[\"a\"]", "");
    ck_told(s, CONNECTED(",\"subs\":{\"a\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true,\"offset\":3,\"was_recovering\":true}}"));
    edges_leave(other);
    edges_stop(&g);
}
END_TEST

START_TEST(what_has_changed_until_the_last_one_is_there_counts)
{
    start();
    struct ws_socket *other = edges_reader(&g, "a");
    edges_publish(&g, "default/a", 1, 1, "1");
    struct ws_socket *s = come("\"subs\":{\"a\":{\"recover\":true,\"epoch\":\"1\"}}", "[\"a\",\"b\"]", "");
    edges_publish(&g, "default/a", 2, 1, "1"); /* nothing of what it lacks is there any more */
    edges_subscribed(&g, "default/b", 1, 0);
    ck_told(s, CONNECTED(",\"subs\":{\"a\":{\"recoverable\":true,\"epoch\":\"2\",\"positioned\":true,\"offset\":1,\"was_recovering\":true},"
                         "\"b\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true}}"));
    edges_leave(other);
    edges_stop(&g);
}
END_TEST

START_TEST(a_client_gets_what_it_may_subscribe_to_and_is_ended_for_what_cannot_be)
{
    start();
    struct ws_socket *s = come("\"subs\":{\"a\":{},\"$secret\":{}}", "", "");
    edges_subscribed(&g, "default/a", 1, 0);
    ck_told(s, CONNECTED(",\"subs\":{\"a\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true}}"));
    s = come("\"subs\":{\"a\":{},\"nowhere:x\":{}}", "", "");
    ck_assert_uint_eq(s->close_code, DISCONNECT_BAD_REQUEST);
    edges_stop(&g);
}
END_TEST

START_TEST(what_is_granted_and_cannot_be_is_the_error_of_connect)
{
    start();
    struct ws_socket *s = come("", "[\"a\",\"nowhere:x\"]", "");
    ck_told(s, "{\"id\":1,\"error\":{\"code\":102,\"message\":\"unknown channel\"}}");
    ck_assert_int_eq(s->connection->state, CONNECTION_REJECTED);
    ck_assert_uint_eq(s->connection->n_subs, 0);
    edges_pass(&g, options.stale_timeout + 100); /* it does not stay */
    ck_assert_uint_eq(s->close_code, DISCONNECT_STALE);
    s = come("", "[\"acme/x\"]", "");
    ck_told(s, "{\"id\":1,\"error\":{\"code\":103,\"message\":\"permission denied\"}}");
    edges_stop(&g);
}
END_TEST

START_TEST(more_than_channel_limit_ends_the_connection)
{
    start();
    edges_quotas(&g, ",\"channel_limit\":2", "");
    struct ws_socket *s = come("", "[\"a\",\"b\",\"a\"]", ""); /* twice is once */
    ck_assert_int_eq(s->connection->state, CONNECTION_ENTERING);
    ck_assert_uint_eq(come("", "[\"a\",\"b\",\"c\"]", "")->close_code, DISCONNECT_CHANNEL_LIMIT);
    ck_assert_uint_eq(come("\"subs\":{\"c\":{}}", "[\"a\",\"b\"]", "")->close_code, DISCONNECT_CHANNEL_LIMIT);
    ck_assert_uint_eq(come("\"subs\":{\"$c\":{},\"$d\":{},\"$e\":{}}", "", "")->close_code, DISCONNECT_CHANNEL_LIMIT); /* may have none of them */
    edges_stop(&g);
}
END_TEST

START_TEST(a_channel_limit_of_0_is_none)
{
    start();
    edges_quotas(&g, ",\"channel_limit\":0", "");
    struct ws_socket *s = come("\"subs\":{\"$c\":{}}", "[\"a\",\"b\"]", "");
    ck_assert_int_eq(s->connection->state, CONNECTION_ENTERING);
    edges_subscribed(&g, "default/a", 1, 0);
    edges_subscribed(&g, "default/b", 1, 0);
    ck_assert_int_eq(s->connection->state, CONNECTION_OPEN);
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"chat:d\"}}");
    edges_subscribed(&g, "default/chat:d", 1, 0);
    char *told = edges_take(s);
    ck_assert_msg(told && strstr(told, "{\"id\":2,\"subscribe\":{"), "%s", told ? told : "nothing");
    free(told);
    edges_stop(&g);
}
END_TEST

START_TEST(who_asks_for_more_than_there_can_be_is_not_kept_waiting)
{
    gateway_options_default(&options);
    options.connect_rate_start = 1;
    edges_start_gated(&g, &options);
    edges_quotas(&g, ",\"channel_limit\":2", "");
    for (int i = 0; i < 4; i++) {
        struct ws_socket *s = edges_connect(&g);
        edges_say(s, "{\"id\":1,\"connect\":{\"subs\":{\"a\":{},\"b\":{},\"c\":{}}}}");
        ck_assert_uint_eq(s->close_code, DISCONNECT_CHANNEL_LIMIT);
    }
    edges_stop(&g);
}
END_TEST

START_TEST(a_personal_channel_without_its_namespace_is_said_once)
{
    start();
    edges_quotas(&g, ",\"subscribe_to_user_personal_channel\":true,\"user_personal_channel_namespace\":\"nowhere\"", "");
    struct ws_socket *anonymous = edges_connect(&g); /* keeps the tenant here */
    edges_say(anonymous, "{\"id\":1,\"connect\":{}}");
    ck_told(anonymous, CONNECTED());
    const struct tenant *t = tenant_find(&g, BYTES("default"));
    ck_assert_uint_eq(t->personal_fails.n, 0);
    ck_told(come("", "", ""), "{\"id\":1,\"error\":{\"code\":102,\"message\":\"unknown channel\"}}");
    come("", "", "");
    ck_assert_uint_eq(t->personal_fails.n, 2); /* of one episode */
    edges_stop(&g);
}
END_TEST

START_TEST(the_personal_channel_is_the_tenants_option)
{
    start();
    edges_quotas(&g, ",\"subscribe_to_user_personal_channel\":true,\"user_personal_channel_namespace\":\"chat\"", "");
    struct ws_socket *s = come("", "", "");
    edges_subscribed(&g, "default/chat:#u", 1, 0);
    ck_told(s, CONNECTED(",\"subs\":{\"chat:#u\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true}}"));
    struct ws_socket *anonymous = edges_connect(&g);
    edges_say(anonymous, "{\"id\":1,\"connect\":{}}");
    ck_told(anonymous, CONNECTED());
    edges_stop(&g);
}
END_TEST

START_TEST(a_worker_that_is_silent_makes_connect_fail_in_time)
{
    start();
    struct ws_socket *s = come("", "[\"a\",\"b\"]", "");
    edges_subscribed(&g, "default/a", 1, 0);
    edges_say(s, "{\"id\":2,\"subscribe\":{\"channel\":\"c\"}}");
    edges_pass(&g, options.subscribe_timeout + 100);
    ck_told(s, "{\"id\":1,\"error\":{\"code\":100,\"message\":\"internal server error\",\"temporary\":true}}");
    ck_assert_int_eq(s->connection->state, CONNECTION_REJECTED);
    ck_assert_uint_eq(s->close_code, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_connect_under_way_goes_where_its_tenant_has_gone)
{
    start();
    struct ws_socket *s = come("", "[\"a\"]", "");
    edges_configure_text(&g, "{\"version\":2,\"cells\":[],\"api_keys\":[],\"namespaces\":[{\"tenant\":\"default\",\"name\":\"\",\"options\":{}}],"
                             "\"tenants\":[{\"name\":\"default\",\"cells\":[\"b\"],\"options\":{}}]}");
    edges_pass(&g, 100);
    edges_subscribed(&g, "default/a", 1, 5);
    edges_pass(&g, 100);
    ck_assert_uint_eq(s->close_code, DISCONNECT_MOVED);
    edges_stop(&g);
}
END_TEST

START_TEST(what_makes_a_client_subscribe_anew_makes_it_connect_anew)
{
    start();
    struct ws_socket *s = come("", "[\"a\",\"b\"]", "");
    edges_subscribed(&g, "default/a", 1, 0);
    edges_subscribed(&g, "default/b", 1, 0);
    edges_publish(&g, "default/a", 2, 1, "1"); /* a newer epoch */
    ck_assert_uint_eq(s->close_code, DISCONNECT_INSUFFICIENT_STATE);
    edges_stop(&g);
}
END_TEST

START_TEST(an_application_says_who_comes_and_what_it_gets)
{
    start();
    struct ws_socket *s = edges_connect(&g);
    struct command m;
    struct auth a = {.tenant = BYTES("default"), .user = BYTES("u"), .data = BYTES("{\"x\":1}")};
    struct bytes frame = BYTES("{\"id\":1,\"connect\":{}}");
    ck_assert_int_eq(command_take_json(&frame, &m), 0);
    ck_assert_int_eq(wants_read_channels(&a.wants, BYTES("[\"a\"]")), 0);
    entrance_new(s->connection, &m);
    connection_goto(s->connection, CONNECTION_WAITING);
    verb_connect_known(s->connection, &a);
    edges_say(s, "{\"id\":2,\"rpc\":{\"method\":\"none\"}}");
    edges_subscribed(&g, "default/a", 1, 0);
    ck_told(s, CONNECTED(",\"data\":{\"x\":1},\"subs\":{\"a\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true}}")
            "\n{\"id\":2,\"error\":{\"code\":108,\"message\":\"not available\"}}");
    command_fini(&m);
    edges_stop(&g);
}
END_TEST

static void add(struct ws_socket *s, const char *channel, const struct want *how)
{
    struct config_channel ch;
    struct want want = *how;
    want.channel = bytes_str(channel);
    const struct config_tenant *tenant = config_tenant(g.config, BYTES("default"));
    ck_assert_int_eq(config_resolve(g.config, tenant, want.channel, &ch), 0);
    server_sub_add(s->connection, &ch, &want, NULL);
    edges_pass(&g, 0);
}

START_TEST(one_on_demand_is_pushed_and_goes_on_from_where_it_is_told)
{
    start();
    struct ws_socket *s = edges_reader(&g, "b");
    add(s, "a", &(struct want){.data = BYTES("{\"x\":1}")});
    ck_told(s, "");
    edges_subscribed(&g, "default/a", 1, 2);
    ck_told(s, "{\"push\":{\"channel\":\"a\",\"subscribe\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true,\"offset\":2,\"data\":{\"x\":1}}}}");
    add(s, "a", &(struct want){0}); /* again: it has it */
    edges_publish(&g, "default/a", 1, 3, "1");
    ck_told(s, "{\"push\":{\"channel\":\"a\",\"pub\":{\"data\":1,\"offset\":3,\"tags\":{\"id\":\"3\"}}}}");
    struct ws_socket *since = edges_reader(&g, "b");
    add(since, "a", &(struct want){.since = {.recover = true, .has_epoch = true, .epoch = 1, .offset = 2}});
    ck_told(since, "{\"push\":{\"channel\":\"a\",\"subscribe\":{\"recoverable\":true,\"epoch\":\"1\",\"positioned\":true,\"offset\":2}}}\n"
                   "{\"push\":{\"channel\":\"a\",\"pub\":{\"data\":1,\"offset\":3,\"tags\":{\"id\":\"3\"}}}}");
    edges_stop(&g);
}
END_TEST

START_TEST(one_that_expires_ends_the_connection)
{
    start();
    struct ws_socket *s = edges_reader(&g, "b");
    edges_subscribed(&g, "default/a", 1, 2);
    add(s, "a", &(struct want){.expire_at = gateway_unix_s(&g) + 1});
    edges_subscribed(&g, "default/a", 1, 2);
    edges_pass(&g, 1000 + options.expiry_grace + 100);
    ck_assert_uint_eq(s->close_code, DISCONNECT_SUB_EXPIRED);
    edges_stop(&g);
}
END_TEST

START_TEST(a_client_may_unsubscribe_before_and_after_it_is_told)
{
    start();
    struct ws_socket *s = edges_reader(&g, "b");
    add(s, "a", &(struct want){0});
    edges_say(s, "{\"id\":9,\"unsubscribe\":{\"channel\":\"a\"}}");
    ck_told(s, "{\"id\":9,\"unsubscribe\":{}}");
    ck_assert_uint_eq(s->connection->n_subs, 1);
    add(s, "a", &(struct want){0});
    edges_subscribed(&g, "default/a", 1, 0);
    edges_say(s, "{\"id\":10,\"unsubscribe\":{\"channel\":\"a\"}}");
    ck_assert_uint_eq(s->connection->n_subs, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(what_was_missed_in_all_of_them_is_bounded_and_the_rest_is_pushed)
{
    start();
    options.recovered_bytes = 100;
    struct ws_socket *other = edges_reader(&g, "a"), *another = edges_reader(&g, "b");
    edges_publish(&g, "default/a", 1, 1, "1");
    edges_publish(&g, "default/b", 1, 1, "1");
    struct ws_socket *s = come("\"subs\":{\"a\":{\"recover\":true,\"epoch\":\"1\"},\"b\":{\"recover\":true,\"epoch\":\"1\"}}", "[\"a\",\"b\"]", "");
    char *text = edges_take(s), *first = strstr(text, "\"publications\""), *push = strstr(text, "\"push\":{\"channel\":\"b\",\"pub\"");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, "\"publications\""));
    ck_assert_ptr_nonnull(push);
    free(text);
    edges_leave(other);
    edges_leave(another);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("gateway/server_sub", connect_is_answered_when_each_channel_has_a_position, a_grant_brings_info_data_and_other_options,
          a_client_that_comes_back_recovers_what_it_is_granted,
          what_has_changed_until_the_last_one_is_there_counts,
          a_client_gets_what_it_may_subscribe_to_and_is_ended_for_what_cannot_be,
          what_is_granted_and_cannot_be_is_the_error_of_connect, more_than_channel_limit_ends_the_connection, a_channel_limit_of_0_is_none,
          who_asks_for_more_than_there_can_be_is_not_kept_waiting,
          the_personal_channel_is_the_tenants_option, a_personal_channel_without_its_namespace_is_said_once, a_worker_that_is_silent_makes_connect_fail_in_time,
          a_connect_under_way_goes_where_its_tenant_has_gone,
          what_makes_a_client_subscribe_anew_makes_it_connect_anew, an_application_says_who_comes_and_what_it_gets,
          one_on_demand_is_pushed_and_goes_on_from_where_it_is_told, one_that_expires_ends_the_connection,
          a_client_may_unsubscribe_before_and_after_it_is_told,
          what_was_missed_in_all_of_them_is_bounded_and_the_rest_is_pushed)
