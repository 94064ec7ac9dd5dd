#include "identity.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <time.h>

static int no_passphrase(char *text, int size, int writing, void *owner)
{
    return 0; /* instead of asking at the terminal */
}

static void read_chain(struct identity *id, BIO *from)
{
    X509 *next;
    id->leaf = PEM_read_bio_X509(from, NULL, no_passphrase, NULL);
    id->chain = sk_X509_new_null();
    while (id->leaf && (next = PEM_read_bio_X509(from, NULL, no_passphrase, NULL)))
        sk_X509_push(id->chain, next);
}

static BIO *open_text(struct bytes text)
{
    return BIO_new_mem_buf(text.n ? text.p : "", text.n <= INT_MAX ? (int)text.n : 0);
}

static const char *what_is_wrong(const struct identity *id)
{
    if (!id->leaf)
        return "no certificate in PEM";
    if (!id->key)
        return "no key in PEM without a passphrase";
    return X509_check_private_key(id->leaf, id->key) ? NULL : "the key is not that of the first certificate";
}

int identity_read(struct bytes chain, struct bytes key, struct identity *ret_identity, struct buf *ret_why)
{
    struct identity id = {0};
    BIO *certificates = open_text(chain), *keys = open_text(key);
    read_chain(&id, certificates);
    id.key = PEM_read_bio_PrivateKey(keys, NULL, no_passphrase, NULL);
    BIO_free(certificates);
    BIO_free(keys);
    const char *wrong = what_is_wrong(&id);
    ERR_clear_error();
    if (!wrong) {
        *ret_identity = id;
        return 0;
    }
    buf_append_str(ret_why, wrong);
    identity_fini(&id);
    return -EBADMSG;
}

void identity_fini(struct identity *id)
{
    X509_free(id->leaf);
    sk_X509_pop_free(id->chain, X509_free);
    EVP_PKEY_free(id->key);
    *id = (struct identity){0};
}

int64_t identity_ends(const struct identity *id)
{
    struct tm at = {0};
    return ASN1_TIME_to_tm(X509_get0_notAfter(id->leaf), &at) ? timegm(&at) : 0;
}
