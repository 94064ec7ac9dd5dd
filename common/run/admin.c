#include "run/admin.h"

#include "run/http1.h"
#include "run/listener.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#define REQUEST_MAX (64 << 10) /* bytes of a POST's body */
#define CONNECTIONS_MAX 64     /* at once; a further one is closed unheard */
#define CHUNK (16 << 10)       /* bytes of one write */
#define HEADER_MAX 1024        /* bytes of the headers that we answer with */
#define PATH_MAX_BYTES 1024
#define DEADLINE_S 10 /* for a request to come and its answer to go */
#define KEEPALIVE_S 60

struct admin {
    struct ev_loop *loop;
    void *loops[1]; /* foreign_loops of the context */
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct listener *listener;
    admin_handler *handler;
    void *owner;
    unsigned connections;
};

/* One request; the memory is libwebsockets', zeroed with the connection. */
struct exchange {
    bool post, under_way;
    bool head_only; /* HEAD: as GET, and the body is not sent */
    bool refused; /* its body is not read: the connection ends with the answer */
    char path[PATH_MAX_BYTES];
    struct buf query, request, body;
    size_t sent; /* of body */
};

static void exchange_clear(struct exchange *x)
{
    buf_fini(&x->query);
    buf_fini(&x->request);
    buf_fini(&x->body);
    *x = (struct exchange){0};
}

/* libwebsockets takes the query apart at each '&'. */
static void take_query(struct lws *wsi, struct buf *into)
{
    char part[1024];
    for (int i = 0;
         lws_hdr_copy_fragment(wsi, part, sizeof part, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
        if (i > 0)
            buf_append_char(into, '&');
        buf_append_str(into, part);
    }
}

/* -> 0, or -1: the connection is to be closed */
static int answer_head(struct lws *wsi, struct exchange *x, int status, const char *type)
{
    unsigned char head[LWS_PRE + HEADER_MAX], *end = head + sizeof head;
    unsigned char *start = head + LWS_PRE, *at = start;
    if (lws_add_http_common_headers(wsi, (unsigned)status, type, x->body.n, &at, end) ||
        lws_add_http_header_by_name(wsi, (const unsigned char *)"cache-control:",
                                    (const unsigned char *)"no-store", 8, &at, end) ||
        lws_finalize_write_http_header(wsi, start, &at, end))
        return -1;
    if (x->head_only)
        buf_clear(&x->body);
    lws_callback_on_writable(wsi);
    return 0;
}

static int fault(struct lws *wsi, struct exchange *x, int status, const char *what)
{
    buf_clear(&x->body);
    buf_printf(&x->body, "{\"error\":\"%s\"}\n", what);
    return answer_head(wsi, x, status, "application/json");
}

static int ask_owner(struct admin *a, struct lws *wsi, struct exchange *x)
{
    const char *type = "application/json";
    int status = a->handler(a->owner, x->post ? "POST" : "GET", x->path, buf_bytes(&x->query),
                            buf_bytes(&x->request), &x->body, &type);
    if (status == HTTP_STATUS_NOT_FOUND && !x->post && strcmp(x->path, "/health") == 0) {
        buf_clear(&x->body); /* whoever reads this knows that the loop turns */
        buf_append_str(&x->body, "{\"status\":\"ok\"}\n");
        return answer_head(wsi, x, HTTP_STATUS_OK, type);
    }
    if (status == HTTP_STATUS_NOT_FOUND && x->body.n == 0)
        return fault(wsi, x, status, "no such path");
    return answer_head(wsi, x, status, type);
}

/* -> HTTP status of the fault, or 0 */
static int check_length(struct lws *wsi)
{
    char text[24];
    uint64_t length;
    if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0)
        return HTTP_STATUS_LENGTH_REQUIRED;
    if (!bytes_u64(bytes_str(text), &length))
        return HTTP_STATUS_BAD_REQUEST;
    return length > REQUEST_MAX ? HTTP_STATUS_REQ_ENTITY_TOO_LARGE : 0;
}

static int refuse(struct lws *wsi, struct exchange *x, int status, const char *what)
{
    x->refused = true;
    return fault(wsi, x, status, what);
}

static int on_request(struct admin *a, struct lws *wsi, struct exchange *x, struct bytes path)
{
    exchange_clear(x);
    x->under_way = true;
    x->post = lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0;
    x->head_only = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    if (!x->post && !x->head_only && lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0)
        return refuse(wsi, x, HTTP_STATUS_METHOD_NOT_ALLOWED, "GET or POST");
    if (x->post && lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0) /* a page of anybody's, in an operator's browser */
        return refuse(wsi, x, HTTP_STATUS_FORBIDDEN, "no page may ask for that");
    if (path.n >= sizeof x->path)
        return refuse(wsi, x, HTTP_STATUS_REQ_URI_TOO_LONG, "path too long");
    int status = x->post ? check_length(wsi) : 0;
    if (status)
        return refuse(wsi, x, status, "a POST says its Content-Length, 65536 at most");
    memcpy(x->path, path.p, path.n);
    x->path[path.n] = 0;
    take_query(wsi, &x->query);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, DEADLINE_S);
    if (!x->post)
        return ask_owner(a, wsi, x);
    return lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_EXPECT) > 0 ? http1_continue(wsi) : 0;
}

static int on_body(struct exchange *x, struct bytes part)
{
    if (x->refused)
        return 0;
    if (x->request.n + part.n > REQUEST_MAX)
        return -1;
    buf_append_bytes(&x->request, part);
    return 0;
}

static int on_writable(struct lws *wsi, struct exchange *x)
{
    unsigned char chunk[LWS_PRE + CHUNK];
    if (!x->under_way)
        return 0;
    size_t n = x->body.n - x->sent;
    bool last = n <= CHUNK;
    if (!last)
        n = CHUNK;
    if (n)
        memcpy(chunk + LWS_PRE, x->body.p + x->sent, n);
    if (lws_write(wsi, chunk + LWS_PRE, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) <
        (int)n)
        return -1;
    x->sent += n;
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, DEADLINE_S);
    if (!last) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    bool refused = x->refused;
    exchange_clear(x);
    return refused || lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t n)
{
    struct exchange *x = user;
    struct admin *a = wsi ? lws_context_user(lws_get_context(wsi)) : NULL;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_request(a, wsi, x, bytes_of(in, n));
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(x, bytes_of(in, n));
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return x->under_way && !x->refused ? ask_owner(a, wsi, x) : 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_writable(wsi, x);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return strcasecmp(in, "websocket") == 0 ? 0 : http1_pass_over(in);
    case LWS_CALLBACK_CLOSED_HTTP:
        if (x)
            exchange_clear(x);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        if (a && a->connections)
            a->connections--;
        return 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return -1; /* no WebSocket here */
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "http",
     .callback = on_lws,
     .per_session_data_size = sizeof(struct exchange),
     .rx_buffer_size = 4096},
    {0},
};

static void on_accepted(void *owner, int fd, const struct address *peer)
{
    struct admin *a = owner;
    int one = 1;
    if (a->connections >= CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    /* Of two writes, head and body, the second would wait for a delayed acknowledgement. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (lws_adopt_socket_vhost(a->vhost, fd)) /* else it is closed */
        a->connections++;
}

static void on_log(int level, const char *line)
{
    size_t n = strcspn(line, "\n");
    if (level == LLL_ERR)
        log_error("lws", "%.*s", (int)n, line);
    else
        log_debug("lws", "%.*s", (int)n, line);
}

static int make_context(struct admin *a)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .foreign_loops = a->loops,
        .user = a,
        .gid = -1,
        .uid = -1,
        .protocols = protocols,
        .vhost_name = "admin",
        .alpn = "http/1.1",
        .keepalive_timeout = KEEPALIVE_S,
        .timeout_secs = DEADLINE_S,
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
    a->context = lws_create_context(&info);
    if (a->context)
        a->vhost = lws_create_vhost(a->context, &info);
    return a->vhost ? 0 : -ENOMEM;
}

int admin_new(struct ev_loop *loop, const char *address, admin_handler *handler, void *owner,
              struct admin **ret_admin, struct buf *ret_error)
{
    struct admin *a = calloc(1, sizeof *a);
    assert(a);
    *a = (struct admin){.loop = loop, .loops = {loop}, .handler = handler, .owner = owner};
    int error = address[0] == '/' ? -EINVAL : 0;
    if (error)
        buf_printf(ret_error, "can't listen on %s: the admin port is TCP, host:port", address);
    if (error == 0)
        error = listener_new(loop, address, CONNECTIONS_MAX, on_accepted, a, &a->listener,
                             ret_error);
    if (error == 0 && (error = make_context(a)) < 0)
        buf_append_str(ret_error, "no libwebsockets context on libev: is the package "
                                  "libwebsockets-evlib-ev installed?");
    if (error < 0) {
        admin_free(a);
        return error;
    }
    *ret_admin = a;
    return 0;
}

void admin_free(struct admin *a)
{
    if (!a)
        return;
    listener_free(a->listener);
    if (a->context)
        lws_context_destroy(a->context);
    free(a);
}

int admin_port(const struct admin *a)
{
    return listener_port(a->listener);
}
