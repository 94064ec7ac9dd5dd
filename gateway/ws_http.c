#include "ws_socket.h"

#include "core/random.h"
#include "run/http1.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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

/* last: the socket is closed behind it, and an HTTP client dials again for its next request. head_only: body is what it would be. */
static void put_answer(struct buf *b, int status, bool last, bool head_only, const char *content_type, struct bytes headers,
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
    if (!head_only)
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
    x->last |= s->ws->g->drain != NULL || x->in_chunks;
    put_answer(&x->answer, status, x->last, x->head_only, content_type, buf_bytes(&x->headers), body);
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

/* ---- bodies */

/* Closed with bytes unread the answer would be lost at the client with them (RFC 9112 9.6). */
static int linger(struct ws_socket *s)
{
    exchange_free(s->exchange);
    s->exchange = exchange_new(s);
    s->exchange->over = true;
    exchange_await(s->exchange, s->ws->g->options->handshake_timeout);
    return shutdown(lws_get_socket_fd(s->wsi), SHUT_WR);
}

/* Of a POST libwebsockets goes on reading. TLS has no end of one direction that clients would go by. */
static bool is_read_on(const struct ws_socket *s)
{
    return !s->tls && lws_hdr_total_length(s->wsi, WSI_TOKEN_POST_URI) > 0;
}

/* Refused before it has come whole, so that where the next request would begin is not known. Written at once: libwebsockets takes what still
 * comes for a request, and is not to close the socket for what it makes of that. -> as libwebsockets' events */
static int refuse_body(struct ws_socket *s, int status, const char *why)
{
    struct exchange *x = s->exchange;
    struct buf answer = {0};
    put_answer(&answer, status, true, x->head_only, "text/plain", (struct bytes){0}, bytes_str(why));
    int error = write_answer(s->wsi, &answer);
    buf_fini(&answer);
    return error == 0 && is_read_on(s) ? linger(s) : -1;
}

/* -> bytes of the header's value, 0: there is none, -1: longer than any that is known */
static int copy_short(struct lws *wsi, enum lws_token_indexes token, char *ret, int size)
{
    return lws_hdr_total_length(wsi, token) ? lws_hdr_copy(wsi, ret, size, token) : 0;
}

/* As RFC 9112 6.3 has it, and no two ways to read it. -> 0, or an HTTP status to refuse with, *ret_why the reason; *ret_length: bytes, 0 in chunked coding */
static int length_of_body(struct exchange *x, struct lws *wsi, uint64_t *ret_length, const char **ret_why)
{
    char coding[16], length[24];
    int coded = copy_short(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING, coding, sizeof coding);
    int told = copy_short(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof length);
    bool posts = lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0;
    x->in_chunks = coded && posts && x->version == HTTP_1_1;
    x->last |= !told; /* a length may be among what is lost (http1_loses), and what seems to be the next request inside a body */
    *ret_length = 0;
    *ret_why = "content-length is no number, or there is another length beside it\n";
    if (told < 0 || (told && (coded || !bytes_u64(bytes_str(length), ret_length))))
        return 400;
    *ret_why = "length required\n";
    if ((posts || coded) && !told && !x->in_chunks)
        return 411;
    *ret_why = "no transfer-encoding but chunked is known\n";
    return coded < 0 || (coded && strcasecmp(coding, "chunked") != 0) ? 501 : 0;
}

static bool expects_continue(const struct exchange *x, struct lws *wsi)
{
    char expected[16];
    return x->version == HTTP_1_1 && copy_short(wsi, WSI_TOKEN_HTTP_EXPECT, expected, sizeof expected) > 0 &&
           strcasecmp(expected, "100-continue") == 0;
}

/* At the end of the turn it is seen whether there is more to wait for. */
static void look_soon(struct exchange *x)
{
    if (!list_is_linked(&x->look))
        list_append(&x->socket->ws->looked_at, &x->look);
}

static int expect_body(struct ws_socket *s, uint64_t length)
{
    struct exchange *x = s->exchange;
    struct ws_request r = exchange_request(x);
    x->body_max = s->ws->handlers.body_max(s->ws->g, &r, &x->body_limit);
    x->expects_continue = expects_continue(x, s->wsi);
    if (length > x->body_max && x->expects_continue)
        return refuse_body(s, 413, x->body_limit);
    if (length > x->body_max) { /* it comes all the same, and is passed over */
        ws_answer_text(s, 413, x->body_limit);
        return 0;
    }
    exchange_await(x, s->ws->g->options->handshake_timeout);
    look_soon(x);
    return 0;
}

/* A client that has not set TCP_NODELAY does not send the rest before what it has sent is acknowledged, and Linux puts that off for
 * 40 ms (tcp(7), TCP_QUICKACK). */
static void acknowledge(const struct ws_socket *s)
{
    int one = 1;
    setsockopt(lws_get_socket_fd(s->wsi), IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

static void say_continue(struct ws_socket *s)
{
    s->exchange->expects_continue = false;
    if (http1_continue(s->wsi) < 0)
        ws_cut(s);
}

static void body_is_there(struct ws_socket *s)
{
    s->exchange->complete = true;
    exchange_has_come(s->exchange);
    hand_over(s);
}

/* libwebsockets has a timer of its own for bodies, begun anew with each piece. */
static void look_at(struct ws_socket *s)
{
    struct exchange *x = s->exchange;
    lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
    if (x->complete || x->answer.n)
        return;
    if (x->chunks.state == CHUNKED_COMPLETE)
        body_is_there(s);
    else if (x->expects_continue)
        say_continue(s);
    else
        acknowledge(s);
}

/* What has come whole is acknowledged by its answer. A body in chunked coding is handed over here: inside libwebsockets it would be one that goes on. */
void ws_turn(struct ws *w)
{
    struct exchange *x;
    while ((x = list_first(&w->looked_at, struct exchange, look))) {
        list_remove(&x->look);
        look_at(x->socket);
    }
}

int ws_http_request(struct ws_socket *s)
{
    uint64_t length;
    const char *why;
    int status;
    ws_http_abandon(s);
    s->exchange = exchange_read(s);
    if (ws_http_plain_by_mistake(s))
        ws_answer_text(s, 400, NOT_TLS);
    else if (s->exchange->version == HTTP_NONE)
        ws_answer_text(s, 400, BAD_LINE);
    else if ((status = length_of_body(s->exchange, s->wsi, &length, &why)) != 0)
        return refuse_body(s, status, why);
    else if (lws_hdr_total_length(s->wsi, WSI_TOKEN_POST_URI))
        return expect_body(s, length);
    else
        hand_over(s);
    return 0;
}

static int take_chunks(struct ws_socket *s, struct bytes coded)
{
    struct exchange *x = s->exchange;
    while (coded.n && x->chunks.state < CHUNKED_COMPLETE) {
        struct bytes piece = chunked_take(&x->chunks, &coded);
        if (x->text.n - x->body_at + piece.n > x->body_max)
            return refuse_body(s, 413, x->body_limit);
        buf_append_bytes(&x->text, piece);
    }
    return x->chunks.state == CHUNKED_BROKEN ? refuse_body(s, 400, "broken chunked coding\n") : 0;
}

int ws_http_body(struct ws_socket *s, const void *p, size_t n)
{
    struct exchange *x = s->exchange;
    if (!x)
        return s->stream ? -1 : 0;
    x->expects_continue = false;
    look_soon(x);
    if (x->answer.n || x->complete || x->over)
        return 0;
    if (x->in_chunks)
        return take_chunks(s, bytes_of(p, n));
    buf_append(&x->text, p, n); /* no more than its length says */
    return 0;
}

/* libwebsockets says so once more, and without end, of a client that goes on behind a body before it has its answer
 * (RFC 9112 9.3.2: it should not); that one is cut. */
int ws_http_body_end(struct ws_socket *s)
{
    struct exchange *x = s->exchange;
    if (!x || x->complete || x->over || x->in_chunks)
        return -1;
    if (x->answer.n == 0)
        body_is_there(s);
    else
        x->complete = true;
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
    put_answer(&answer, status, false, false, "text/plain", (struct bytes){0}, bytes_str(why));
    int error = write_answer(s->wsi, &answer);
    buf_fini(&answer);
    return error < 0 ? -1 : 1;
}
