#include "public_key.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

static EVP_PKEY *read_pem(struct bytes pem)
{
    BIO *bio = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

static const char *what_is_wrong(const EVP_PKEY *key, enum public_key_kind kind)
{
    int id = key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
    switch (kind) {
    case PUBLIC_KEY_EC:
        return id == EVP_PKEY_EC ? NULL : "an elliptic-curve public key in PEM (BEGIN PUBLIC KEY) is wanted";
    case PUBLIC_KEY_ED:
        return id == EVP_PKEY_ED25519 || id == EVP_PKEY_ED448 ? NULL : "an Ed25519 or Ed448 public key in PEM (BEGIN PUBLIC KEY) is wanted";
    default:
        if (id != EVP_PKEY_RSA)
            return "an RSA public key in PEM (BEGIN PUBLIC KEY) is wanted";
        return EVP_PKEY_get_bits(key) < PUBLIC_KEY_RSA_BITS_MIN ? "an RSA key of 2048 bits at least is wanted" : NULL;
    }
}

struct evp_pkey_st *public_key_read(struct bytes pem, enum public_key_kind kind, const char **ret_wrong)
{
    EVP_PKEY *key = read_pem(pem);
    const char *wrong = what_is_wrong(key, kind);
    if (!wrong)
        return key;
    *ret_wrong = wrong;
    EVP_PKEY_free(key);
    return NULL;
}
