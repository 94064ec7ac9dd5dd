#include "ws_socket.h"

#include "deflate.h"
#include "framing.h"

#include "core/fetch.h"
#include "run/http1.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_TOO_LARGE 1009 /* RFC 6455 7.4.1 */
#define MESSAGE_BROKEN 1007
#define WSI_BYTES 832 /* of libwebsockets' struct lws, of which a write looks at both ends and the middle */

_Static_assert(LWS_PRE <= WS_HEAD, "libwebsockets wants more room for the frame's head");

/* ---- WebSockets */

static int on_upgrade(struct ws_socket *s, char *to)
{
    const char *why = "";
    ws_http_abandon(s);
    if (ws_http_plain_by_mistake(s))
        return ws_http_refuse(s, 400, NOT_TLS);
    if (strcasecmp(to, "websocket") != 0)
        return http1_pass_over(to);
    struct exchange *x = exchange_read(s);
    struct ws_request r = exchange_request(x);
    int status = 400;
    if (x->version == HTTP_NONE)
        why = BAD_LINE;
    else
        status = s->ws->handlers.upgrade(s->ws->g, &r, &why);
    exchange_free(x);
    return status ? ws_http_refuse(s, status, why) : 0;
}

static int on_established(struct ws_socket *s)
{
    struct exchange *x = exchange_read(s);
    struct ws_request r = exchange_request(x);
    r.deflates = s->deflate.agreed;
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

static int refuse_message(struct ws_socket *s, int code, const char *why)
{
    lws_close_reason(s->wsi, (enum lws_close_status)code, (unsigned char *)(uintptr_t)why, strlen(why));
    return -1;
}

static int inflate_message(struct ws_socket *s, struct bytes packed)
{
    struct gateway *g = s->ws->g;
    struct buf message = {0};
    int error = deflate_inflate(g->deflate, packed, (size_t)g->options->frame_max, &message);
    if (error == 0)
        s->ws->handlers.message(s->connection, buf_bytes(&message), lws_frame_is_binary(s->wsi));
    buf_fini(&message);
    if (error == 0)
        return 0;
    return error == -EMSGSIZE ? refuse_message(s, MESSAGE_TOO_LARGE, "message above --frame-max") : refuse_message(s, MESSAGE_BROKEN, "broken message");
}

static int take_message(struct ws_socket *s, struct bytes message)
{
    if (s->deflate.inflates)
        return inflate_message(s, message);
    s->ws->handlers.message(s->connection, message, lws_frame_is_binary(s->wsi));
    return 0;
}

static int on_received(struct ws_socket *s, void *p, size_t n)
{
    size_t most = (size_t)s->ws->g->options->frame_max;
    bool last = lws_is_final_fragment(s->wsi) && lws_remaining_packet_payload(s->wsi) == 0;
    if (lws_is_first_fragment(s->wsi))
        s->deflate.inflates = s->deflate.agreed && lws_get_reserved_bits(s->wsi);
    if ((s->message ? s->message->n : 0) + n > most)
        return refuse_message(s, MESSAGE_TOO_LARGE, "message above --frame-max");
    if (last && !s->message)
        return take_message(s, bytes_of(p, n));
    if (!s->message)
        s->message = calloc(1, sizeof *s->message);
    assert(s->message);
    buf_append(s->message, p, n);
    if (!last)
        return 0;
    struct buf *message = s->message;
    s->message = NULL;
    int answer = take_message(s, buf_bytes(message));
    message_free(message);
    return answer;
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
    ws_stream_free(s);
    if (s->connection)
        s->ws->handlers.closed(s->connection);
    s->connection = NULL;
}

/* Room for the frame's head is in front of it. */
static int write_message(struct ws_socket *s, struct bytes message, bool binary)
{
    return lws_write(s->wsi, (unsigned char *)message.p, message.n, binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
}

/* The head of each overwrites the end of the one before, which has been sent, or copied by libwebsockets. */
static int write_pushes(struct ws_socket *s, struct bytes lines)
{
    struct bytes line;
    int error = 0;
    while (error >= 0 && framing_next_line(&lines, &line))
        error = write_message(s, framing_bare(line), false);
    return error;
}

void ws_one_way(struct ws_socket *s)
{
    s->pushes = true;
}

enum ws_written ws_write(struct ws_socket *s, struct buf *b, bool binary, bool packed)
{
    struct bytes messages = bytes_of(b->p + WS_HEAD, b->n - WS_HEAD);
    if (s->stream)
        return ws_stream_write(s, messages, binary);
    if (s->leaving || s->close_code)
        return WS_KEPT;
    s->deflate.marks = packed;
    if ((s->pushes ? write_pushes(s, messages) : write_message(s, messages, binary)) < 0) {
        ws_cut(s);
        return WS_KEPT;
    }
    return lws_partial_buffered(s->wsi) ? WS_KEPT : WS_WRITTEN;
}

void ws_fetch(const struct ws_socket *s)
{
    fetch(s->wsi, WSI_BYTES);
}

/* Of a stream nothing is read. */
void ws_pause(struct ws_socket *s, bool paused)
{
    if (!s->stream)
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
    if (s->stream) {
        ws_stream_cut(s);
        return;
    }
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
                                .silent_ms = info.tcpi_last_ack_recv,
                                .waiting = info.tcpi_unacked || info.tcpi_notsent_bytes || lws_partial_buffered(s->wsi)};
}

/* ---- the doorway */

struct ws_deflate *ws_deflate_of(struct lws *wsi)
{
    struct ws_socket *s = lws_get_opaque_user_data(wsi);
    return s ? &s->deflate : NULL;
}

static void socket_free(struct ws_socket *s)
{
    on_closed(s);
    ws_http_abandon(s);
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
        return ws_http_request(s);
    case LWS_CALLBACK_HTTP_BODY:
        return ws_http_body(s, in, n);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return ws_http_body_end(s);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return ws_http_writable(s);
    case LWS_CALLBACK_CLOSED_HTTP:
        ws_http_abandon(s);
        on_closed(s);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(s, in);
    case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
        return ws_deflate_confirm(wsi);
    case LWS_CALLBACK_ADD_HEADERS:
        return ws_deflate_answer(&s->deflate, in);
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

struct source ws_source(const struct ws_socket *s)
{
    return s->from;
}

void ws_adopt(struct ws *w, int fd, struct source from, bool tls)
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
    s->from = from;
    s->wsi = ws_context_adopt(&w->context, fd, tls);
    if (!s->wsi) {
        free(s); /* the descriptor is closed */
        return;
    }
    lws_set_opaque_user_data(s->wsi, s);
    w->g->n_sockets++;
    s->exchange = exchange_new(s);
    exchange_await(s->exchange, w->g->options->handshake_timeout);
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
    list_init(&w->looked_at);
    lws_set_log_level(LLL_ERR | LLL_WARN, say);
    if (ws_context_init(&w->context, g->loop, g->tls, g->deflate ? ws_deflate_extensions : NULL, (size_t)g->options->headers_max,
                        on_event) == 0)
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
    buf_fini(&w->framed);
    free(w);
}
