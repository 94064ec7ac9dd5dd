#include "jwks.h"

#include "base64.h"
#include "pair_help.h"
#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>

#define URL BYTES("https://a/jwks")

static struct jwks jwks;
static struct buf text, why;

/* ---- keys, and what they sign */

static void put_url(struct buf *into, const unsigned char *p, size_t n)
{
    size_t start = into->n;
    base64_encode(bytes_of(p, n), into);
    while (into->n > start && into->p[into->n - 1] == '=')
        into->p[--into->n] = 0;
    for (size_t i = start; i < into->n; i++)
        into->p[i] = into->p[i] == '+' ? '-' : into->p[i] == '/' ? '_' : into->p[i];
}

static void put_number(struct buf *into, EVP_PKEY *key, const char *param)
{
    BIGNUM *n = NULL;
    unsigned char bytes[1024];
    ck_assert(EVP_PKEY_get_bn_param(key, param, &n));
    put_url(into, bytes, (size_t)BN_bn2bin(n, bytes));
    BN_free(n);
}

static void put_rsa(struct buf *into, EVP_PKEY *key, const char *kid, const char *more)
{
    buf_printf(into, "{\"kty\":\"RSA\",\"kid\":\"%s\"%s,\"n\":\"", kid, more);
    put_number(into, key, OSSL_PKEY_PARAM_RSA_N);
    buf_append_str(into, "\",\"e\":\"");
    put_number(into, key, OSSL_PKEY_PARAM_RSA_E);
    buf_append_str(into, "\"}");
}

static void put_ec(struct buf *into, EVP_PKEY *key, const char *kid)
{
    unsigned char point[200];
    size_t n;
    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
    ck_assert(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n));
    buf_printf(into, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"kid\":\"%s\",\"x\":\"", kid);
    put_url(into, point + 1, 32);
    buf_append_str(into, "\",\"y\":\"");
    put_url(into, point + 33, 32);
    buf_append_str(into, "\"}");
}

static void put_ed(struct buf *into, EVP_PKEY *key, const char *kid)
{
    unsigned char x[32];
    size_t n = sizeof x;
    ck_assert(EVP_PKEY_get_raw_public_key(key, x, &n));
    buf_printf(into, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"kid\":\"%s\",\"x\":\"", kid);
    put_url(into, x, n);
    buf_append_str(into, "\"}");
}

static struct bytes sign(EVP_PKEY *key, const EVP_MD *digest, struct bytes what)
{
    static unsigned char signature[1024];
    size_t n = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, digest, NULL, key), 1);
    ck_assert_int_eq(EVP_DigestSign(ctx, signature, &n, (const unsigned char *)what.p, what.n), 1);
    EVP_MD_CTX_free(ctx);
    return bytes_of(signature, n);
}

static int take(const char *set, uint64_t fetched_s)
{
    buf_clear(&why);
    return jwks_take(&jwks, &(struct ctl_jwks){.url = URL, .fetched_ms = fetched_s * 1000, .json = bytes_str(set)}, &why);
}

static const struct jwk *key(const char *kid)
{
    const struct jwk *k = NULL;
    jwks_find(&jwks, URL, bytes_str(kid), 1000, &k);
    return k;
}

static void stop(void)
{
    jwks_fini(&jwks);
    buf_fini(&text);
    buf_fini(&why);
}

START_TEST(keys_of_each_kind_check_what_they_signed)
{
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256"), *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    jwks_init(&jwks, 64);
    buf_append_str(&text, "{\"keys\":[");
    put_rsa(&text, rsa, "r", "");
    buf_append_char(&text, ',');
    put_rsa(&text, rsa, "r512", ",\"alg\":\"RS512\"");
    buf_append_char(&text, ',');
    put_ec(&text, ec, "c");
    buf_append_char(&text, ',');
    put_ed(&text, ed, "d");
    buf_append_str(&text, "]}");
    ck_assert_int_eq(take(text.p, 1), 4);
    ck_assert_msg(why.n == 0, "%s", why.p);
    struct bytes said = BYTES("a.b"), by_rsa = sign(rsa, EVP_sha256(), said);
    ck_assert(jwk_signed(key("r"), signature_alg(BYTES("RS256")), said, by_rsa));
    ck_assert(!jwk_signed(key("r"), signature_alg(BYTES("RS256")), BYTES("a.c"), by_rsa));
    ck_assert(!jwk_signed(key("r"), signature_alg(BYTES("RS384")), said, by_rsa));
    ck_assert(!jwk_signed(key("r512"), signature_alg(BYTES("RS256")), said, by_rsa)); /* the key says which */
    ck_assert(!jwk_signed(key("r"), signature_alg(BYTES("HS256")), said, by_rsa));
    ck_assert(!jwk_signed(key("c"), signature_alg(BYTES("RS256")), said, by_rsa));
    ck_assert(jwk_signed(key("d"), signature_alg(BYTES("EdDSA")), said, sign(ed, NULL, said)));
    ck_assert(!jwk_signed(key("c"), signature_alg(BYTES("ES384")), said, by_rsa));
    ck_assert_int_ne(memcmp(key("r")->print, key("c")->print, SIGNATURE_PRINT), 0);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed);
    stop();
}
END_TEST

#define NOWHERE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" /* both coordinates 0: on no curve */

START_TEST(what_is_no_key_is_left_out_and_said)
{
    static const char *const keys[] = {
        "1", "{}", "{\"kid\":\"\"}", "{\"kid\":\"a\"}", "{\"kid\":\"a\",\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}",
        "{\"kid\":\"a\",\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "{\"kid\":\"a\",\"kty\":\"RSA\",\"n\":1,\"e\":2}",
        "{\"kid\":\"a\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"AQAB\"}",
        "{\"kid\":\"a\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" NOWHERE "\",\"y\":\"" NOWHERE "\"}",
        "{\"kid\":\"a\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}",
        "{\"kid\":\"a\",\"use\":\"enc\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
        "{\"kid\":\"a\",\"alg\":\"ES256\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"};
    jwks_init(&jwks, 64);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        buf_clear(&text);
        buf_printf(&text, "{\"keys\":[%s]}", keys[i]);
        ck_assert_msg(take(text.p, 1) == 0, "%s", keys[i]);
        ck_assert_ptr_nonnull(strstr(why.p, "left out"));
    }
    ck_assert_int_lt(take("{\"keys\":{}}", 1), 0);
    ck_assert_int_lt(take("no", 1), 0);
    ck_assert_str_eq(why.p, "it is no JWK set");
    stop();
}
END_TEST

#define ED(kid) "{\"kid\":\"" kid "\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

START_TEST(a_key_that_is_not_there_is_asked_for_until_the_set_has_been_fetched_without_it)
{
    const struct jwk *k;
    struct bytes url;
    jwks_init(&jwks, 64);
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("a"), 1000, &k), JWKS_UNKNOWN); /* nothing has been fetched */
    ck_assert(jwks_next_wanted(&jwks, &url));
    ck_assert_bytes(url, "https://a/jwks");
    ck_assert(!jwks_next_wanted(&jwks, &url));
    ck_assert_int_eq(take("{\"keys\":[" ED("a") "]}", 1001), 1);
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("a"), 1001, &k), JWKS_FOUND);
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("b"), 1002, &k), JWKS_UNKNOWN); /* however fresh the set is */
    ck_assert(jwks_next_wanted(&jwks, &url));
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("b"), 1004, &k), JWKS_UNKNOWN);
    ck_assert_int_eq(take("{\"keys\":[" ED("c") "," ED("c") "]}", 1003), 1); /* a is gone, c there twice */
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("b"), 1005, &k), JWKS_GONE);
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("b"), 1005, &k), JWKS_UNKNOWN); /* it may come back */
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("a"), 1005, &k), JWKS_GONE); /* it was asked for before */
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("c"), 1005, &k), JWKS_FOUND);
    ck_assert_int_lt(take("nonsense", 1020), 0);
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("c"), 1020, &k), JWKS_FOUND); /* the old set stays */
    stop();
}
END_TEST

START_TEST(names_without_end_are_not_remembered_without_end)
{
    const struct jwk *k;
    jwks_init(&jwks, 64);
    for (int i = 0; i < 10 * JWKS_MISSED; i++) {
        char kid[16];
        snprintf(kid, sizeof kid, "%d", i);
        ck_assert_int_eq(jwks_find(&jwks, URL, bytes_str(kid), 1000, &k), JWKS_UNKNOWN);
    }
    ck_assert_int_eq(take("{\"keys\":[]}", 2000), 0);
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("0"), 2001, &k), JWKS_UNKNOWN);
    ck_assert_int_eq(jwks_find(&jwks, URL, BYTES("639"), 2001, &k), JWKS_GONE);
    stop();
}
END_TEST

START_TEST(a_set_takes_little_of_the_loops_time)
{
    jwks_init(&jwks, 64);
    buf_append_str(&text, "{\"keys\":[{\"kid\":\"bad\"}");
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, ",{\"kid\":\"%d\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", i);
    buf_append_str(&text, "]}");
    ck_assert_int_eq(take(text.p, 1), 63);
    ck_assert_ptr_nonnull(strstr(why.p, "more than 64 keys (--jwks-keys-max)"));
    const struct jwk *first = key("0");
    ck_assert_int_eq(take(text.p, 1010), 63);
    ck_assert_uint_eq(why.n, 0); /* it is the same: no key is read again */
    ck_assert_ptr_eq(key("0"), first);
    ck_assert_ptr_null(key("63"));
    stop();
}
END_TEST

UNIT_MAIN("gateway/jwks", keys_of_each_kind_check_what_they_signed, what_is_no_key_is_left_out_and_said,
          a_key_that_is_not_there_is_asked_for_until_the_set_has_been_fetched_without_it,
          names_without_end_are_not_remembered_without_end, a_set_takes_little_of_the_loops_time)
