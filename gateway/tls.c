#include "tls.h"

#include "wire/identity.h"

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#define IV_BYTES 16

/* As it stands in ctl_tls::tickets. */
struct ticket_key {
    unsigned char name[16];
    unsigned char hmac[32];
    unsigned char aes[32];
};
_Static_assert(sizeof(struct ticket_key) == TLS_TICKET_KEY_BYTES, "as on the wire");

struct tls {
    struct identity identity;
    struct ticket_key tickets[TLS_TICKET_KEYS_MAX]; /* the first one encrypts */
    size_t n_tickets;
    SSL_CTX *ctx; /* borrowed; NULL until tls_attach */
    struct gateway_metrics *metrics;
};

/* ---- each handshake */

/* Not in the SSL_CTX itself: that keeps one certificate per kind of key, so that one of another kind would not replace
 * the old one. */
static int give_certificate(SSL *ssl, void *owner)
{
    struct tls *t = owner;
    const struct identity *id = &t->identity;
    if (!id->leaf)
        return 0;
    SSL_certs_clear(ssl);
    return SSL_use_cert_and_key(ssl, id->leaf, id->key, id->chain, 1);
}

static void count_handshake(const SSL *ssl, int where, int value)
{
    struct tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (!(where & SSL_CB_HANDSHAKE_DONE))
        return;
    if (SSL_session_reused(ssl))
        t->metrics->tls_resumed_total++;
    else
        t->metrics->tls_handshakes_total++;
}

/* ---- tickets */

static bool set_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->hmac, sizeof key->hmac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params);
}

static int seal(const struct ticket_key *key, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    memcpy(name, key->name, sizeof key->name);
    return RAND_bytes(iv, IV_BYTES) == 1 && EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv) &&
                   set_mac(mac, key)
               ? 1
               : -1;
}

static const struct ticket_key *find_key(const struct tls *t, const unsigned char *name)
{
    for (size_t i = 0; i < t->n_tickets; i++)
        if (memcmp(t->tickets[i].name, name, sizeof t->tickets[i].name) == 0)
            return &t->tickets[i];
    return NULL;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): -> 1 good, 2 good and to be replaced by a new one, 0 not ours: a full
 * handshake, < 0 an error */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
    struct tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (t->n_tickets == 0)
        return encrypt ? -1 : 0;
    if (encrypt)
        return seal(&t->tickets[0], name, iv, cipher, mac);
    const struct ticket_key *key = find_key(t, name);
    if (!key)
        return 0;
    if (!EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv) || !set_mac(mac, key))
        return -1;
    return key == &t->tickets[0] ? 1 : 2;
}

/* ---- life */

void tls_attach(struct tls *t, struct ssl_ctx_st *ctx)
{
    static const unsigned char context[] = "cellcast"; /* the same at all gateways, or none takes another one's session */
    t->ctx = ctx;
    SSL_CTX_set_app_data(ctx, t);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    /* libwebsockets may have left P-256 alone; clients offer X25519 first, and would need a round trip more */
    SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
    SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* 34 KB of each idle connection */
    SSL_CTX_set_cert_cb(ctx, give_certificate, t);
    SSL_CTX_set_info_callback(ctx, count_handshake);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets hold everything */
    SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}

struct tls *tls_new(struct gateway_metrics *metrics)
{
    struct tls *t = calloc(1, sizeof *t);
    assert(t);
    t->metrics = metrics;
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    identity_fini(&t->identity);
    OPENSSL_cleanse(t, sizeof *t);
    free(t);
}

int tls_take(struct tls *t, const struct ctl_tls *m, struct buf *ret_why)
{
    struct identity fresh;
    size_t n = m->tickets.n / TLS_TICKET_KEY_BYTES;
    if (n == 0 || n > TLS_TICKET_KEYS_MAX || m->tickets.n % TLS_TICKET_KEY_BYTES) {
        buf_append_str(ret_why, "ticket keys of a wrong length");
        return -EBADMSG;
    }
    int error = identity_read(m->chain, m->key, &fresh, ret_why);
    if (error < 0)
        return error;
    identity_fini(&t->identity);
    t->identity = fresh;
    memcpy(t->tickets, m->tickets.p, m->tickets.n);
    t->n_tickets = n;
    if (t->ctx)
        SSL_CTX_set_timeout(t->ctx, m->ticket_s);
    return 0;
}

bool tls_is_ready(const struct tls *t)
{
    return t->identity.leaf;
}
