/* The only part that knows libwebsockets: adopts accepted sockets, speaks HTTP on them and, after an upgrade, WebSocket.
 *
 *     accepted ─▶ HTTP requests, one at a time, keep-alive ─▶ request … ws_answer
 *              │                                                 └▶ ws_stream_open ─▶ ws_write … ─▶ closed
 *              └▶ upgrade ─▶ opened ─▶ message …, ws_write … ─▶ closed
 *
 * A stream is the answer to a request, in chunked coding (to HTTP/1.0 in none), that ends with the connection; to whoever writes it is as a
 * WebSocket (framing.h), but nothing comes from it: anything that its client still says on it ends it, its end too.
 * Writing is direct and whole messages; what a socket does not take at once libwebsockets keeps, and then there must be
 * no further ws_write until `writable`. Every client socket has TCP_NOTSENT_LOWAT, without which one that does not read
 * pins megabytes in the kernel. No timers of libwebsockets are used, they are a sorted list: deadlines are the
 * gateway's wheel. With TLS (tls.h) nothing of this is different. Nothing is freed inside a call into here; `closed` comes from the loop. */
#ifndef GATEWAY_WS_H
#define GATEWAY_WS_H

#include "core/buf.h"
#include "run/source.h"

struct gateway;
struct connection;
struct transport;
struct ws;
struct ws_socket;

#define WS_HEAD 16        /* bytes free in front of a message handed to ws_write */
#define WS_REASON_MAX 123 /* bytes of a close reason; RFC 6455 5.5 */
#define WS_PROTOCOL_JSON "centrifuge-json"
#define WS_PROTOCOL_PROTOBUF "centrifuge-protobuf"

/* A request; all borrowed for the call. Percent escapes of path and query are decoded. */
struct ws_request {
    struct bytes method, path, query;
    struct bytes cf_connect;                          /* the query's argument of that name */
    struct bytes origin, protocols;                   /* headers; empty when absent */
    struct bytes content_type, api_key, authorization, error_mode;
    struct bytes wanted_headers;                      /* Access-Control-Request-Headers */
    struct bytes body;
    bool deflates; /* once opened: takes compressed messages */
};

struct ws_handlers {
    /* Before the upgrade. -> 0 to go on, or an HTTP status to refuse with, *ret_why the reason in a word or two */
    int (*upgrade)(struct gateway *g, const struct ws_request *r, const char **ret_why);
    struct connection *(*opened)(struct gateway *g, struct ws_socket *s, const struct ws_request *r);
    void (*message)(struct connection *c, struct bytes message, bool binary);
    void (*writable)(struct connection *c);
    void (*closed)(struct connection *c); /* the socket is gone */
    /* Answer with ws_answer, once, now or later; or with ws_stream_open, now. */
    void (*request)(struct gateway *g, struct ws_socket *s, const struct ws_request *r);
    /* -> most bytes of the request's body, and what is said to one above it */
    size_t (*body_max)(struct gateway *g, const struct ws_request *r, const char **ret_why);
};

/* -> NULL when libwebsockets could not start; it has said why in the log */
struct ws *ws_new(struct gateway *g, const struct ws_handlers *handlers);
void ws_free(struct ws *w); /* cuts what is still open; `closed` is called */
void ws_adopt(struct ws *w, int fd, struct source from, bool tls); /* takes fd; tls: it has to speak TLS */
void ws_turn(struct ws *w); /* at the end of a turn of the loop */

/* ---- a WebSocket, or a stream */
enum ws_written {
    WS_WRITTEN,
    WS_KEPT, /* in part; wait for `writable`. Also when the socket is lost: `closed` comes */
};
/* One message, text or binary, compressed already or not, or one chunk: what stands in b behind WS_HEAD bytes, which are overwritten. */
enum ws_written ws_write(struct ws_socket *s, struct buf *b, bool binary, bool packed);
/* It is written to soon: what that looks at beside s is fetched (core/fetch.h). */
void ws_fetch(const struct ws_socket *s);
/* Stops reading, or goes on; what has been read is still handed over. */
void ws_pause(struct ws_socket *s, bool paused);
/* Close frame with code and reason (on a stream: the push disconnect and the end of the body) as soon as the socket takes
 * it; nothing may be written any more. */
void ws_close(struct ws_socket *s, uint32_t code, const char *reason);
void ws_cut(struct ws_socket *s); /* at once, unsent bytes are dropped */

struct ws_progress {
    uint64_t acked; /* bytes that the client's kernel has taken since the start */
    int64_t silent_ms; /* since it said so last, as the kernel's ticks count */
    bool waiting;   /* others have not been taken yet */
};
struct ws_progress ws_progress(const struct ws_socket *s);

/* Whose it is; behind a balancer that does not tell, the balancer's. None: a Unix socket */
struct source ws_source(const struct ws_socket *s);
/* A WebSocket whose client listens only: each line is a message of its own, and bare (framing_bare). */
void ws_one_way(struct ws_socket *s);

/* ---- an HTTP request under way */
/* Appends the value of a header of the request; name in lower case. Only inside `opened` and `request`. -> whether there is one */
bool ws_request_header(const struct ws_socket *s, struct bytes name, struct buf *into);
void ws_header(struct ws_socket *s, const char *name, struct bytes value); /* of the answer, a further one */
void ws_answer(struct ws_socket *s, int status, const char *content_type, struct bytes body); /* NULL: application/json */
void ws_answer_text(struct ws_socket *s, int status, const char *text);
/* For whoever answers later; drop: it has gone without its answer. NULL, NULL: no longer. */
void ws_keep(struct ws_socket *s, void *data, void (*drop)(void *data));
/* 200, and the connection is written to from now on. Only from inside `request`, whose r stays until that returns. */
void ws_stream_open(struct ws_socket *s, const struct transport *transport, struct connection *c);

#endif
