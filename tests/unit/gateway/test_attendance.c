#include "attendance.h"

#include "fake_edges.h"
#include "unit.h"

#define TENANT(name, options) \
    "{\"name\":\"" name "\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true" options "}}"
#define TENANTS(options)                                                                                     \
    "{\"version\":2,\"cells\":[],\"api_keys\":[],\"namespaces\":[],\"tenants\":[" TENANT("default", "") ","  \
    TENANT("acme", options) "]}"
#define URL ",\"webhook_url\":\"http://app\""

static struct gateway_options options;
static struct gateway g;

static void start(const char *json)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    edges_configure_text(&g, json);
}

static struct ws_socket *connect_to(const char *tenant)
{
    struct ws_socket *s = edges_connect_to(&g, tenant);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    return s;
}

/* What its worker was told since the last time, with CLIENT for the connection's. */
static char *told(const struct ws_socket *s)
{
    struct buf text = {0};
    struct bytes client = connection_client(s->connection), asked = buf_bytes(&edges.asked);
    const char *at;
    buf_append_str(&text, "");
    while (asked.n && (at = memmem(asked.p, asked.n, client.p, client.n))) {
        buf_append(&text, asked.p, (size_t)(at - asked.p));
        buf_append_str(&text, "CLIENT");
        asked = bytes_of(at + client.n, asked.n - (size_t)(at - asked.p) - client.n);
    }
    buf_append_bytes(&text, asked);
    buf_clear(&edges.asked);
    return buf_take(&text);
}

#define ck_told(s, want)                                                                                     \
    do {                                                                                                     \
        char *have_ = told(s);                                                                               \
        ck_assert_str_eq(have_, want);                                                                       \
        free(have_);                                                                                         \
    } while (0)

#define CAME "client {\"user\":\"\",\"client\":\"CLIENT\"}\n"
#define WENT "gone cellcast/client:acme:CLIENT\n"

START_TEST(who_connects_and_goes_is_told_once_each)
{
    start(TENANTS(URL));
    struct ws_socket *s = connect_to("acme");
    ck_told(s, CAME);
    connection_disconnect(s->connection, 3000, NULL);
    ck_told(s, WENT);
    edges_leave(s);
    ck_assert_uint_eq(edges.asked.n, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(tenants_without_a_webhook_for_clients_are_not_told_of)
{
    start(TENANTS(URL ",\"webhook_events\":[\"channel_occupied\"]"));
    ck_told(connect_to("acme"), "");
    ck_told(connect_to("default"), "");
    edges_stop(&g);
}
END_TEST

START_TEST(a_configuration_tells_of_who_is_there_and_takes_it_back)
{
    start(TENANTS(""));
    struct ws_socket *s = connect_to("acme");
    ck_told(s, "");
    edges_configure_text(&g, TENANTS(URL));
    ck_told(s, CAME);
    edges_configure_text(&g, TENANTS(URL ",\"webhook_events\":[\"client_disconnected\"]"));
    ck_told(s, "");
    edges_configure_text(&g, TENANTS(""));
    ck_told(s, WENT);
    edges_stop(&g);
}
END_TEST

START_TEST(who_has_not_connected_yet_is_not_there)
{
    start(TENANTS(URL));
    edges_connect_to(&g, "acme");
    edges_configure_text(&g, TENANTS(URL));
    ck_assert_uint_eq(edges.asked.n, 0);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("attendance", who_connects_and_goes_is_told_once_each, tenants_without_a_webhook_for_clients_are_not_told_of,
          a_configuration_tells_of_who_is_there_and_takes_it_back, who_has_not_connected_yet_is_not_there)
