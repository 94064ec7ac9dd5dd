#include "ws_socket.h"

#include "core/clock.h"

#include <assert.h>
#include <stdlib.h>

#define CONNECT_ARGUMENT "cf_connect="

static void put_field(struct exchange *x, enum request_field field, size_t from)
{
    x->at[field] = (uint32_t)from;
    x->n[field] = (uint32_t)(x->text.n - from);
}

static void copy_token(struct lws *wsi, struct exchange *x, enum request_field field, enum lws_token_indexes token)
{
    int n = lws_hdr_total_length(wsi, token);
    size_t from = x->text.n;
    buf_reserve(&x->text, (size_t)n + 1);
    if (n > 0 && lws_hdr_copy(wsi, x->text.p + from, n + 1, token) == n)
        x->text.n += (size_t)n;
    put_field(x, field, from);
}

static void copy_custom(struct lws *wsi, struct exchange *x, enum request_field field, const char *name)
{
    int n = lws_hdr_custom_length(wsi, name, (int)strlen(name));
    size_t from = x->text.n;
    buf_reserve(&x->text, n > 0 ? (size_t)n + 1 : 1);
    if (n > 0 && lws_hdr_custom_copy(wsi, x->text.p + from, n + 1, name, (int)strlen(name)) == n)
        x->text.n += (size_t)n;
    put_field(x, field, from);
}

/* The connect stands for itself, too: in the query, decoded, an & of its own would end it. */
static void notice_connect(struct exchange *x, size_t from)
{
    struct bytes prefix = BYTES(CONNECT_ARGUMENT);
    if (bytes_starts(bytes_of(x->text.p + from, x->text.n - from), prefix))
        put_field(x, CF_CONNECT, from + prefix.n);
}

/* libwebsockets has taken the arguments apart. */
static void copy_query(struct lws *wsi, struct exchange *x)
{
    size_t from = x->text.n;
    int n, most = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) + 1; /* of all of them, so of each */
    for (int i = 0;; i++) {
        buf_reserve(&x->text, (size_t)most + 1);
        size_t at = x->text.n + 1;
        n = lws_hdr_copy_fragment(wsi, x->text.p + at, most, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n < 0)
            break;
        x->text.p[at - 1] = '&';
        x->text.n += (size_t)n + 1;
        notice_connect(x, at);
    }
    put_field(x, QUERY, x->text.n > from ? from + 1 : from);
}

static const char *method_name(int method)
{
    switch (method) {
    case LWSHUMETH_GET:
        return "GET";
    case LWSHUMETH_POST:
        return "POST";
    case LWSHUMETH_OPTIONS:
        return "OPTIONS";
    case LWSHUMETH_HEAD:
        return "HEAD";
    default:
        return "OTHER";
    }
}

/* libwebsockets decodes a %0a in the query and takes it for the end of the line: what follows it would be headers, an Origin
 * too, that whoever made the URL has written. Such a line has no version. */
static enum http_version version_of(struct lws *wsi)
{
    char version[16] = "";
    int n = lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_HTTP);
    return n > 0 && strcmp(version, "HTTP/1.1") == 0 ? HTTP_1_1 : n > 0 && strcmp(version, "HTTP/1.0") == 0 ? HTTP_1_0 : HTTP_NONE;
}

struct exchange *exchange_read(struct ws_socket *s)
{
    struct exchange *x = exchange_new(s);
    struct lws *wsi = s->wsi;
    char *path;
    int n = 0, method = lws_http_get_uri_and_method(wsi, &path, &n);
    x->head_only = method == LWSHUMETH_HEAD;
    buf_append_str(&x->text, method_name(method));
    put_field(x, METHOD, 0);
    size_t from = x->text.n;
    if (method >= 0)
        buf_append(&x->text, path, (size_t)n);
    put_field(x, PATH, from);
    copy_query(wsi, x);
    copy_token(wsi, x, ORIGIN, WSI_TOKEN_ORIGIN);
    copy_token(wsi, x, PROTOCOLS, WSI_TOKEN_PROTOCOL);
    copy_token(wsi, x, CONTENT_TYPE, WSI_TOKEN_HTTP_CONTENT_TYPE);
    copy_token(wsi, x, AUTHORIZATION, WSI_TOKEN_HTTP_AUTHORIZATION);
    copy_custom(wsi, x, API_KEY, "x-api-key:");
    copy_custom(wsi, x, ERROR_MODE, "x-centrifugo-error-mode:");
    copy_token(wsi, x, WANTED_HEADERS, WSI_TOKEN_HTTP_AC_REQUEST_HEADERS);
    x->body_at = x->text.n;
    x->version = version_of(wsi);
    return x;
}

struct ws_request exchange_request(const struct exchange *x)
{
#define FIELD(field) bytes_of(x->text.p + x->at[field], x->n[field])
    return (struct ws_request){.method = FIELD(METHOD),
                               .path = FIELD(PATH),
                               .query = FIELD(QUERY),
                               .cf_connect = FIELD(CF_CONNECT),
                               .origin = FIELD(ORIGIN),
                               .protocols = FIELD(PROTOCOLS),
                               .content_type = FIELD(CONTENT_TYPE),
                               .api_key = FIELD(API_KEY),
                               .authorization = FIELD(AUTHORIZATION),
                               .error_mode = FIELD(ERROR_MODE),
                               .wanted_headers = FIELD(WANTED_HEADERS),
                               .body = bytes_of(x->text.p + x->body_at, x->text.n - x->body_at)};
#undef FIELD
}

/* Those that libwebsockets knows by a number: -> it, or -1 */
static int find_token(const char *name)
{
    const unsigned char *known;
    for (int i = 0; (known = lws_token_to_string((enum lws_token_indexes)i)); i++)
        if (strcmp((const char *)known, name) == 0)
            return i;
    return -1;
}

/* -> bytes, 0 of one that is empty; below 0: there is none. Of those that lws knows by itself an empty one is none. */
static int copy_header(struct lws *wsi, const char *name, struct buf *into)
{
    int length = (int)strlen(name), token = find_token(name);
    int n = token >= 0 ? lws_hdr_total_length(wsi, (enum lws_token_indexes)token) : lws_hdr_custom_length(wsi, name, length);
    if (n <= 0)
        return token >= 0 ? -1 : n;
    buf_reserve(into, (size_t)n + 1);
    char *to = into->p + into->n;
    return token >= 0 ? lws_hdr_copy(wsi, to, n + 1, (enum lws_token_indexes)token)
                      : lws_hdr_custom_copy(wsi, to, n + 1, name, length);
}

bool ws_request_header(const struct ws_socket *s, struct bytes name, struct buf *into)
{
    struct buf with_colon = {0};
    buf_append_bytes(&with_colon, name);
    buf_append_char(&with_colon, ':');
    int n = copy_header(s->wsi, with_colon.p, into);
    buf_fini(&with_colon);
    if (n > 0)
        into->n += (size_t)n;
    return n >= 0;
}

/* ---- life */

static void too_silent(struct wheel_timer *t)
{
    ws_cut(container_of(t, struct exchange, handshake)->socket);
}

static void cut_stranger(struct stranger *s)
{
    ws_cut(container_of(s, struct exchange, stranger)->socket);
}

struct exchange *exchange_new(struct ws_socket *s)
{
    struct exchange *x = calloc(1, sizeof *x);
    assert(x);
    x->socket = s;
    wheel_timer_init(&x->handshake, too_silent);
    list_init(&x->stranger.by_age);
    list_init(&x->look);
    return x;
}

void exchange_await(struct exchange *x, int64_t ms)
{
    struct gateway *g = x->socket->ws->g;
    if (ms)
        wheel_set(&g->wheel, &x->handshake, g->now_ns + ms * NS_PER_MS);
    stranger_enter(g, &x->stranger, cut_stranger);
}

void exchange_has_come(struct exchange *x)
{
    wheel_cancel(&x->handshake);
    stranger_leave(x->socket->ws->g, &x->stranger);
    list_remove(&x->look);
}

void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    exchange_has_come(x);
    buf_fini(&x->text);
    buf_fini(&x->headers);
    buf_fini(&x->answer);
    free(x);
}
