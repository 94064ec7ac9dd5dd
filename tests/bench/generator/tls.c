#include "tls.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

/* An SSL's application data is where its session is kept. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_get_app_data(ssl);
    SSL_SESSION_free(*kept);
    *kept = session;
    return 1; /* it is ours now */
}

SSL_CTX *tls_context_new(void)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    assert(c);
    SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, keep_session);
    return c;
}

void tls_context_free(SSL_CTX *context)
{
    SSL_CTX_free(context);
}

SSL *tls_new(SSL_CTX *context, int fd, SSL_SESSION **session)
{
    SSL *ssl = SSL_new(context);
    assert(ssl);
    SSL_set_app_data(ssl, session);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    if (*session)
        SSL_set_session(ssl, *session);
    return ssl;
}

void tls_free(SSL *t)
{
    if (!t)
        return;
    SSL_set_shutdown(t, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else OpenSSL makes its session void */
    SSL_free(t);
}

void tls_session_free(SSL_SESSION *session)
{
    SSL_SESSION_free(session);
}

/* -> enum tls_progress, or -errno; TLS_DONE: the other end has closed */
static int why(SSL *t, int result)
{
    switch (SSL_get_error(t, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_READS;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WRITES;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_DONE;
    case SSL_ERROR_SYSCALL:
        return errno ? -errno : -ECONNRESET;
    default:
        return -EPROTO;
    }
}

static void forget_errors(void)
{
    ERR_clear_error();
    errno = 0;
}

int tls_shake(SSL *t)
{
    forget_errors();
    int result = SSL_do_handshake(t);
    if (result == 1)
        return TLS_DONE;
    int progress = why(t, result);
    return progress == TLS_DONE ? -ECONNRESET : progress;
}

bool tls_has_resumed(const SSL *t)
{
    return SSL_session_reused(t);
}

ssize_t tls_read(SSL *t, void *room, size_t n)
{
    forget_errors();
    int result = SSL_read(t, room, (int)n);
    if (result > 0)
        return result;
    int progress = why(t, result);
    return progress > TLS_DONE ? -EAGAIN : progress;
}

ssize_t tls_write(SSL *t, struct bytes bytes)
{
    forget_errors();
    int result = SSL_write(t, bytes.p, (int)bytes.n);
    if (result > 0)
        return result;
    int progress = why(t, result);
    return progress > TLS_DONE ? -EAGAIN : progress == TLS_DONE ? -ECONNRESET : progress;
}
