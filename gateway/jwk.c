#include "jwk.h"

#include "base64.h"

#include "core/json.h"
#include "wire/public_key.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#define RSA_BITS_MAX 8192 /* a check of a larger one would take the loop's time */
#define KID_MAX 512       /* bytes */

/* ---- members */

static bool is_text(struct bytes object, const char *name, const char *wanted)
{
    return json_string_is(json_member(object, name), bytes_str(wanted));
}

static bool is_there(struct bytes object, const char *name)
{
    return !json_is_absent(json_member(object, name));
}

static bool read_bytes(struct bytes object, const char *name, struct buf *into)
{
    struct buf text = {0};
    bool good = json_string(json_member(object, name), &text) == 0 && base64url_decode(buf_bytes(&text), into) == 0;
    buf_fini(&text);
    return good;
}

/* ---- keys of three kinds */

static EVP_PKEY *make(const char *kind, OSSL_PARAM_BLD *with)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(with);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *key = NULL;
    assert(params && ctx);
    if (EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_of(const struct buf *n, const struct buf *e)
{
    OSSL_PARAM_BLD *with = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn((const unsigned char *)n->p, (int)n->n, NULL);
    BIGNUM *exponent = BN_bin2bn((const unsigned char *)e->p, (int)e->n, NULL);
    assert(with && modulus && exponent);
    OSSL_PARAM_BLD_push_BN(with, OSSL_PKEY_PARAM_RSA_N, modulus);
    OSSL_PARAM_BLD_push_BN(with, OSSL_PKEY_PARAM_RSA_E, exponent);
    EVP_PKEY *key = make("RSA", with);
    OSSL_PARAM_BLD_free(with);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *read_rsa(struct bytes jwk)
{
    struct buf n = {0}, e = {0};
    bool there = read_bytes(jwk, "n", &n) && read_bytes(jwk, "e", &e);
    bool fits = n.n >= PUBLIC_KEY_RSA_BITS_MIN / 8 && n.n <= RSA_BITS_MAX / 8 + 1 && e.n >= 1 && e.n <= 8;
    EVP_PKEY *key = there && fits ? rsa_of(&n, &e) : NULL;
    buf_fini(&n);
    buf_fini(&e);
    if (key && EVP_PKEY_get_bits(key) >= PUBLIC_KEY_RSA_BITS_MIN)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *ec_of(const char *curve, const struct buf *point)
{
    OSSL_PARAM_BLD *with = OSSL_PARAM_BLD_new();
    assert(with);
    OSSL_PARAM_BLD_push_utf8_string(with, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
    OSSL_PARAM_BLD_push_octet_string(with, OSSL_PKEY_PARAM_PUB_KEY, point->p, point->n);
    EVP_PKEY *key = make("EC", with);
    OSSL_PARAM_BLD_free(with);
    return key;
}

static EVP_PKEY *read_ec(struct bytes jwk)
{
    static const struct {
        const char *curve;
        size_t coordinate; /* bytes */
    } curves[] = {{"P-256", 32}, {"P-384", 48}, {"P-521", 66}};
    struct buf point = {0};
    EVP_PKEY *key = NULL;
    buf_append_char(&point, 4); /* uncompressed */
    for (size_t i = 0; i < sizeof curves / sizeof *curves && !key; i++)
        if (is_text(jwk, "crv", curves[i].curve) && read_bytes(jwk, "x", &point) && point.n == 1 + curves[i].coordinate &&
            read_bytes(jwk, "y", &point) && point.n == 1 + 2 * curves[i].coordinate)
            key = ec_of(curves[i].curve, &point);
    buf_fini(&point);
    return key;
}

static EVP_PKEY *read_okp(struct bytes jwk)
{
    int type = is_text(jwk, "crv", "Ed25519") ? EVP_PKEY_ED25519 : is_text(jwk, "crv", "Ed448") ? EVP_PKEY_ED448 : EVP_PKEY_NONE;
    struct buf x = {0};
    EVP_PKEY *key = NULL;
    if (type != EVP_PKEY_NONE && read_bytes(jwk, "x", &x))
        key = EVP_PKEY_new_raw_public_key(type, NULL, (const unsigned char *)x.p, x.n); /* NULL: another length */
    buf_fini(&x);
    return key;
}

static EVP_PKEY *read_key(struct bytes jwk)
{
    EVP_PKEY *key = is_text(jwk, "kty", "RSA")   ? read_rsa(jwk)
                    : is_text(jwk, "kty", "EC")  ? read_ec(jwk)
                    : is_text(jwk, "kty", "OKP") ? read_okp(jwk)
                                                 : NULL;
    ERR_clear_error();
    return key;
}

/* ---- all of it */

/* -> false: it names one that it can't be for */
static bool read_alg(struct bytes jwk, const EVP_PKEY *key, const struct signature_alg **ret)
{
    struct buf name = {0};
    *ret = NULL;
    if (!is_there(jwk, "alg"))
        return true;
    if (json_string(json_member(jwk, "alg"), &name) == 0)
        *ret = signature_alg(buf_bytes(&name));
    buf_fini(&name);
    return *ret && signature_fits(*ret, key);
}

static struct jwk *new_of(struct bytes json, struct bytes kid, EVP_PKEY *key, const struct signature_alg *alg)
{
    struct jwk *k = calloc(1, sizeof *k + kid.n);
    assert(k);
    k->kid = bytes_of(memcpy(k->text, kid.p, kid.n), kid.n);
    k->key = key;
    k->alg = alg;
    bool ok = EVP_Digest(json.p, json.n, k->print, NULL, EVP_sha256(), NULL);
    assert(ok);
    return k;
}

struct jwk *jwk_read(struct bytes json, const char **ret_why)
{
    struct buf kid = {0};
    const struct signature_alg *alg = NULL;
    EVP_PKEY *key = NULL;
    *ret_why = NULL;
    if (json_type(json) != JSON_OBJECT || json_string(json_member(json, "kid"), &kid) < 0 || kid.n == 0 || kid.n > KID_MAX)
        *ret_why = "it has no kid";
    else if (is_there(json, "use") && !is_text(json, "use", "sig"))
        *ret_why = "it is not for signatures";
    else if (!(key = read_key(json)))
        *ret_why = "it is no public key of RSA (2048 to 8192 bits), P-256, P-384, P-521, Ed25519 or Ed448";
    else if (!read_alg(json, key, &alg))
        *ret_why = "it is no key for its alg";
    struct jwk *k = *ret_why ? NULL : new_of(json, buf_bytes(&kid), key, alg);
    if (!k)
        EVP_PKEY_free(key);
    buf_fini(&kid);
    return k;
}

void jwk_free(struct jwk *k)
{
    EVP_PKEY_free(k->key);
    free(k);
}

bool jwk_signed(const struct jwk *k, const struct signature_alg *alg, struct bytes text, struct bytes signature)
{
    return (!k->alg || k->alg == alg) && signature_by_is_right(k->key, alg, text, signature);
}
