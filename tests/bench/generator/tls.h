/* A client's TLS over a socket that does not block. One context in a process; the session belongs to the connection, which keeps it
 * over its losses as a browser does, so that who comes back resumes it. The server's certificate is not looked at: what counts here is
 * what a handshake costs. */
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include "core/bytes.h"

#include <stdbool.h>
#include <sys/types.h>

/* OpenSSL's SSL_CTX, SSL_SESSION and SSL; of one socket the last */
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

enum tls_progress { TLS_DONE, TLS_READS, TLS_WRITES }; /* it waits until the socket can be read, or written */

struct ssl_ctx_st *tls_context_new(void);
void tls_context_free(struct ssl_ctx_st *context);

/* session: offered if there is one, replaced whenever the server gives another one; outlives the result. */
struct ssl_st *tls_new(struct ssl_ctx_st *context, int fd, struct ssl_session_st **session);
void tls_free(struct ssl_st *t); /* the session can be resumed; the socket stays open; NULL is fine */
void tls_session_free(struct ssl_session_st *session);
int tls_shake(struct ssl_st *t);                         /* -> enum tls_progress, or -errno */
bool tls_has_resumed(const struct ssl_st *t);            /* after TLS_DONE */
ssize_t tls_read(struct ssl_st *t, void *room, size_t n); /* one record at most. -> bytes, 0: the end, or -errno */
ssize_t tls_write(struct ssl_st *t, struct bytes bytes); /* -> bytes.n, or -errno */

#endif
