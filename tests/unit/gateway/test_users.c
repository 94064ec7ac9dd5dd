#include "users.h"

#include "fake_edges.h"
#include "unit.h"

#include <stdio.h>

#define HEAD "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
/* HS256 under the key `secret`: {"sub":"ann"}, {"sub":"bob"} */
#define ANN HEAD "eyJzdWIiOiJhbm4ifQ.PjR3fgnevdXvvFDIexpV052PaeBybdsfUE102L3fkg4"
#define BOB HEAD "eyJzdWIiOiJib2IifQ.-51G5JQmpJleARHp8rIljBczPFanWT93d_N_7LQGUXU"

static struct gateway_options options;
static struct gateway g;

/* limit: of each user of tenant default */
static void limit(int limit)
{
    char more[96];
    snprintf(more, sizeof more, ",\"token_hmac_secret_key\":\"secret\",\"user_connection_limit\":%d", limit);
    edges_quotas(&g, more, "");
}

static void start(int at_most)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    limit(at_most);
}

static struct ws_socket *connect_as(const char *token)
{
    char text[256];
    struct ws_socket *s = edges_connect(&g);
    snprintf(text, sizeof text, "{\"id\":1,\"connect\":{\"token\":\"%s\"}}", token);
    edges_say(s, text);
    return s;
}

static bool is_let_in(const struct ws_socket *s)
{
    return connection_is_open(s->connection);
}

START_TEST(one_connection_too_many_of_a_user_is_3504)
{
    start(2);
    ck_assert(is_let_in(connect_as(ANN)) && is_let_in(connect_as(ANN)));
    struct ws_socket *third = connect_as(ANN);
    ck_assert_uint_eq(third->close_code, DISCONNECT_CONNECTION_LIMIT);
    ck_assert_str_eq(third->close_reason, "connection limit");
    ck_assert_uint_eq(g.metrics.user_connections_refused_total, 1);
    ck_assert(is_let_in(connect_as(BOB)));
    edges_stop(&g);
}
END_TEST

START_TEST(a_place_that_is_left_is_free)
{
    start(1);
    struct ws_socket *left = connect_as(ANN), *sent_away;
    edges_leave(left);
    ck_assert_uint_eq(g.users.all.count, 0);
    sent_away = connect_as(ANN);
    ck_assert(is_let_in(sent_away));
    connection_disconnect(sent_away->connection, DISCONNECT_FORCE, NULL);
    ck_assert(is_let_in(connect_as(ANN)));
    edges_leave(sent_away);
    ck_assert_uint_eq(connect_as(ANN)->close_code, DISCONNECT_CONNECTION_LIMIT);
    edges_stop(&g);
}
END_TEST

START_TEST(nobody_in_particular_has_no_limit)
{
    start(1);
    for (int i = 0; i < 3; i++)
        ck_assert(is_let_in(connect_as("")));
    ck_assert_uint_eq(g.users.all.count, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_limit_that_comes_later_counts_who_is_there_and_ends_nobody)
{
    start(0);
    struct ws_socket *first = connect_as(ANN), *second = connect_as(ANN);
    ck_assert_uint_eq(g.users.all.count, 0);
    limit(1);
    ck_assert(is_let_in(first) && is_let_in(second));
    ck_assert_uint_eq(connect_as(ANN)->close_code, DISCONNECT_CONNECTION_LIMIT);
    edges_leave(first);
    ck_assert_uint_eq(connect_as(ANN)->close_code, DISCONNECT_CONNECTION_LIMIT);
    edges_leave(second);
    ck_assert(is_let_in(connect_as(ANN)));
    limit(0);
    ck_assert(is_let_in(connect_as(ANN)));
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("gateway/users", one_connection_too_many_of_a_user_is_3504, a_place_that_is_left_is_free, nobody_in_particular_has_no_limit,
          a_limit_that_comes_later_counts_who_is_there_and_ends_nobody)
