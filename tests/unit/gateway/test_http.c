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

static void path_is(const char *path, const char *tenant, const char *rest)
{
    struct bytes got_tenant, got_rest;
    ck_assert_msg(http_path(bytes_str(path), &got_tenant, &got_rest), "%s", path);
    ck_assert_bytes(got_tenant, tenant);
    ck_assert_bytes(got_rest, rest);
}

START_TEST(the_tenant_stands_in_the_path)
{
    struct bytes tenant, rest;
    path_is("/connection/websocket", "", "/connection/websocket");
    path_is("/t/acme-1/connection/websocket", "acme-1", "/connection/websocket");
    path_is("/t/acme/t/b/emulation", "acme", "/t/b/emulation");
    path_is("", "", "");
    path_is("/t", "", "/t");
    static const char *const others[] = {"/t/", "/t//connection/websocket", "/t/acme", "/t/A/connection/websocket", "/t/a b/connection/websocket"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!http_path(bytes_str(others[i]), &tenant, &rest), "%s", others[i]);
}
END_TEST

START_TEST(what_is_refused_is_refused_with_its_status)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    ck_assert_int_eq(upgrade("/connection/websocket", "", "", ""), 0);
    ck_assert_int_eq(upgrade("/connection/uni_websocket", "", "", ""), 0);
    ck_assert_int_eq(upgrade("/t/acme/connection/uni_websocket", "", "", ""), 0);
    static const char *const others[] = {"/elsewhere", "/", "/t/acme/connection/websocketx", "/connection/websocket/", "connection/websocket",
                                         "/t/a/b/connection/websocket", "/connection/sse", "/emulation", "/connection/init"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(upgrade(others[i], "", "", "") == 404, "%s", others[i]);
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

/* ---- requests */

static struct ws_socket *ask(struct ws_request r)
{
    struct ws_socket *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    http_handlers.request(&g, s, &r);
    return s;
}

static void done(struct ws_socket *s)
{
    buf_fini(&s->headers);
    if (s->connection)
        edges_leave(s);
    else
        free(s);
}

static int status_of(struct ws_request r)
{
    struct ws_socket *s = ask(r);
    int status = s->status;
    done(s);
    return status;
}

#define REQUEST(method_, path_, ...)                                                                         \
    (struct ws_request)                                                                                      \
    {                                                                                                        \
        .method = BYTES(method_), .path = BYTES(path_), __VA_ARGS__                                          \
    }
#define CONNECT "{\"id\":1,\"connect\":{}}"

START_TEST(a_request_becomes_a_stream_whose_connection_hears_what_stands_in_it)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    struct ws_socket *s = ask(REQUEST("POST", "/t/acme/connection/http_stream", .body = BYTES(CONNECT)));
    ck_assert_str_eq(s->transport->name, "http_stream");
    ck_assert(connection_is_open(s->connection));
    ck_assert_bytes(connection_tenant(s->connection), "acme");
    ck_assert_int_eq(g.metrics.http_stream_connections, 1);
    done(s);
    ck_assert_int_eq(g.metrics.http_stream_connections, 0);
    s = ask(REQUEST("GET", "/connection/sse", .cf_connect = BYTES(CONNECT)));
    ck_assert_str_eq(s->transport->name, "sse");
    done(s);
    s = ask(REQUEST("GET", "/connection/uni_sse", ));
    ck_assert_str_eq(s->transport->name, "uni_sse");
    edges_pass(&g, 1);
    ck_assert(strncmp(s->written.p, "{\"connect\":{", 12) == 0);
    done(s);
    edges_stop(&g);
}
END_TEST

START_TEST(what_cannot_become_a_stream_is_refused_with_its_status)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    ck_assert_int_eq(status_of(REQUEST("GET", "/connection/sse", )), 400);
    ck_assert_int_eq(status_of(REQUEST("GET", "/connection/http_stream", )), 405);
    ck_assert_int_eq(status_of(REQUEST("OTHER", "/connection/sse", )), 405);
    ck_assert_int_eq(status_of(REQUEST("GET", "/connection/uni_sse", .cf_connect = BYTES("[]"))), 400);
    ck_assert_int_eq(status_of(REQUEST("POST", "/connection/uni_http_stream", .body = BYTES("nonsense"))), 400);
    ck_assert_int_eq(status_of(REQUEST("POST", "/t/nobody/connection/http_stream", .body = BYTES(CONNECT))), 404);
    ck_assert_int_eq(status_of(REQUEST("POST", "/connection/http_stream", .body = BYTES(CONNECT), .origin = BYTES("http://x"))), 403);
    ck_assert_int_eq(status_of(REQUEST("GET", "/connection/websocket", )), 426);
    ck_assert_int_eq(status_of(REQUEST("GET", "/connection/init", )), 200);
    ck_assert_int_eq(status_of(REQUEST("OPTIONS", "/connection/init", )), 204);
    ck_assert_int_eq(status_of(REQUEST("POST", "/emulation", .body = BYTES("{}"))), 400);
    g.capacity = 0;
    ck_assert_int_eq(status_of(REQUEST("POST", "/connection/http_stream", .body = BYTES(CONNECT))), 503);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("http", the_tenant_stands_in_the_path, what_is_refused_is_refused_with_its_status,
          the_first_known_subprotocol_or_the_query_says_the_encoding, before_a_configuration_only_requests_without_origin_pass,
          a_request_becomes_a_stream_whose_connection_hears_what_stands_in_it,
          what_cannot_become_a_stream_is_refused_with_its_status)
