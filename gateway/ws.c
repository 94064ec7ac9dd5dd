#include "ws.h"

#include "gateway.h"
#include "ws_context.h"

#include "core/clock.h"
#include "core/random.h"
#include "run/log.h"

#include <assert.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARGUMENT_MAX 16384        /* bytes of one argument in a request's query; more than its headers may have */
#define RETRY_AFTER_MAX 5         /* s; drawn, so that those who go by it do not come back together */
#define MESSAGE_TOO_LARGE 1009    /* RFC 6455 7.4.1 */
#define NOT_TLS "this port speaks TLS: https:// or wss://\n"

_Static_assert(LWS_PRE <= WS_HEAD, "libwebsockets wants more room for the frame's head");

struct ws {
    struct gateway *g;
    struct ws_handlers handlers;
    struct ws_context context;
};

/* What only an HTTP request has; gone with its answer, or with the upgrade. */
struct exchange {
    struct ws_socket *socket;
    struct wheel_timer handshake;       /* set until the first request, or the body of any, is complete */
    struct stranger stranger;           /* until then, and after an answer until the next request */
    struct buf text;                    /* memory of `request`, its body too */
    size_t at[8], n[8];                 /* its fields within `text` */
    size_t body_at;
    struct buf answer;                  /* head and body, WS_HEAD bytes free in front */
    bool handed; /* to `request`, and not answered yet */
    bool last;   /* the socket is closed behind the answer: the gateway drains */
    void *kept;
};

struct ws_socket {
    struct ws *ws;
    struct lws *wsi;
    struct connection *connection; /* after the upgrade */
    struct exchange *exchange;     /* before it, while a request is under way or the first one awaited */
    struct buf *message;           /* fragments of one that is incomplete, or NULL */
    char *close_reason;
    uint16_t close_code;           /* 0: not closing */
    bool leaving;                  /* the peer has sent a Close frame */
    bool tls;                      /* it has to speak TLS */
};

/* ---- requests */

enum request_field { METHOD, PATH, QUERY, ORIGIN, PROTOCOLS, API_KEY, AUTHORIZATION, ERROR_MODE };

static void put_field(struct exchange *x, enum request_field field, size_t from)
{
    x->at[field] = from;
    x->n[field] = x->text.n - from;
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

/* libwebsockets has taken the arguments apart. */
static void copy_query(struct lws *wsi, struct exchange *x)
{
    size_t from = x->text.n;
    int n;
    for (int i = 0;; i++) {
        buf_reserve(&x->text, ARGUMENT_MAX);
        n = lws_hdr_copy_fragment(wsi, x->text.p + x->text.n + 1, ARGUMENT_MAX - 1, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n < 0)
            break;
        x->text.p[x->text.n] = '&';
        x->text.n += (size_t)n + 1;
    }
    put_field(x, QUERY, x->text.n > from ? from + 1 : from);
}

static void too_silent(struct wheel_timer *t)
{
    ws_cut(container_of(t, struct exchange, handshake)->socket);
}

static void cut_stranger(struct stranger *s)
{
    ws_cut(container_of(s, struct exchange, stranger)->socket);
}

static struct exchange *exchange_new(struct ws_socket *s)
{
    struct exchange *x = calloc(1, sizeof *x);
    assert(x);
    x->socket = s;
    wheel_timer_init(&x->handshake, too_silent);
    list_init(&x->stranger.by_age);
    return x;
}

/* More has to come before anything is known of it. */
static void await(struct exchange *x, int64_t ms)
{
    struct gateway *g = x->socket->ws->g;
    if (ms)
        wheel_set(&g->wheel, &x->handshake, g->now_ns + ms * NS_PER_MS);
    stranger_enter(g, &x->stranger, cut_stranger);
}

static void has_come(struct exchange *x)
{
    wheel_cancel(&x->handshake);
    stranger_leave(x->socket->ws->g, &x->stranger);
}

static struct exchange *exchange_read(struct ws_socket *s)
{
    struct exchange *x = exchange_new(s);
    struct lws *wsi = s->wsi;
    char *path;
    int n = 0, method = lws_http_get_uri_and_method(wsi, &path, &n);
    buf_append_str(&x->text, method == LWSHUMETH_GET ? "GET" : method == LWSHUMETH_POST ? "POST" : "OTHER");
    put_field(x, METHOD, 0);
    size_t from = x->text.n;
    if (method >= 0)
        buf_append(&x->text, path, (size_t)n);
    put_field(x, PATH, from);
    copy_query(wsi, x);
    copy_token(wsi, x, ORIGIN, WSI_TOKEN_ORIGIN);
    copy_token(wsi, x, PROTOCOLS, WSI_TOKEN_PROTOCOL);
    copy_token(wsi, x, AUTHORIZATION, WSI_TOKEN_HTTP_AUTHORIZATION);
    copy_custom(wsi, x, API_KEY, "x-api-key:");
    copy_custom(wsi, x, ERROR_MODE, "x-centrifugo-error-mode:");
    x->body_at = x->text.n;
    return x;
}

static void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    has_come(x);
    buf_fini(&x->text);
    buf_fini(&x->answer);
    free(x);
}

static struct ws_request request_of(const struct exchange *x)
{
#define FIELD(field) bytes_of(x->text.p + x->at[field], x->n[field])
    return (struct ws_request){.method = FIELD(METHOD),
                               .path = FIELD(PATH),
                               .query = FIELD(QUERY),
                               .origin = FIELD(ORIGIN),
                               .protocols = FIELD(PROTOCOLS),
                               .api_key = FIELD(API_KEY),
                               .authorization = FIELD(AUTHORIZATION),
                               .error_mode = FIELD(ERROR_MODE),
                               .body = bytes_of(x->text.p + x->body_at, x->text.n - x->body_at)};
#undef FIELD
}

/* ---- answers */

/* last: the socket is closed behind it, and an HTTP client dials again for its next request. */
static void put_answer(struct buf *b, int status, bool last, const char *content_type, struct bytes detail,
                       struct bytes body)
{
    static const char head[WS_HEAD];
    buf_append(b, head, WS_HEAD);
    buf_printf(b, "HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\ncache-control: no-store\r\n", status,
               status < 300 ? "OK" : "Refused", content_type ? content_type : "application/json", body.n);
    if (detail.n)
        buf_printf(b, "x-cellcast-detail: %.*s\r\n", BYTES_FMT(detail));
    if (last)
        buf_append_str(b, "connection: close\r\n");
    if (status == 503)
        buf_printf(b, "retry-after: %u\r\n", 1 + (unsigned)(random_u64() % RETRY_AFTER_MAX));
    buf_append_str(b, "\r\n");
    buf_append_bytes(b, body);
}

static int write_answer(struct lws *wsi, struct buf *answer)
{
    size_t n = answer->n - WS_HEAD;
    return lws_write(wsi, (unsigned char *)answer->p + WS_HEAD, n, LWS_WRITE_HTTP_FINAL) < 0 ? -1 : 0;
}

void ws_answer(struct ws_socket *s, int status, const char *content_type, struct bytes detail, struct bytes body)
{
    struct exchange *x = s->exchange;
    assert(x && x->answer.n == 0);
    x->handed = false;
    x->last = s->ws->g->drain != NULL;
    put_answer(&x->answer, status, x->last, content_type, detail, body);
    lws_callback_on_writable(s->wsi);
}

static void answer_text(struct ws_socket *s, int status, const char *why)
{
    ws_answer(s, status, "text/plain", (struct bytes){0}, bytes_str(why));
}

void ws_keep(struct ws_socket *s, void *data)
{
    s->exchange->kept = data;
}

void *ws_kept(const struct ws_socket *s)
{
    return s->exchange ? s->exchange->kept : NULL;
}

static void hand_over(struct ws_socket *s)
{
    struct ws_request r = request_of(s->exchange);
    s->exchange->handed = true;
    s->ws->handlers.request(s->ws->g, s, &r);
}

static void abandon(struct ws_socket *s)
{
    if (s->exchange && s->exchange->handed)
        s->ws->handlers.abandoned(s->ws->g, s);
    exchange_free(s->exchange);
    s->exchange = NULL;
}

/* libwebsockets goes on in the plain when the first byte is not TLS's. */
static bool is_plain_by_mistake(struct ws_socket *s)
{
    bool plain = s->tls && !lws_is_ssl(s->wsi);
    s->ws->g->metrics.tls_plain_total += plain;
    return plain;
}

static int on_request(struct ws_socket *s)
{
    struct lws *wsi = s->wsi;
    char length[24] = "";
    uint64_t n = 0;
    abandon(s);
    s->exchange = exchange_read(s);
    if (is_plain_by_mistake(s)) {
        answer_text(s, 400, NOT_TLS);
        return 0;
    }
    if (!lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI)) {
        hand_over(s);
        return 0;
    }
    if (lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0 || !bytes_u64(bytes_str(length), &n))
        answer_text(s, 411, "length required\n");
    else if (n > (uint64_t)s->ws->g->options->api_body_max)
        answer_text(s, 413, "body too large\n");
    else
        await(s->exchange, s->ws->g->options->handshake_timeout);
    return 0;
}

static int on_body(struct ws_socket *s, const void *p, size_t n)
{
    struct exchange *x = s->exchange;
    if (!x || x->answer.n)
        return 0; /* refused already */
    if (x->text.n - x->body_at + n > (size_t)s->ws->g->options->api_body_max)
        return -1;
    buf_append(&x->text, p, n);
    return 0;
}

static int on_body_end(struct ws_socket *s)
{
    if (s->exchange && s->exchange->answer.n == 0) {
        has_come(s->exchange);
        hand_over(s);
    }
    lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
    return 0;
}

static int on_http_writable(struct ws_socket *s)
{
    struct exchange *x = s->exchange;
    if (!x || x->answer.n == 0)
        return 0;
    int error = write_answer(s->wsi, &x->answer);
    bool last = x->last;
    exchange_free(x);
    s->exchange = NULL;
    if (error < 0 || last || lws_http_transaction_completed(s->wsi))
        return -1;
    if (!s->exchange) { /* else the next request has come already */
        s->exchange = exchange_new(s);
        await(s->exchange, 0); /* libwebsockets has a timer for it */
    }
    return 0;
}

/* ---- WebSockets */

static int refuse(struct ws_socket *s, int status, const char *why)
{
    struct buf answer = {0};
    s->ws->g->metrics.sockets_refused_total++;
    put_answer(&answer, status, false, "text/plain", (struct bytes){0}, bytes_str(why));
    int error = write_answer(s->wsi, &answer);
    buf_fini(&answer);
    return error < 0 ? -1 : 1;
}

static int on_upgrade(struct ws_socket *s, const char *to)
{
    const char *why = "";
    abandon(s);
    if (is_plain_by_mistake(s))
        return refuse(s, 400, NOT_TLS);
    if (strcasecmp(to, "websocket") != 0)
        return refuse(s, 400, "only upgrades to websocket\n");
    struct exchange *x = exchange_read(s);
    struct ws_request r = request_of(x);
    int status = s->ws->handlers.upgrade(s->ws->g, &r, &why);
    exchange_free(x);
    return status ? refuse(s, status, why) : 0;
}

static int on_established(struct ws_socket *s)
{
    struct exchange *x = exchange_read(s);
    struct ws_request r = request_of(x);
    s->connection = s->ws->handlers.opened(s->ws->g, s, &r);
    exchange_free(x);
    return 0;
}

static void message_free(struct buf *message)
{
    if (message)
        buf_fini(message);
    free(message);
}

static int on_received(struct ws_socket *s, void *p, size_t n)
{
    size_t most = (size_t)s->ws->g->options->frame_max;
    bool last = lws_is_final_fragment(s->wsi) && lws_remaining_packet_payload(s->wsi) == 0;
    if ((s->message ? s->message->n : 0) + n > most) {
        static unsigned char why[] = "message too large";
        lws_close_reason(s->wsi, MESSAGE_TOO_LARGE, why, sizeof why - 1);
        return -1;
    }
    if (last && !s->message) {
        s->ws->handlers.message(s->connection, bytes_of(p, n), lws_frame_is_binary(s->wsi));
        return 0;
    }
    if (!s->message)
        s->message = calloc(1, sizeof *s->message);
    assert(s->message);
    buf_append(s->message, p, n);
    if (!last)
        return 0;
    struct buf *message = s->message;
    s->message = NULL;
    s->ws->handlers.message(s->connection, buf_bytes(message), lws_frame_is_binary(s->wsi));
    message_free(message);
    return 0;
}

static int on_writable(struct ws_socket *s)
{
    if (s->close_code == 0) {
        s->ws->handlers.writable(s->connection);
        return 0;
    }
    lws_close_reason(s->wsi, s->close_code, (unsigned char *)s->close_reason, strlen(s->close_reason));
    return -1;
}

static void on_closed(struct ws_socket *s)
{
    if (s->connection)
        s->ws->handlers.closed(s->connection);
    s->connection = NULL;
}

enum ws_written ws_write(struct ws_socket *s, struct buf *b, bool binary)
{
    enum lws_write_protocol kind = binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
    if (s->leaving || s->close_code)
        return WS_KEPT;
    if (lws_write(s->wsi, (unsigned char *)b->p + WS_HEAD, b->n - WS_HEAD, kind) < 0) {
        ws_cut(s);
        return WS_KEPT;
    }
    return lws_partial_buffered(s->wsi) ? WS_KEPT : WS_WRITTEN;
}

void ws_pause(struct ws_socket *s, bool paused)
{
    lws_rx_flow_control(s->wsi, !paused);
}

void ws_close(struct ws_socket *s, uint32_t code, const char *reason)
{
    if (s->close_code)
        return;
    s->close_code = (uint16_t)code;
    s->close_reason = strndup(*reason ? reason : "closed", WS_REASON_MAX);
    assert(s->close_reason);
    lws_callback_on_writable(s->wsi);
}

/* libwebsockets sees the end of the stream and closes; its own way to end a connection from outside is a timer. */
void ws_cut(struct ws_socket *s)
{
    int fd = lws_get_socket_fd(s->wsi);
    struct linger drop = {.l_onoff = 1};
    if (fd < 0)
        return;
    ws_pause(s, false); /* or the end would not be read */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
    shutdown(fd, SHUT_RDWR);
}

struct ws_progress ws_progress(const struct ws_socket *s)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    getsockopt(lws_get_socket_fd(s->wsi), IPPROTO_TCP, TCP_INFO, &info, &n);
    return (struct ws_progress){.acked = info.tcpi_bytes_acked,
                                .waiting = info.tcpi_unacked || info.tcpi_notsent_bytes || lws_partial_buffered(s->wsi)};
}

/* ---- the doorway */

static void socket_free(struct ws_socket *s)
{
    on_closed(s);
    abandon(s);
    s->ws->g->n_sockets--;
    message_free(s->message);
    free(s->close_reason);
    free(s);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    struct ws_socket *s = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    if (!s)
        return 0;
    s->wsi = wsi;
    gateway_breathe(s->ws->g);
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_request(s);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(s, in, n);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_end(s);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_http_writable(s);
    case LWS_CALLBACK_CLOSED_HTTP:
        abandon(s);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(s, in);
    case LWS_CALLBACK_ESTABLISHED:
        return on_established(s);
    case LWS_CALLBACK_RECEIVE:
        return s->connection ? on_received(s, in, n) : 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return s->connection ? on_writable(s) : 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        s->leaving = true;
        return 0;
    case LWS_CALLBACK_CLOSED:
        on_closed(s);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        socket_free(s);
        return 0;
    default:
        return 0;
    }
}

void ws_adopt(struct ws *w, int fd, bool tls)
{
    if (w->g->n_sockets >= w->g->sockets_max && !strangers_cut_longest(w->g)) {
        w->g->metrics.sockets_dropped_total++;
        close(fd);
        return;
    }
    struct ws_socket *s = calloc(1, sizeof *s);
    assert(s);
    s->ws = w;
    s->tls = tls;
    s->wsi = ws_context_adopt(&w->context, fd, tls);
    if (!s->wsi) {
        free(s); /* the descriptor is closed */
        return;
    }
    lws_set_opaque_user_data(s->wsi, s);
    w->g->n_sockets++;
    s->exchange = exchange_new(s);
    await(s->exchange, w->g->options->handshake_timeout);
}

/* ---- life */

static void say(int level, const char *line)
{
    log_debug("libwebsockets", "text=%s", line);
}

struct ws *ws_new(struct gateway *g, const struct ws_handlers *handlers)
{
    struct ws *w = calloc(1, sizeof *w);
    assert(w);
    w->g = g;
    w->handlers = *handlers;
    lws_set_log_level(LLL_ERR | LLL_WARN, say);
    if (ws_context_init(&w->context, g->loop, g->tls, on_event) == 0)
        return w;
    log_error("libwebsockets_failed", "is libwebsockets-evlib-ev installed");
    free(w);
    return NULL;
}

void ws_free(struct ws *w)
{
    if (!w)
        return;
    ws_context_fini(&w->context);
    free(w);
}
