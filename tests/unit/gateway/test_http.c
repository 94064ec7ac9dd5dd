#include "http.h"

#include "fake_edges.h"
#include "unit.h"

static struct gateway_options options;
static struct gateway g;

static int upgrade(const char *path, const char *query, const char *origin, const char *protocols)
{
    const char *why = "";
    struct ws_request r = {.path = bytes_str(path), .query = bytes_str(query), .origin = bytes_str(origin), .protocols = bytes_str(protocols)};
    int status = http_handlers.upgrade(&g, &r, &why);
    ck_assert((status == 0) == (*why == 0));
    return status;
}

START_TEST(the_tenant_stands_in_the_path)
{
    struct bytes tenant;
    ck_assert(http_path_tenant(BYTES("/connection/websocket"), &tenant));
    ck_assert_bytes(tenant, "");
    ck_assert(http_path_tenant(BYTES("/t/acme-1/connection/websocket"), &tenant));
    ck_assert_bytes(tenant, "acme-1");
    static const char *const others[] = {"", "/", "/t", "/t/", "/t//connection/websocket", "/t/acme", "/t/acme/connection/websocketx",
                                         "/t/A/connection/websocket", "/connection/websocket/", "connection/websocket",
                                         "/t/a b/connection/websocket", "/t/a/b/connection/websocket"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!http_path_tenant(bytes_str(others[i]), &tenant), "%s", others[i]);
}
END_TEST

START_TEST(what_is_refused_is_refused_with_its_status)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    ck_assert_int_eq(upgrade("/connection/websocket", "", "", ""), 0);
    ck_assert_int_eq(upgrade("/elsewhere", "", "", ""), 404);
    ck_assert_int_eq(upgrade("/t/nobody/connection/websocket", "", "", ""), 404);
    ck_assert_int_eq(upgrade("/connection/websocket", "", "http://evil.example", ""), 403);
    ck_assert_int_eq(upgrade("/connection/websocket", "", "", "mqtt"), 400);
    ck_assert_int_eq(upgrade("/connection/websocket", "format=protobuf", "", "mqtt"), 400);
    ck_assert_int_eq(upgrade("/connection/websocket", "", "", "mqtt ,  centrifuge-json"), 0);
    g.capacity = 0;
    ck_assert_int_eq(upgrade("/connection/websocket", "", "", ""), 503);
    edges_stop(&g);
}
END_TEST

static enum encoding encoding_of(const char *query, const char *protocols)
{
    struct ws_request r = {.path = BYTES("/connection/websocket"), .query = bytes_str(query), .protocols = bytes_str(protocols)};
    ck_assert_int_eq(upgrade("/connection/websocket", query, "", protocols), 0);
    struct connection *c = http_handlers.opened(&g, NULL, &r);
    enum encoding encoding = c->encoding;
    connection_free(c);
    return encoding;
}

START_TEST(the_first_known_subprotocol_or_the_query_says_the_encoding)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    ck_assert_int_eq(encoding_of("", ""), ENCODING_JSON);
    ck_assert_int_eq(encoding_of("cf_protocol_version=v2", ""), ENCODING_JSON);
    ck_assert_int_eq(encoding_of("", "centrifuge-json, centrifuge-protobuf"), ENCODING_JSON);
    ck_assert_int_eq(encoding_of("", "centrifuge-protobuf ,  centrifuge-json"), ENCODING_PROTOBUF);
    ck_assert_int_eq(encoding_of("a=b&format=protobuf", ""), ENCODING_PROTOBUF);
    ck_assert_int_eq(encoding_of("cf_protocol=protobuf", "centrifuge-json"), ENCODING_PROTOBUF);
    edges_stop(&g);
}
END_TEST

START_TEST(before_a_configuration_only_requests_without_origin_pass)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    g.config = config_unref(g.config);
    ck_assert_int_eq(upgrade("/connection/websocket", "", "", ""), 0);
    ck_assert_int_eq(upgrade("/connection/websocket", "", "http://x", ""), 503);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("http", the_tenant_stands_in_the_path, what_is_refused_is_refused_with_its_status,
          the_first_known_subprotocol_or_the_query_says_the_encoding, before_a_configuration_only_requests_without_origin_pass)
