/* TLS on the client port: what libwebsockets' SSL_CTX is given. Certificate, key and the keys of session tickets come
 * from the supervisor (ctl_tls), the same ones to every gateway of the cell: a session that one of them has begun goes
 * on at any other, without a full handshake. Each handshake takes what came last; those before it keep theirs.
 * ALPN is http/1.1 (ws_context.c): WebSocket over HTTP/2 would take another way to write. Decision 0017. */
#ifndef GATEWAY_TLS_H
#define GATEWAY_TLS_H

#include "core/buf.h"
#include "tables.h"
#include "wire/messages.h"

struct tls;
struct ssl_ctx_st;

struct tls *tls_new(struct gateway_metrics *metrics);
void tls_free(struct tls *t); /* NULL is fine */
/* -> 0, or -EBADMSG with the reason in ret_why, and what was there stays */
int tls_take(struct tls *t, const struct ctl_tls *m, struct buf *ret_why);
bool tls_is_ready(const struct tls *t); /* something has come; until then a handshake fails */
/* Sets it up; t outlives it. */
void tls_attach(struct tls *t, struct ssl_ctx_st *ctx);

#endif
