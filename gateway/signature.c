#include "signature.h"

#include "wire/public_key.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#define DER_MAX 160 /* bytes; two numbers of P-521 as a SEQUENCE */

enum family { FAMILY_HMAC, FAMILY_RSA, FAMILY_ECDSA, FAMILY_EDDSA, FAMILY_COUNT };

struct signature_alg {
    const char *name;
    enum family family;
    const EVP_MD *(*digest)(void); /* EdDSA: the curve's own */
    int curve_bits; /* ECDSA: of the only curve that goes with it; RFC 7518 3.4 */
};

struct signature_keys {
    struct bytes hmac, hmac_previous; /* borrowed from the configuration */
    EVP_PKEY *pkeys[FAMILY_COUNT];
    unsigned char prints[FAMILY_COUNT][SIGNATURE_PRINT];
    bool there[FAMILY_COUNT];
};

/* clang-format off */
static const struct signature_alg algs[] = {
    {"HS256", FAMILY_HMAC,  EVP_sha256, 0},
    {"HS384", FAMILY_HMAC,  EVP_sha384, 0},
    {"HS512", FAMILY_HMAC,  EVP_sha512, 0},
    {"RS256", FAMILY_RSA,   EVP_sha256, 0},
    {"RS384", FAMILY_RSA,   EVP_sha384, 0},
    {"RS512", FAMILY_RSA,   EVP_sha512, 0},
    {"ES256", FAMILY_ECDSA, EVP_sha256, 256},
    {"ES384", FAMILY_ECDSA, EVP_sha384, 384},
    {"ES512", FAMILY_ECDSA, EVP_sha512, 521},
    {"EdDSA", FAMILY_EDDSA, NULL,       0},
};
/* clang-format on */

const struct signature_alg *signature_alg(struct bytes name)
{
    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
        if (bytes_is(name, algs[i].name))
            return &algs[i];
    return NULL;
}

/* ---- keys */

static void take_print(struct signature_keys *keys, enum family family, struct bytes key)
{
    struct buf text = {0};
    buf_append_char(&text, (char)family);
    buf_append_bytes(&text, key);
    bool ok = EVP_Digest(text.p, text.n, keys->prints[family], NULL, EVP_sha256(), NULL);
    assert(ok);
    buf_fini(&text);
    keys->there[family] = true;
}

static int take_public(struct signature_keys *keys, enum family family, struct bytes pem, struct buf *ret_why)
{
    static const struct {
        const char *option;
        enum public_key_kind kind;
    } of[FAMILY_COUNT] = {
        [FAMILY_RSA] = {"token_rsa_public_key", PUBLIC_KEY_RSA},
        [FAMILY_ECDSA] = {"token_ecdsa_public_key", PUBLIC_KEY_EC},
        [FAMILY_EDDSA] = {"token_eddsa_public_key", PUBLIC_KEY_ED},
    };
    const char *wrong;
    if (pem.n == 0)
        return 0;
    keys->pkeys[family] = public_key_read(pem, of[family].kind, &wrong);
    if (!keys->pkeys[family]) {
        buf_printf(ret_why, "option %s: %s", of[family].option, wrong);
        return -EBADMSG;
    }
    take_print(keys, family, pem);
    return 0;
}

/* Both keys make one print: without the previous one nothing that it signed is remembered as right. */
static int take_hmac(struct signature_keys *keys, const struct signature_options *o, struct buf *ret_why)
{
    struct buf both = {0};
    if (o->hmac_previous.n && o->hmac.n == 0) {
        buf_append_str(ret_why, "option token_hmac_previous_secret_key: there is no token_hmac_secret_key, which it would be previous to");
        return -EBADMSG;
    }
    keys->hmac = o->hmac;
    keys->hmac_previous = o->hmac_previous;
    buf_printf(&both, "%zu:", o->hmac.n);
    buf_append_bytes(&both, o->hmac);
    buf_append_bytes(&both, o->hmac_previous);
    if (o->hmac.n)
        take_print(keys, FAMILY_HMAC, buf_bytes(&both));
    buf_fini(&both);
    return 0;
}

int signature_keys_new(const struct signature_options *o, struct signature_keys **ret_keys, struct buf *ret_why)
{
    struct signature_keys *keys = calloc(1, sizeof *keys);
    assert(keys);
    int error = take_hmac(keys, o, ret_why);
    if (error == 0)
        error = take_public(keys, FAMILY_RSA, o->rsa, ret_why);
    if (error == 0)
        error = take_public(keys, FAMILY_ECDSA, o->ecdsa, ret_why);
    if (error == 0)
        error = take_public(keys, FAMILY_EDDSA, o->eddsa, ret_why);
    if (error < 0) {
        signature_keys_free(keys);
        return error;
    }
    *ret_keys = keys;
    return 0;
}

void signature_keys_free(struct signature_keys *keys)
{
    if (!keys)
        return;
    for (int i = 0; i < FAMILY_COUNT; i++)
        EVP_PKEY_free(keys->pkeys[i]);
    free(keys);
}

struct bytes signature_print(const struct signature_keys *keys, const struct signature_alg *alg)
{
    return keys->there[alg->family] ? bytes_of(keys->prints[alg->family], SIGNATURE_PRINT) : bytes_of(NULL, 0);
}

/* ---- checking */

/* By libcrypto and in constant time. librhonabwy, which signs in the tests, compares signatures with strcmp and
 * inflates a payload whose header says so. */
static bool hmac_is_right(struct bytes key, const EVP_MD *digest, struct bytes text, struct bytes signature)
{
    unsigned char right[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    return HMAC(digest, key.p, (int)key.n, (const unsigned char *)text.p, text.n, right, &n) && signature.n == n &&
           CRYPTO_memcmp(signature.p, right, n) == 0;
}

static bool public_is_right(EVP_PKEY *key, const EVP_MD *digest, struct bytes text, struct bytes signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, digest, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, (const unsigned char *)text.p,
                               text.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

/* A token carries r and s as two numbers of the curve's size, libcrypto wants a SEQUENCE. -> its length, 0: refused */
static size_t der_of(struct bytes signature, size_t coordinate, unsigned char *ret_der)
{
    if (signature.n != 2 * coordinate)
        return 0;
    const unsigned char *p = (const unsigned char *)signature.p;
    ECDSA_SIG *both = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(p, (int)coordinate, NULL), *s = BN_bin2bn(p + coordinate, (int)coordinate, NULL);
    assert(both && r && s);
    ECDSA_SIG_set0(both, r, s);
    int n = i2d_ECDSA_SIG(both, &ret_der);
    ECDSA_SIG_free(both);
    return n > 0 ? (size_t)n : 0;
}

/* The key fits the algorithm. */
static bool ecdsa_is_right(EVP_PKEY *key, const struct signature_alg *alg, struct bytes text, struct bytes signature)
{
    unsigned char der[DER_MAX];
    size_t n = der_of(signature, ((size_t)alg->curve_bits + 7) / 8, der);
    return n && public_is_right(key, alg->digest(), text, bytes_of(der, n));
}

bool signature_is_hmac(const struct signature_alg *alg)
{
    return alg->family == FAMILY_HMAC;
}

bool signature_fits(const struct signature_alg *alg, const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return alg->family == FAMILY_RSA;
    case EVP_PKEY_EC:
        return alg->family == FAMILY_ECDSA && EVP_PKEY_get_bits(key) == alg->curve_bits;
    case EVP_PKEY_ED25519:
    case EVP_PKEY_ED448:
        return alg->family == FAMILY_EDDSA;
    default:
        return false;
    }
}

bool signature_by_is_right(EVP_PKEY *key, const struct signature_alg *alg, struct bytes text, struct bytes signature)
{
    if (!signature_fits(alg, key))
        return false;
    if (alg->family == FAMILY_ECDSA)
        return ecdsa_is_right(key, alg, text, signature);
    return public_is_right(key, alg->digest ? alg->digest() : NULL, text, signature);
}

bool signature_is_right(const struct signature_keys *keys, const struct signature_alg *alg, struct bytes text,
                        struct bytes signature)
{
    if (!keys->there[alg->family])
        return false;
    if (alg->family != FAMILY_HMAC)
        return signature_by_is_right(keys->pkeys[alg->family], alg, text, signature);
    return hmac_is_right(keys->hmac, alg->digest(), text, signature) ||
           (keys->hmac_previous.n && hmac_is_right(keys->hmac_previous, alg->digest(), text, signature));
}
