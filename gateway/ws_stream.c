#include "ws_socket.h"

#include "connection.h"
#include "framing.h"
#include "reply.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

struct stream {
    struct ws_socket *socket;
    const struct transport *transport;
    ev_io readable;
    bool chunked;
    bool ends;  /* the last of it has been handed to libwebsockets */
    bool cut;
};

/* What is shut down is readable. libwebsockets does not call for a write any more once one has failed, and would wait for what it
 * keeps to be taken first, unless one has. */
static void end_cut(struct stream *t)
{
    unsigned char b[WS_HEAD + 1] = {0};
    struct lws *wsi = t->socket->wsi;
    lws_write(wsi, b + WS_HEAD, 1, LWS_WRITE_HTTP);
    lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
}

/* Its client has said everything in its request: what is readable now is the end, or something that it may not say. Of
 * a GET without its answer libwebsockets does not read, so that it would not see the end and spin. */
static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct stream *t = w->data;
    if (t->cut)
        end_cut(t);
    else
        ws_stream_cut(t->socket);
}

static void watch(struct stream *t)
{
    ev_io_init(&t->readable, on_readable, lws_get_socket_fd(t->socket->wsi), EV_READ);
    t->readable.data = t;
    ev_io_start(t->socket->ws->g->loop, &t->readable);
}

static enum ws_written write_framed(struct ws_socket *s)
{
    struct buf *b = &s->ws->framed;
    if (lws_write(s->wsi, (unsigned char *)b->p + WS_HEAD, b->n - WS_HEAD, LWS_WRITE_HTTP) < 0) {
        ws_stream_cut(s);
        return WS_KEPT;
    }
    return lws_partial_buffered(s->wsi) ? WS_KEPT : WS_WRITTEN;
}

static struct buf *begin_write(struct ws_socket *s)
{
    static const char head[WS_HEAD];
    buf_clear(&s->ws->framed);
    buf_append(&s->ws->framed, head, WS_HEAD);
    return &s->ws->framed;
}

static void put_head(struct buf *b, const struct stream *t, bool binary, struct bytes headers)
{
    buf_printf(b, "HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%scache-control: no-store\r\nx-accel-buffering: no\r\nconnection: close\r\n",
               framing_content_type(t->transport, binary), t->chunked ? "transfer-encoding: chunked\r\n" : "");
    buf_append_bytes(b, headers);
    buf_append_str(b, "\r\n");
    framing_begin(b, t->transport, t->chunked);
}

void ws_stream_open(struct ws_socket *s, const struct transport *transport, struct connection *c)
{
    struct stream *t = calloc(1, sizeof *t);
    assert(t && s->exchange && s->exchange->handed);
    t->socket = s;
    t->transport = transport;
    t->chunked = s->exchange->version == HTTP_1_1;
    s->stream = t;
    s->connection = c;
    s->exchange->handed = false;
    put_head(begin_write(s), t, encoders[c->encoding].binary, buf_bytes(&s->exchange->headers));
    watch(t);
    lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
    lws_http_headers_detach(s->wsi); /* 17 KB */
    write_framed(s);
}

enum ws_written ws_stream_write(struct ws_socket *s, struct bytes messages, bool binary)
{
    if (s->close_code || s->stream->cut)
        return WS_KEPT;
    framing_put(begin_write(s), s->stream->transport, messages, binary, s->stream->chunked);
    return write_framed(s);
}

static void say_end(struct ws_socket *s)
{
    struct buf message = {0}, *b = begin_write(s);
    const struct encoder *encoder = &encoders[s->connection->encoding];
    push_put(s->connection->encoding, &message, NULL, false,
             &(struct push){.kind = PUSH_DISCONNECT, .disconnect = {s->close_code, s->close_reason}});
    message.n -= encoder->separator != 0;
    framing_put(b, s->stream->transport, buf_bytes(&message), encoder->binary, s->stream->chunked);
    framing_end(b, s->stream->chunked);
    buf_fini(&message);
    write_framed(s);
}

int ws_stream_writable(struct ws_socket *s)
{
    struct stream *t = s->stream;
    if (!t->cut && s->close_code == 0) {
        s->ws->handlers.writable(s->connection);
        return 0;
    }
    if (!t->cut && !t->ends) {
        t->ends = true;
        say_end(s);
    }
    return !t->cut && lws_partial_buffered(s->wsi) ? 0 : -1;
}

void ws_stream_cut(struct ws_socket *s)
{
    struct linger drop = {.l_onoff = 1};
    int fd = lws_get_socket_fd(s->wsi);
    if (s->stream->cut || fd < 0)
        return;
    s->stream->cut = true;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
    shutdown(fd, SHUT_RDWR);
    lws_callback_on_writable(s->wsi);
}

void ws_stream_free(struct ws_socket *s)
{
    if (!s->stream)
        return;
    ev_io_stop(s->ws->g->loop, &s->stream->readable);
    free(s->stream);
    s->stream = NULL;
}
