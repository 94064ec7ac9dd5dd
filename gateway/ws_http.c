#include "ws_socket.h"

#include "core/random.h"

#include <assert.h>
#include <netinet/tcp.h>

#define RETRY_AFTER_MAX 5 /* s; drawn, so that those who go by it do not come back together */

/* ---- answers */

static const char *phrase(int status)
{
    return status == 204 ? "No Content" : status < 300 ? "OK" : "Refused";
}

static void put_length(struct buf *b, int status, const char *content_type, size_t n)
{
    if (status != 204) /* RFC 9110 8.6 */
        buf_printf(b, "content-type: %s\r\ncontent-length: %zu\r\n", content_type ? content_type : "application/json", n);
}

/* last: the socket is closed behind it, and an HTTP client dials again for its next request. */
static void put_answer(struct buf *b, int status, bool last, const char *content_type, struct bytes headers,
                       struct bytes body)
{
    static const char head[WS_HEAD];
    buf_append(b, head, WS_HEAD);
    buf_printf(b, "HTTP/1.1 %d %s\r\ncache-control: no-store\r\n", status, phrase(status));
    put_length(b, status, content_type, body.n);
    buf_append_bytes(b, headers);
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

void ws_header(struct ws_socket *s, const char *name, struct bytes value)
{
    buf_printf(&s->exchange->headers, "%s: %.*s\r\n", name, BYTES_FMT(value));
}

void ws_answer(struct ws_socket *s, int status, const char *content_type, struct bytes body)
{
    struct exchange *x = s->exchange;
    assert(x && x->answer.n == 0);
    x->handed = false;
    x->last = s->ws->g->drain != NULL;
    put_answer(&x->answer, status, x->last, content_type, buf_bytes(&x->headers), body);
    lws_callback_on_writable(s->wsi);
}

void ws_answer_text(struct ws_socket *s, int status, const char *why)
{
    ws_answer(s, status, "text/plain", bytes_str(why));
}

void ws_keep(struct ws_socket *s, void *data, void (*drop)(void *data))
{
    s->exchange->kept = data;
    s->exchange->drop = drop;
}

/* ---- requests */

/* What has become a stream has no exchange any more; its request was read from it up to now. */
static void hand_over(struct ws_socket *s)
{
    struct exchange *x = s->exchange;
    struct ws_request r = exchange_request(x);
    x->handed = true;
    s->ws->handlers.request(s->ws->g, s, &r);
    if (!s->stream)
        return;
    exchange_free(x);
    s->exchange = NULL;
}

void ws_http_abandon(struct ws_socket *s)
{
    struct exchange *x = s->exchange;
    if (x && x->handed && x->drop)
        x->drop(x->kept);
    exchange_free(x);
    s->exchange = NULL;
}

/* libwebsockets goes on in the plain when the first byte is not TLS's. */
bool ws_http_plain_by_mistake(struct ws_socket *s)
{
    bool plain = s->tls && !lws_is_ssl(s->wsi);
    s->ws->g->metrics.tls_plain_total += plain;
    return plain;
}

/* A client that has not set TCP_NODELAY does not send the rest before what it has sent is acknowledged, and Linux puts that off for
 * 40 ms (tcp(7), TCP_QUICKACK). At the turn's end, because what has come whole is acknowledged by its answer. */
static void acknowledge(const struct ws_socket *s)
{
    int one = 1;
    setsockopt(lws_get_socket_fd(s->wsi), IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

static void wait_for_more(struct exchange *x)
{
    if (!list_is_linked(&x->waits))
        list_append(&x->socket->ws->waiting, &x->waits);
}

void ws_turn(struct ws *w)
{
    struct exchange *x;
    while ((x = list_first(&w->waiting, struct exchange, waits))) {
        list_remove(&x->waits);
        acknowledge(x->socket);
    }
}

static void expect_body(struct ws_socket *s)
{
    struct exchange *x = s->exchange;
    struct ws_request r = exchange_request(x);
    char length[24] = "";
    uint64_t n = 0;
    const char *limit;
    x->body_max = s->ws->handlers.body_max(s->ws->g, &r, &limit);
    if (lws_hdr_copy(s->wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0 || !bytes_u64(bytes_str(length), &n))
        ws_answer_text(s, 411, "length required\n");
    else if (n > x->body_max)
        ws_answer_text(s, 413, limit);
    else {
        exchange_await(x, s->ws->g->options->handshake_timeout);
        wait_for_more(x);
    }
}

int ws_http_request(struct ws_socket *s)
{
    ws_http_abandon(s);
    s->exchange = exchange_read(s);
    if (ws_http_plain_by_mistake(s))
        ws_answer_text(s, 400, NOT_TLS);
    else if (s->exchange->version == HTTP_NONE)
        ws_answer_text(s, 400, BAD_LINE);
    else if (lws_hdr_total_length(s->wsi, WSI_TOKEN_POST_URI))
        expect_body(s);
    else
        hand_over(s);
    return 0;
}

int ws_http_body(struct ws_socket *s, const void *p, size_t n)
{
    struct exchange *x = s->exchange;
    if (!x || x->answer.n)
        return 0; /* refused already */
    if (x->text.n - x->body_at + n > x->body_max)
        return -1;
    buf_append(&x->text, p, n);
    wait_for_more(x);
    return 0;
}

/* libwebsockets says so once more, and without end, of a client that goes on behind a body before it has its answer
 * (RFC 9112 9.3.2: it should not); that one is cut. */
int ws_http_body_end(struct ws_socket *s)
{
    struct exchange *x = s->exchange;
    if (!x || x->complete)
        return -1;
    x->complete = true;
    if (x->answer.n == 0) {
        exchange_has_come(x);
        hand_over(s);
    }
    lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
    return 0;
}

int ws_http_writable(struct ws_socket *s)
{
    struct exchange *x = s->exchange;
    if (s->stream)
        return ws_stream_writable(s);
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
        exchange_await(s->exchange, 0);
    }
    return 0;
}

int ws_http_refuse(struct ws_socket *s, int status, const char *why)
{
    struct buf answer = {0};
    s->ws->g->metrics.sockets_refused_total++;
    put_answer(&answer, status, false, "text/plain", (struct bytes){0}, bytes_str(why));
    int error = write_answer(s->wsi, &answer);
    buf_fini(&answer);
    return error < 0 ? -1 : 1;
}
