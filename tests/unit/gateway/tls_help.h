/* Handshakes with gateway/tls.c in memory, for tests and benchmarks. */
#ifndef TESTS_TLS_HELP_H
#define TESTS_TLS_HELP_H

#include "pair_help.h"
#include "tls.h"

#include "core/clock.h"

#include <openssl/ssl.h>
#include <time.h>

/* A gateway's side. */
struct server {
    struct gateway_metrics metrics;
    struct tls *tls;
    SSL_CTX *ctx;
    int64_t cpu_ns; /* that its handshakes took */
};

static inline void server_begin(struct server *s)
{
    *s = (struct server){0};
    s->tls = tls_new(&s->metrics);
    s->ctx = SSL_CTX_new(TLS_server_method());
    tls_attach(s->tls, s->ctx);
}

static inline void server_end(struct server *s)
{
    SSL_CTX_free(s->ctx);
    tls_free(s->tls);
}

/* -> as tls_take */
static inline int server_tell(struct server *s, const struct pem_pair *pair, struct bytes tickets)
{
    struct buf why = {0};
    struct ctl_tls m = {
        .chain = bytes_str(pair->cert), .key = bytes_str(pair->key), .tickets = tickets, .ticket_s = 3600};
    int error = tls_take(s->tls, &m, &why);
    assert((error < 0) == (why.n > 0));
    buf_fini(&why);
    return error;
}

static inline void server_step(struct server *s, SSL *ssl)
{
    struct timespec before, after;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    SSL_do_handshake(ssl);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    s->cpu_ns += (after.tv_sec - before.tv_sec) * NS_PER_S + after.tv_nsec - before.tv_nsec;
}

static inline void read_name(const SSL *client, char ret_name[64])
{
    X509 *shown = SSL_get1_peer_certificate(client);
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, ret_name, 64);
    X509_free(shown);
}

/* A handshake. session: to resume, or NULL. ret_name: of the certificate that was shown. -> the session that the client
 * may resume, or NULL: it failed */
static inline SSL_SESSION *shake(struct server *s, int version, SSL_SESSION *session, bool *ret_resumed, char ret_name[64])
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(ctx), *server = SSL_new(s->ctx);
    BIO *up, *down;
    SSL_SESSION *made = NULL;
    char byte;
    BIO_new_bio_pair(&up, 0, &down, 0);
    SSL_set_bio(client, up, up);
    SSL_set_bio(server, down, down);
    SSL_set_max_proto_version(client, version);
    if (session)
        SSL_set_session(client, session);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 10 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server)); i++) {
        SSL_do_handshake(client);
        server_step(s, server);
    }
    if (SSL_is_init_finished(client) && SSL_is_init_finished(server)) {
        SSL_read(client, &byte, 1); /* a ticket of 1.3 comes behind the handshake */
        made = SSL_get1_session(client);
        *ret_resumed = SSL_session_reused(client);
        read_name(client, ret_name);
    }
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else its session is void */
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ctx);
    return made;
}

#endif
