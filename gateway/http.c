#include "http.h"

#include "api.h"
#include "connection.h"
#include "gateway.h"
#include "origin.h"

#include "core/json.h"

/* ---- upgrades */

bool http_path_tenant(struct bytes path, struct bytes *ret_tenant)
{
    struct bytes prefix = BYTES("/t/");
    *ret_tenant = (struct bytes){0};
    if (bytes_is(path, WS_PATH_CONNECT))
        return true;
    if (!bytes_starts(path, prefix))
        return false;
    struct bytes rest = bytes_of(path.p + prefix.n, path.n - prefix.n);
    const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
    if (!slash)
        return false;
    struct bytes tenant = bytes_of(rest.p, (size_t)(slash - rest.p));
    if (!tenant_name_valid(tenant) || !bytes_is(bytes_of(slash, rest.n - tenant.n), WS_PATH_CONNECT))
        return false;
    *ret_tenant = tenant;
    return true;
}

/* One item of a list parted by `by`, trimmed of spaces. -> false at the end */
static bool next_item(struct bytes *list, char by, struct bytes *ret)
{
    if (list->n == 0)
        return false;
    const char *end = memchr(list->p, by, list->n);
    struct bytes item = bytes_of(list->p, end ? (size_t)(end - list->p) : list->n);
    size_t used = item.n + (end ? 1 : 0);
    *list = bytes_of(list->p + used, list->n - used);
    while (item.n && item.p[0] == ' ')
        item.p++, item.n--;
    while (item.n && item.p[item.n - 1] == ' ')
        item.n--;
    *ret = item;
    return true;
}

/* The first subprotocol offered that is known, which libwebsockets echoes; a query for Protobuf goes before it.
 * -> false: some are offered, and none is known */
static bool find_encoding(const struct ws_request *r, enum encoding *ret)
{
    struct bytes list = r->protocols, query = r->query, item;
    bool known = list.n == 0;
    *ret = ENCODING_JSON;
    while (!known && next_item(&list, ',', &item)) {
        known = bytes_is(item, WS_PROTOCOL_JSON) || bytes_is(item, WS_PROTOCOL_PROTOBUF);
        *ret = bytes_is(item, WS_PROTOCOL_PROTOBUF) ? ENCODING_PROTOBUF : ENCODING_JSON;
    }
    while (next_item(&query, '&', &item))
        if (bytes_is(item, "format=protobuf") || bytes_is(item, "cf_protocol=protobuf"))
            *ret = ENCODING_PROTOBUF;
    return known;
}

static const struct config_tenant *tenant_of(const struct gateway *g, struct bytes name)
{
    return config_tenant(g->config, name.n ? name : BYTES(CONFIG_DEFAULT_TENANT));
}

static int upgrade(struct gateway *g, const struct ws_request *r, const char **ret_why)
{
    struct bytes name;
    enum encoding encoding;
    if (!http_path_tenant(r->path, &name)) {
        *ret_why = "not found\n";
        return 404;
    }
    if (!find_encoding(r, &encoding)) {
        *ret_why = "no subprotocol but " WS_PROTOCOL_JSON " and " WS_PROTOCOL_PROTOBUF " is served\n";
        return 400;
    }
    if (g->n_connections >= g->capacity || (!g->config && r->origin.n)) {
        *ret_why = g->config ? "no room here\n" : "not configured yet\n";
        return 503;
    }
    if (!admission_has_room(&g->admission, g, name.n ? name : BYTES(CONFIG_DEFAULT_TENANT))) {
        g->metrics.connects_shed_total++;
        *ret_why = "too many wait here\n";
        return 503;
    }
    const struct config_tenant *tenant = g->config ? tenant_of(g, name) : NULL;
    if (g->config && !tenant) {
        *ret_why = "no such tenant\n";
        return 404;
    }
    if (tenant && !origin_allowed(tenant->options.allowed_origins, r->origin)) {
        *ret_why = "origin not allowed\n";
        return 403;
    }
    return 0;
}

static struct connection *opened(struct gateway *g, struct ws_socket *s, const struct ws_request *r)
{
    struct bytes tenant;
    enum encoding encoding;
    http_path_tenant(r->path, &tenant);
    find_encoding(r, &encoding);
    return connection_new(g, s, tenant, encoding);
}

/* ---- requests */

static void say_ready(struct gateway *g, struct ws_socket *s)
{
    const char *why;
    struct buf body = {0};
    if (gateway_ready(g, &why)) {
        ws_answer(s, 200, NULL, (struct bytes){0}, BYTES("{}"));
        return;
    }
    buf_append_str(&body, "{\"reason\":");
    json_append_string(&body, bytes_str(why));
    buf_append_char(&body, '}');
    ws_answer(s, 503, NULL, (struct bytes){0}, buf_bytes(&body));
    buf_fini(&body);
}

static void api_done(void *ctx, const struct api_answer *answer)
{
    struct ws_socket *s = ctx;
    ws_keep(s, NULL);
    ws_answer(s, answer->status, answer->content_type, answer->detail, answer->body);
}

static void call_api(struct gateway *g, struct ws_socket *s, const struct ws_request *r)
{
    struct api_request request = {.config = g->config,
                                  .http_method = r->method,
                                  .path = r->path,
                                  .query = r->query,
                                  .api_key = r->api_key,
                                  .authorization = r->authorization,
                                  .error_mode = r->error_mode,
                                  .body = r->body,
                                  .now_ms = g->now_us / 1000};
    struct api_call *call = api_handle(g, &request, api_done, s);
    if (call)
        ws_keep(s, call);
}

static void answer_text(struct ws_socket *s, int status, const char *text)
{
    ws_answer(s, status, "text/plain", (struct bytes){0}, bytes_str(text));
}

static void request(struct gateway *g, struct ws_socket *s, const struct ws_request *r)
{
    struct bytes tenant;
    g->metrics.http_requests_total++;
    if (bytes_is(r->path, "/health"))
        ws_answer(s, 200, NULL, (struct bytes){0}, BYTES("{}"));
    else if (bytes_is(r->path, "/ready"))
        say_ready(g, s);
    else if (api_is_path(r->path) && g->config)
        call_api(g, s, r);
    else if (api_is_path(r->path))
        answer_text(s, 503, "not configured yet\n");
    else if (http_path_tenant(r->path, &tenant))
        answer_text(s, 426, "upgrade to websocket\n");
    else
        answer_text(s, 404, "not found\n");
}

static void abandoned(struct gateway *g, struct ws_socket *s)
{
    if (ws_kept(s))
        api_cancel(ws_kept(s));
}

const struct ws_handlers http_handlers = {
    .upgrade = upgrade,
    .opened = opened,
    .message = connection_message,
    .writable = connection_writable,
    .closed = connection_free,
    .request = request,
    .abandoned = abandoned,
};
