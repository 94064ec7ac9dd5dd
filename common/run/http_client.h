/* HTTP/1.1 requests on the loop: connections are kept and used again, names are looked up on threads, certificates are
 * verified, redirects are not followed, proxies of the environment not used. The only libcurl on a loop.
 *
 * Requests of one destination share a bound: `concurrency` of them are under way, `queue` wait behind them in their
 * order, and what comes then is refused at once. So a server that is slow holds up whoever asks that destination, and
 * nobody else. What waits is a copy of the request; an answer is kept up to `body_max`.
 *
 * A request whose kept connection breaks before the first byte of the answer is sent once more on a new one: a server
 * may see it twice. */
#ifndef RUN_HTTP_CLIENT_H
#define RUN_HTTP_CLIENT_H

#include "core/bytes.h"

#include <ev.h>

struct http_client;
struct http_transfer; /* one request, from http_client_send to its `done` */

struct http_client_options {
    uint32_t transfers_max;   /* of all destinations, waiting ones too */
    uint32_t running_max;     /* under way of all; above, a destination that has its even share of them waits, the others do not */
    uint32_t connections_idle; /* kept open for the next request */
    const char *ca_file;      /* PEM; NULL or "": the system's */
};

struct http_request {
    const char *method;         /* "POST" */
    const char *url;            /* http:// or https:// */
    const char *const *headers; /* "Name: value", NULL at their end; NULL: none */
    struct bytes body;
    size_t body_max;            /* bytes of the answer's */
    const char *too_long;       /* what is said of one that is above: a text that stays, with the name of the option */
    int64_t timeout_ms;         /* from its start to its answer */
    int64_t wait_ms;            /* longest wait in the queue before; 0: as timeout_ms */
    struct bytes destination;   /* any text; empty: the URL */
    uint32_t concurrency, queue; /* of the destination, as this request sees it; concurrency > 0 */
};

/* error: 0, and status and body are the answer's. -EBUSY (it has waited in the queue, and was not sent); -ETIMEDOUT; -EMSGSIZE (a body above body_max); -EHOSTUNREACH (no such
 * name); -ECONNREFUSED (no connection); -EPROTO (TLS: a certificate that is not trusted, too); -EIO (anything else).
 * Everything in it lives for the call only. */
struct http_response {
    int error;
    const char *why; /* the error in words */
    int status;
    struct bytes body;
    int64_t took_us; /* waiting included */
};
/* In a later turn of the loop, once. The transfer is over: it is not to be cancelled any more. New requests may be sent and
 * others cancelled in it; the client may not be freed. */
typedef void http_done(void *owner, const struct http_response *r);

struct http_client *http_client_new(struct ev_loop *loop, const struct http_client_options *options);
void http_client_free(struct http_client *c); /* what is under way is cancelled. NULL: nothing */

/* Everything of the request is copied. -> 0, -EAGAIN (the destination's queue, or all of the client, is full), -EINVAL (a
 * URL that is none, a header with a line break in it) */
int http_client_send(struct http_client *c, const struct http_request *r, http_done *done, void *owner,
                     struct http_transfer **ret_transfer);
void http_transfer_cancel(struct http_transfer *t); /* `done` is not called; the server may have done it. NULL: nothing */

uint32_t http_client_inflight(const struct http_client *c); /* under way */
uint32_t http_client_waiting(const struct http_client *c);
bool http_url_is_good(const char *url); /* http or https, with a host */

#endif
