#include "signature.h"

#include "base64.h"
#include "sign_help.h"
#include "unit.h"
#include "wire/public_key.h"

#include <openssl/evp.h>

static struct signature_keys *keys_of(const char *hmac, const char *rsa, const char *ecdsa)
{
    struct signature_keys *keys;
    struct buf why = {0};
    struct signature_options o = {.hmac = bytes_str(hmac), .rsa = bytes_str(rsa), .ecdsa = bytes_str(ecdsa)};
    int error = signature_keys_new(&o, &keys, &why);
    ck_assert_msg(error == 0, "%s", why.p);
    buf_fini(&why);
    return keys;
}

static void refused_options(const struct signature_options *o, const char *wanted)
{
    struct signature_keys *keys;
    struct buf why = {0};
    ck_assert_int_lt(signature_keys_new(o, &keys, &why), 0);
    ck_assert_msg(why.n && strstr(why.p, wanted), "%s", why.p);
    buf_fini(&why);
}

static void refused(const char *rsa, const char *ecdsa, const char *wanted)
{
    refused_options(&(struct signature_options){.rsa = bytes_str(rsa), .ecdsa = bytes_str(ecdsa)}, wanted);
}

/* header.payload.signature */
static bool right(const struct signature_keys *keys, const char *alg, const char *token)
{
    const char *dot = strrchr(token, '.');
    struct buf signature = {0};
    ck_assert_int_eq(base64url_decode(bytes_str(dot + 1), &signature), 0);
    bool ok = signature_is_right(keys, signature_alg(bytes_str(alg)), bytes_of(token, (size_t)(dot - token)),
                                 buf_bytes(&signature));
    buf_fini(&signature);
    return ok;
}

START_TEST(each_family_has_its_algorithms_and_no_other_name_is_known)
{
    static const char *const good[] = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"};
    static const char *const bad[] = {"", "none", "None", "hs256", "HS", "HS2560", "PS256", "EDDSA", "ES256K"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_ptr_nonnull(signature_alg(bytes_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_ptr_null(signature_alg(bytes_str(bad[i])));
}
END_TEST

START_TEST(an_rsa_signature_is_right_for_its_key_alone)
{
    static const jwa_alg algs[] = {R_JWA_ALG_RS256, R_JWA_ALG_RS384, R_JWA_ALG_RS512};
    static const char *const names[] = {"RS256", "RS384", "RS512"};
    char *pem, *other_pem;
    jwk_t *mine = key_pair(R_KEY_TYPE_RSA, 2048, &pem), *other = key_pair(R_KEY_TYPE_RSA, 2048, &other_pem);
    struct signature_keys *keys = keys_of("", pem, "");
    for (size_t i = 0; i < 3; i++) {
        char *token = sign_jwk("{}", mine, algs[i]), *foreign = sign_jwk("{}", other, algs[i]);
        ck_assert(right(keys, names[i], token));
        ck_assert(!right(keys, names[(i + 1) % 3], token));
        ck_assert(!right(keys, names[i], foreign));
        token[1] ^= 1;
        ck_assert(!right(keys, names[i], token));
        free(token);
        free(foreign);
    }
    signature_keys_free(keys);
    r_jwk_free(mine);
    r_jwk_free(other);
    free(pem);
    free(other_pem);
}
END_TEST

START_TEST(an_ecdsa_signature_goes_with_the_curve_of_its_algorithm)
{
    static const unsigned bits[] = {256, 384, 521};
    static const jwa_alg algs[] = {R_JWA_ALG_ES256, R_JWA_ALG_ES384, R_JWA_ALG_ES512};
    static const char *const names[] = {"ES256", "ES384", "ES512"};
    for (size_t i = 0; i < 3; i++) {
        char *pem;
        jwk_t *mine = key_pair(R_KEY_TYPE_EC, bits[i], &pem);
        struct signature_keys *keys = keys_of("", "", pem);
        const char *wrong;
        EVP_PKEY *key = public_key_read(bytes_str(pem), PUBLIC_KEY_EC, &wrong);
        for (size_t other = 0; other < 3; other++)
            ck_assert_int_eq(signature_fits(signature_alg(bytes_str(names[other])), key), other == i);
        EVP_PKEY_free(key);
        char *token = sign_jwk("{}", mine, algs[i]);
        ck_assert(right(keys, names[i], token));
        ck_assert(!right(keys, names[(i + 1) % 3], token));
        token[1] ^= 1;
        ck_assert(!right(keys, names[i], token));
        free(token);
        signature_keys_free(keys);
        r_jwk_free(mine);
        free(pem);
    }
}
END_TEST

START_TEST(a_signature_of_another_length_is_wrong)
{
    char *rsa, *ec;
    r_jwk_free(key_pair(R_KEY_TYPE_RSA, 2048, &rsa));
    r_jwk_free(key_pair(R_KEY_TYPE_EC, 256, &ec));
    struct signature_keys *keys = keys_of("key", rsa, ec);
    static const char *const names[] = {"HS256", "RS256", "ES256"};
    static const char zeros[512];
    jwk_t *secret;
    r_jwk_init(&secret);
    r_jwk_import_from_symmetric_key(secret, (const unsigned char *)"key", 3);
    char *token = sign_jwk("{}", secret, R_JWA_ALG_HS256), *dot = strrchr(token, '.');
    struct bytes text = bytes_of(token, (size_t)(dot - token));
    struct buf good = {0};
    ck_assert_int_eq(base64url_decode(bytes_str(dot + 1), &good), 0);
    buf_append_char(&good, 0);
    for (size_t n = 0; n <= good.n; n++)
        ck_assert_int_eq(signature_is_right(keys, signature_alg(BYTES("HS256")), text, bytes_of(good.p, n)), n == good.n - 1);
    buf_fini(&good);
    free(token);
    r_jwk_free(secret);
    for (size_t i = 0; i < 3; i++)
        for (size_t n = 0; n <= sizeof zeros; n++)
            ck_assert(!signature_is_right(keys, signature_alg(bytes_str(names[i])), BYTES("a.b"), bytes_of(zeros, n)));
    signature_keys_free(keys);
    free(rsa);
    free(ec);
}
END_TEST

/* The classic: the public key, which everybody has, taken as the secret of an HMAC. */
START_TEST(a_public_key_is_no_secret)
{
    char *pem;
    jwk_t *mine = key_pair(R_KEY_TYPE_RSA, 2048, &pem), *secret;
    struct signature_keys *keys = keys_of("", pem, "");
    r_jwk_init(&secret);
    r_jwk_import_from_symmetric_key(secret, (const unsigned char *)pem, strlen(pem));
    char *token = sign_jwk("{}", secret, R_JWA_ALG_HS256);
    ck_assert(!right(keys, "HS256", token));
    ck_assert(!right(keys, "RS256", token));
    free(token);
    r_jwk_free(secret);
    r_jwk_free(mine);
    signature_keys_free(keys);
    free(pem);
}
END_TEST

START_TEST(a_print_is_of_one_key_and_one_family)
{
    struct signature_keys *one = keys_of("key", "", ""), *same = keys_of("key", "", ""), *other = keys_of("kez", "", "");
    const struct signature_alg *hs = signature_alg(BYTES("HS256")), *rs = signature_alg(BYTES("RS256"));
    ck_assert_uint_eq(signature_print(one, hs).n, SIGNATURE_PRINT);
    ck_assert(bytes_equal(signature_print(one, hs), signature_print(same, hs)));
    ck_assert(!bytes_equal(signature_print(one, hs), signature_print(other, hs)));
    ck_assert_uint_eq(signature_print(one, rs).n, 0);
    signature_keys_free(one);
    signature_keys_free(same);
    signature_keys_free(other);
}
END_TEST

START_TEST(an_eddsa_signature_is_right_for_its_key_alone)
{
    char *pem, *other_pem;
    jwk_t *mine = key_pair(R_KEY_TYPE_EDDSA, 256, &pem), *other = key_pair(R_KEY_TYPE_EDDSA, 256, &other_pem);
    struct signature_keys *keys;
    struct buf why = {0};
    ck_assert_int_eq(signature_keys_new(&(struct signature_options){.eddsa = bytes_str(pem)}, &keys, &why), 0);
    char *token = sign_jwk("{}", mine, R_JWA_ALG_EDDSA), *foreign = sign_jwk("{}", other, R_JWA_ALG_EDDSA);
    ck_assert(right(keys, "EdDSA", token));
    ck_assert(!right(keys, "EdDSA", foreign));
    ck_assert(!right(keys, "ES256", token));
    ck_assert(!right(keys, "HS256", token));
    refused_options(&(struct signature_options){.ecdsa = bytes_str(pem)}, "token_ecdsa_public_key: an elliptic-curve");
    free(token);
    free(foreign);
    r_jwk_free(mine);
    r_jwk_free(other);
    signature_keys_free(keys);
    free(pem);
    free(other_pem);
}
END_TEST

START_TEST(the_previous_key_is_good_while_it_stands_there)
{
    struct signature_keys *both, *after = keys_of("new", "", "");
    struct buf why = {0};
    const struct signature_alg *hs = signature_alg(BYTES("HS256"));
    jwk_t *old;
    r_jwk_init(&old);
    r_jwk_import_from_symmetric_key(old, (const unsigned char *)"old", 3);
    char *token = sign_jwk("{}", old, R_JWA_ALG_HS256);
    struct signature_options o = {.hmac = BYTES("new"), .hmac_previous = BYTES("old")};
    ck_assert_int_eq(signature_keys_new(&o, &both, &why), 0);
    ck_assert(right(both, "HS256", token));
    ck_assert(!right(after, "HS256", token));
    ck_assert(!bytes_equal(signature_print(both, hs), signature_print(after, hs)));
    refused_options(&(struct signature_options){.hmac_previous = BYTES("old")}, "there is no token_hmac_secret_key");
    free(token);
    r_jwk_free(old);
    signature_keys_free(both);
    signature_keys_free(after);
}
END_TEST

START_TEST(a_bad_key_is_refused_with_the_reason)
{
    char *rsa, *ec, *weak;
    r_jwk_free(key_pair(R_KEY_TYPE_RSA, 2048, &rsa));
    r_jwk_free(key_pair(R_KEY_TYPE_EC, 256, &ec));
    r_jwk_free(key_pair(R_KEY_TYPE_RSA, 1024, &weak));
    refused("-----BEGIN PUBLIC KEY-----\nnone\n-----END PUBLIC KEY-----\n", "", "token_rsa_public_key: an RSA public key");
    refused(ec, "", "token_rsa_public_key: an RSA public key");
    refused(weak, "", "2048 bits at least");
    refused("", rsa, "token_ecdsa_public_key: an elliptic-curve");
    refused("", "key", "token_ecdsa_public_key: an elliptic-curve");
    refused_options(&(struct signature_options){.eddsa = bytes_str(ec)}, "token_eddsa_public_key: an Ed25519 or Ed448");
    free(rsa);
    free(ec);
    free(weak);
}
END_TEST

UNIT_MAIN("gateway/signature", each_family_has_its_algorithms_and_no_other_name_is_known,
          an_rsa_signature_is_right_for_its_key_alone, an_ecdsa_signature_goes_with_the_curve_of_its_algorithm,
          a_signature_of_another_length_is_wrong, a_public_key_is_no_secret, a_print_is_of_one_key_and_one_family,
          an_eddsa_signature_is_right_for_its_key_alone, the_previous_key_is_good_while_it_stands_there,
          a_bad_key_is_refused_with_the_reason)
