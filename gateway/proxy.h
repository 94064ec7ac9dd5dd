/* Asks a tenant's application, over HTTP, what becomes of an event of a client (protocol.md 16; decision 0028):
 *
 *     connect  refresh  subscribe  publish  sub_refresh  rpc ──▶ POST proxy_NAME_endpoint ──▶ proxy_answer ──▶ whoever asked
 *
 * Each URL of each tenant is a destination of its own (run/http_client.h), so one that hangs holds up the clients of that
 * tenant who wait for it, and nobody else. Whatever goes wrong is an answer with an error: 111 when too many wait, 100 when
 * there was no answer, or none that could be understood. */
#ifndef GATEWAY_PROXY_H
#define GATEWAY_PROXY_H

#include "connection.h"
#include "proxy_answer.h"
#include "proxy_question.h"

struct http_client;
struct proxy_call;

/* Everything in it lives for the call only. It comes from the loop, never from inside proxy_ask. */
typedef void proxy_done(void *ctx, const struct proxy_answer *a);

bool proxy_is_set(const struct config_tenant *t, enum proxy_event event); /* t NULL: no */
/* q: what the event has of its own; the rest is the connection's. client: NULL: the connection's own. t: the tenant, of the
 * present configuration, which has that proxy. -> the call; ended by its `done`, or by proxy_cancel */
struct proxy_call *proxy_ask(struct connection *c, const struct config_tenant *t, struct proxy_question *q, proxy_done *done,
                             void *ctx);
void proxy_cancel(struct proxy_call *p); /* NULL is fine; the application may have been asked */

/* Who sends the requests; proxy_http.c, or a test. done as in http_client_send. -> 0, -EAGAIN, -EINVAL */
struct http_request;
struct http_response;
struct http_transfer;
int proxy_send(struct gateway *g, const struct http_request *r, void (*done)(void *owner, const struct http_response *r),
               void *owner, struct http_transfer **ret_transfer);
void proxy_unsend(struct http_transfer *t);

#endif
