/* What the files ws*.c share, the only ones that know libwebsockets; the others go by ws.h.
 *
 *     ws.c          the doorway; sockets come and go; WebSockets
 *     ws_request.c  a request, read out of libwebsockets
 *     ws_http.c     requests and their answers
 *     ws_deflate.c  compressed messages: agreed with the client, marked
 *     ws_stream.c   answers that do not end: clients without a WebSocket
 *
 * A socket has an exchange while an HTTP request is under way or awaited; a connection once it is a WebSocket or a stream. */
#ifndef GATEWAY_WS_SOCKET_H
#define GATEWAY_WS_SOCKET_H

#include "chunked.h"
#include "gateway.h"
#include "transport.h"
#include "ws.h"
#include "ws_context.h"
#include "ws_deflate.h"

struct ws {
    struct gateway *g;
    struct ws_handlers handlers;
    struct ws_context context;
    struct buf framed; /* the write to a stream that is under way */
    struct list looked_at; /* by `look`: exchanges that something has come of in this turn */
};

enum request_field { METHOD, PATH, QUERY, CF_CONNECT, ORIGIN, PROTOCOLS, CONTENT_TYPE, API_KEY, AUTHORIZATION, ERROR_MODE,
                     WANTED_HEADERS, REQUEST_FIELDS };

/* What only an HTTP request has; gone with its answer, or when the socket becomes a WebSocket or a stream. */
struct exchange {
    struct ws_socket *socket;
    struct wheel_timer handshake;       /* set until the first request, or the body of any, is complete */
    struct stranger stranger;           /* until then, and after an answer until the next request */
    struct list look;                   /* in ws->looked_at, while its body is awaited */
    struct buf text;                    /* memory of `request`, its body too */
    uint32_t at[REQUEST_FIELDS], n[REQUEST_FIELDS]; /* its fields within `text` */
    size_t body_at, body_max;
    const char *body_limit;             /* what is said to one above body_max */
    struct chunked chunks;              /* how far its body has been read, if it is in chunked coding */
    enum http_version { HTTP_NONE, HTTP_1_0, HTTP_1_1 } version; /* NONE: its first line is no good */
    struct buf headers;                 /* further ones of the answer */
    struct buf answer;                  /* head and body, WS_HEAD bytes free in front */
    bool head_only;         /* HEAD: its answer has no body */
    bool in_chunks;         /* its body is in chunked coding; libwebsockets thinks that it does not end */
    bool expects_continue;  /* its body may not come before it has been told so */
    bool complete;          /* its body is there */
    bool handed;            /* to `request`, and not answered yet */
    bool last;              /* the socket is closed behind the answer: the gateway drains, or the body was in chunked coding */
    bool over;              /* refused: what still comes is passed over until the client has closed the socket */
    void *kept;
    void (*drop)(void *kept);
};

struct ws_socket {
    struct ws *ws;
    struct lws *wsi;
    struct connection *connection; /* once it is a WebSocket or a stream */
    struct exchange *exchange;     /* before that, while a request is under way or the first one awaited */
    struct stream *stream;         /* ws_stream.c; or NULL */
    struct buf *message;           /* fragments of one that is incomplete, or NULL */
    char *close_reason;
    uint16_t close_code;           /* 0: not closing */
    bool leaving;                  /* the peer has sent a Close frame */
    bool tls;                      /* it has to speak TLS */
    struct source from;
    struct ws_deflate deflate;
    bool pushes;                   /* a WebSocket that is one-way: a message for each push, which is bare */
};

/* ---- ws_request.c */
struct exchange *exchange_new(struct ws_socket *s);
struct exchange *exchange_read(struct ws_socket *s); /* new, with the request that libwebsockets has */
void exchange_free(struct exchange *x);              /* NULL is fine */
/* More has to come before anything is known of it; ms 0: libwebsockets has a deadline of its own for that. */
void exchange_await(struct exchange *x, int64_t ms);
void exchange_has_come(struct exchange *x);
struct ws_request exchange_request(const struct exchange *x); /* borrowed from it */

/* ---- ws_http.c; the first four are libwebsockets' events: -> 0, or -1: it is to close the socket */
int ws_http_request(struct ws_socket *s);
int ws_http_body(struct ws_socket *s, const void *p, size_t n);
int ws_http_body_end(struct ws_socket *s);
int ws_http_writable(struct ws_socket *s);
void ws_http_abandon(struct ws_socket *s); /* the request under way, if there is one, gets no answer */
/* In place of an upgrade. -> what the callback is to return */
int ws_http_refuse(struct ws_socket *s, int status, const char *why);
bool ws_http_plain_by_mistake(struct ws_socket *s);

/* ---- ws_stream.c */
enum ws_written ws_stream_write(struct ws_socket *s, struct bytes messages, bool binary);
int ws_stream_writable(struct ws_socket *s); /* -> 0, or -1: it is to be closed */
void ws_stream_cut(struct ws_socket *s);
void ws_stream_free(struct ws_socket *s); /* none is fine */

#define BAD_LINE "the request's first line does not end with HTTP/1.1\n"
#define NOT_TLS "this port speaks TLS: https:// or wss://\n"

#endif
