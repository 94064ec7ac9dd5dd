/* A self-signed certificate and its key in PEM, made here. */
#ifndef TESTS_PAIR_HELP_H
#define TESTS_PAIR_HELP_H

#include <assert.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct pem_pair {
    char cert[4096], key[4096];
};

static inline void read_out(BIO *bio, char *ret, size_t size)
{
    int n = BIO_read(bio, ret, (int)size - 1);
    assert(n > 0);
    ret[n] = 0;
    BIO_free(bio);
}

/* rsa: of RSA, else of P-256. */
static inline void make_pair(const char *name, bool rsa, struct pem_pair *ret)
{
    EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *certs = BIO_new(BIO_s_mem()), *keys = BIO_new(BIO_s_mem());
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    int ok = X509_sign(cert, key, EVP_sha256());
    assert(ok);
    PEM_write_bio_X509(certs, cert);
    PEM_write_bio_PrivateKey(keys, key, NULL, NULL, 0, NULL, NULL);
    read_out(certs, ret->cert, sizeof ret->cert);
    read_out(keys, ret->key, sizeof ret->key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

#endif
