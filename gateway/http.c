#include "http.h"

#include "api.h"
#include "command.h"
#include "connection.h"
#include "emulation.h"
#include "gateway.h"
#include "origin.h"
#include "proxied.h"

#include "core/json.h"

#define PREFLIGHT_S "300" /* that a browser remembers what it may */

/* ---- paths */

bool http_path(struct bytes path, struct bytes *ret_tenant, struct bytes *ret_rest)
{
    struct bytes prefix = BYTES("/t/");
    *ret_tenant = (struct bytes){0};
    *ret_rest = path;
    if (!bytes_starts(path, prefix))
        return true;
    struct bytes rest = bytes_of(path.p + prefix.n, path.n - prefix.n);
    const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
    if (!slash)
        return false;
    *ret_tenant = bytes_of(rest.p, (size_t)(slash - rest.p));
    *ret_rest = bytes_of(slash, rest.n - ret_tenant->n);
    return tenant_name_valid(*ret_tenant);
}

/* A request at one of these doors. */
struct visit {
    struct gateway *g;
    struct ws_socket *s;
    const struct ws_request *r;
    struct bytes tenant; /* of the path, or empty */
    const struct door *door;
};

/* What pages may ask for. */
struct door {
    const char *path;
    const char *methods;
    void (*enter)(const struct visit *v); /* NULL: an upgrade opens it */
    enum transport_kind kind;
};

static void enter_stream(const struct visit *v);
static void enter_emulation(const struct visit *v);
static void enter_init(const struct visit *v);

static const struct door doors[] = {
#define TRANSPORT(NAME, name, framing, one_way, methods)                                                     \
    {"/connection/" #name, methods, FRAMING_##framing == FRAMING_MESSAGES ? NULL : enter_stream, TRANSPORT_##NAME},
#include "transport.def"
#undef TRANSPORT
    {.path = "/connection/init", .methods = "GET", .enter = enter_init},
    {.path = "/emulation", .methods = "POST", .enter = enter_emulation},
};

static const struct door *door_find(struct bytes path, struct bytes *ret_tenant)
{
    struct bytes rest;
    if (!http_path(path, ret_tenant, &rest))
        return NULL;
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
        if (bytes_is(rest, doors[i].path))
            return &doors[i];
    return NULL;
}

static struct bytes tenant_name(struct bytes name)
{
    return name.n ? name : BYTES(CONFIG_DEFAULT_TENANT);
}

/* ---- who may */

/* -> 0, or an HTTP status with the reason */
static int judge_room(struct gateway *g, struct bytes tenant, const char **ret_why)
{
    if (g->n_connections >= g->capacity) {
        *ret_why = g->config ? "no room here: --connections-max\n" : "not configured yet\n";
        return 503;
    }
    if (!admission_has_room(&g->admission, g, tenant_name(tenant))) {
        g->metrics.connects_shed_total++;
        *ret_why = "too many wait here: --connect-queue\n";
        return 503;
    }
    return 0;
}

/* The same, for the page that it comes from. */
static int judge_origin(const struct gateway *g, struct bytes tenant, struct bytes origin, const char **ret_why)
{
    const struct config_tenant *t = g->config ? config_tenant(g->config, tenant_name(tenant)) : NULL;
    if (!g->config && origin.n) {
        *ret_why = "not configured yet\n";
        return 503;
    }
    if (g->config && !t) {
        *ret_why = "no such tenant\n";
        return 404;
    }
    if (t && !origin_allowed(t->options.allowed_origins, origin)) {
        *ret_why = "origin not allowed\n";
        return 403;
    }
    return 0;
}

/* ---- upgrades */

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

static int upgrade(struct gateway *g, const struct ws_request *r, const char **ret_why)
{
    struct bytes tenant;
    enum encoding encoding;
    const struct door *door = door_find(r->path, &tenant);
    if (!door || door->enter) {
        *ret_why = "not found\n";
        return 404;
    }
    if (!find_encoding(r, &encoding)) {
        *ret_why = "no subprotocol but " WS_PROTOCOL_JSON " and " WS_PROTOCOL_PROTOBUF " is served\n";
        return 400;
    }
    if (transport_of(door->kind)->one_way && encoding != ENCODING_JSON) {
        *ret_why = "only JSON is served here\n";
        return 400;
    }
    int status = judge_room(g, tenant, ret_why);
    return status ? status : judge_origin(g, tenant, r->origin, ret_why);
}

/* What applications of tenants want to know of the request; whose client it is may only come to light with its token. */
static void take_headers(struct connection *c, const struct ws_socket *s)
{
    const struct config *config = c->gateway->config;
    struct texts names = config ? config_proxy_headers(config) : (struct texts){0};
    struct buf value = {0};
    for (size_t i = 0; i < names.n; i++) {
        buf_clear(&value);
        if (ws_request_header(s, names.items[i], &value))
            proxied_header(c, names.items[i], buf_bytes(&value));
    }
    buf_fini(&value);
}

static struct connection *opened(struct gateway *g, struct ws_socket *s, const struct ws_request *r)
{
    struct bytes tenant;
    enum transport_kind kind = door_find(r->path, &tenant)->kind;
    enum encoding encoding;
    find_encoding(r, &encoding);
    struct connection *c = connection_new(g, s, tenant, kind, encoding);
    take_headers(c, s);
    c->deflates = r->deflates && !transport_of(kind)->one_way;
    if (!transport_of(kind)->one_way)
        return c;
    ws_one_way(s);
    if (r->cf_connect.n)
        connection_message(c, r->cf_connect, false);
    return c;
}

/* ---- pages */

static void refuse(const struct visit *v, int status, const char *why)
{
    v->g->metrics.sockets_refused_total++;
    ws_answer_text(v->s, status, why);
}

static void allow_page(const struct visit *v)
{
    if (v->r->origin.n == 0)
        return;
    ws_header(v->s, "access-control-allow-origin", v->r->origin);
    ws_header(v->s, "access-control-allow-credentials", BYTES("true"));
    ws_header(v->s, "vary", BYTES("origin"));
}

static void answer_preflight(const struct visit *v)
{
    ws_header(v->s, "access-control-allow-methods", bytes_str(v->door->methods));
    if (v->r->wanted_headers.n)
        ws_header(v->s, "access-control-allow-headers", v->r->wanted_headers);
    ws_header(v->s, "access-control-max-age", BYTES(PREFLIGHT_S));
    ws_answer(v->s, 204, NULL, (struct bytes){0});
}

static bool takes(const struct door *door, struct bytes method)
{
    struct bytes list = bytes_str(door->methods), item;
    while (next_item(&list, ',', &item))
        if (bytes_equal(item, method))
            return true;
    return false;
}

static void refuse_method(const struct visit *v)
{
    ws_header(v->s, "allow", bytes_str(v->door->methods));
    refuse(v, 405, "method not allowed\n");
}

static void enter(const struct visit *v)
{
    const char *why;
    int status = judge_origin(v->g, v->tenant, v->r->origin, &why);
    if (!v->door->enter) {
        ws_answer_text(v->s, 426, "upgrade to websocket\n");
        return;
    }
    if (status) {
        refuse(v, status, why);
        return;
    }
    allow_page(v);
    if (bytes_is(v->r->method, "OPTIONS"))
        answer_preflight(v);
    else if (takes(v->door, v->r->method))
        v->door->enter(v);
    else
        refuse_method(v);
}

static void enter_init(const struct visit *v)
{
    ws_answer(v->s, 200, NULL, BYTES("{}"));
}

static enum encoding encoding_of(const struct ws_request *r)
{
    return bytes_starts(r->content_type, BYTES("application/octet-stream")) ? ENCODING_PROTOBUF : ENCODING_JSON;
}

static void enter_emulation(const struct visit *v)
{
    emulation_asked(v->g, v->s, encoding_of(v->r), v->r->body);
}

/* ---- streams */

/* What the client says with its request: commands, or of a one-way client its ConnectRequest, of which nothing is as good
 * as {}. -> false: it cannot be that */
static bool first_words(const struct visit *v, struct bytes *ret_words)
{
    struct command m;
    struct bytes words = bytes_is(v->r->method, "GET") ? v->r->cf_connect : v->r->body;
    bool one_way = transport_of(v->door->kind)->one_way;
    *ret_words = one_way && words.n == 0 ? BYTES("{}") : words;
    if (!one_way)
        return words.n || !bytes_is(v->r->method, "GET");
    if (command_take_connect(*ret_words, &m) < 0)
        return false;
    command_fini(&m);
    return true;
}

static void enter_stream(const struct visit *v)
{
    const char *why;
    struct bytes words;
    int status = judge_room(v->g, v->tenant, &why);
    if (status) {
        refuse(v, status, why);
        return;
    }
    if (!first_words(v, &words)) {
        refuse(v, 400, "there has to be a connect: in cf_connect, or in the body\n");
        return;
    }
    enum encoding encoding = v->door->kind == TRANSPORT_HTTP_STREAM ? encoding_of(v->r) : ENCODING_JSON;
    struct connection *c = connection_new(v->g, v->s, v->tenant, v->door->kind, encoding);
    take_headers(c, v->s);
    ws_stream_open(v->s, transport_of(v->door->kind), c);
    connection_message(c, words, true);
}

/* ---- requests */

static void say_ready(struct gateway *g, struct ws_socket *s)
{
    const char *why;
    struct buf body = {0};
    if (gateway_ready(g, &why)) {
        ws_answer(s, 200, NULL, BYTES("{}"));
        return;
    }
    buf_append_str(&body, "{\"reason\":");
    json_append_string(&body, bytes_str(why));
    buf_append_char(&body, '}');
    ws_answer(s, 503, NULL, buf_bytes(&body));
    buf_fini(&body);
}

static void api_done(void *ctx, const struct api_answer *answer)
{
    struct ws_socket *s = ctx;
    ws_keep(s, NULL, NULL);
    if (answer->detail.n)
        ws_header(s, "x-cellcast-detail", answer->detail);
    if (answer->status == 405)
        ws_header(s, "allow", BYTES("POST"));
    ws_answer(s, answer->status, answer->content_type, answer->body);
}

static void api_gone(void *call)
{
    api_cancel(call);
}

/* As the option has it for everybody, or as the header asks. */
static struct bytes error_mode(const struct gateway *g, const struct ws_request *r)
{
    return g->options->api_transport_errors ? BYTES(API_ERRORS_TRANSPORT) : r->error_mode;
}

static void call_api(struct gateway *g, struct ws_socket *s, const struct ws_request *r)
{
    struct api_request request = {.config = g->config,
                                  .http_method = r->method,
                                  .path = r->path,
                                  .query = r->query,
                                  .api_key = r->api_key,
                                  .authorization = r->authorization,
                                  .error_mode = error_mode(g, r),
                                  .body = r->body,
                                  .now_ms = g->now_us / 1000};
    struct api_call *call = api_handle(g, &request, api_done, s);
    if (call)
        ws_keep(s, call, api_gone);
}

static void request(struct gateway *g, struct ws_socket *s, const struct ws_request *r)
{
    struct visit v = {.g = g, .s = s, .r = r};
    g->metrics.http_requests_total++;
    v.door = door_find(r->path, &v.tenant);
    if (v.door)
        enter(&v);
    else if (bytes_is(r->path, "/health"))
        ws_answer(s, 200, NULL, BYTES("{}"));
    else if (bytes_is(r->path, "/ready"))
        say_ready(g, s);
    else if (api_is_path(r->path) && g->config)
        call_api(g, s, r);
    else if (api_is_path(r->path))
        ws_answer_text(s, 503, "not configured yet\n");
    else
        ws_answer_text(s, 404, "not found\n");
}

static size_t body_max(struct gateway *g, const struct ws_request *r, const char **ret_why)
{
    bool api = api_is_path(r->path);
    *ret_why = api ? "body too large: above --api-body-max\n" : "body too large: above --frame-max\n";
    return (size_t)(api ? g->options->api_body_max : g->options->frame_max);
}

const struct ws_handlers http_handlers = {
    .upgrade = upgrade,
    .opened = opened,
    .message = connection_message,
    .writable = connection_writable,
    .closed = connection_free,
    .request = request,
    .body_max = body_max,
};
