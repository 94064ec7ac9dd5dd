#include "auth.h"

#include "unit.h"

#include <fcntl.h>
#include <rhonabwy.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOW 1700000000LL

static struct config *config;
static struct gateway_metrics metrics;
static struct token_cache cache;

static void setup(void)
{
    token_cache_init(&cache, &metrics);
    struct buf why = {0};
    static const char json[] = "{\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],"
                               "\"options\":{\"token_hmac_secret_key\":\"secret\"}},"
                               "{\"name\":\"acme\",\"cells\":[\"a\"],\"options\":{\"token_hmac_"
                               "secret_key\":\"acme-secret\"}},"
                               "{\"name\":\"picky\",\"cells\":[\"a\"],\"options\":{\"token_hmac_secret_key\":\"picky-secret\","
                               "\"token_audience\":\"chat\",\"token_issuer\":\"us\"}},"
                               "{\"name\":\"open\",\"cells\":[\"a\"],\"options\":{\"allow_"
                               "anonymous_connect_without_token\":true}},"
                               "{\"name\":\"far\",\"cells\":[\"b\"],\"options\":{\"token_hmac_"
                               "secret_key\":\"far-secret\","
                               "\"allow_anonymous_connect_without_token\":true}}],"
                               "\"namespaces\":[{\"tenant\":\"default\",\"name\":\"\"},{"
                               "\"tenant\":\"acme\",\"name\":\"\"}]}";
    ck_assert_int_eq(config_parse(bytes_str(json), BYTES("a"), &config, &why), 0);
    buf_fini(&why);
}

static void teardown(void)
{
    config_unref(config);
    token_cache_fini(&cache);
}

/* Signed by another implementation than the one under test. The caller frees. */
static char *sign_with(const char *payload, const char *key, jwa_alg alg, const char *header,
                       const char *value)
{
    jws_t *jws;
    jwk_t *jwk;
    r_jws_init(&jws);
    r_jwk_init(&jwk);
    r_jwk_import_from_symmetric_key(jwk, (const unsigned char *)key, strlen(key));
    r_jws_set_alg(jws, alg);
    if (header)
        r_jws_set_header_str_value(jws, header, value);
    r_jws_set_payload(jws, (const unsigned char *)payload, strlen(payload));
    char *text = r_jws_serialize(jws, jwk, 0), *mine = text ? strdup(text) : NULL;
    r_free(text);
    r_jwk_free(jwk);
    r_jws_free(jws);
    ck_assert_ptr_nonnull(mine);
    return mine;
}

static char *sign(const char *payload, const char *key)
{
    return sign_with(payload, key, R_JWA_ALG_HS256, NULL, NULL);
}

static enum auth_answer connect_signed(const char *path, const char *payload, const char *key,
                                       struct auth *ret)
{
    char *token = sign(payload, key);
    enum auth_answer answer = auth_connect(config, &cache, bytes_str(path), bytes_str(token), NOW, ret);
    free(token);
    return answer;
}

START_TEST(a_signed_token_says_who_its_bearer_is)
{
    setup();
    struct auth a;
    auth_init(&a);
    ck_assert_int_eq(connect_signed("",
                                    "{\"sub\":\"u\\u00e9\",\"exp\":1700000100,\"info\":{\"n\" "
                                    ": 1.0,\n\"big\":12345678901234567890}}",
                                    "secret", &a),
                     AUTH_OK);
    ck_assert_bytes(a.tenant, "default");
    ck_assert_bytes(a.user, "u\xc3\xa9");
    ck_assert_bytes(a.info, "{\"n\" : 1.0, \"big\":12345678901234567890}");
    ck_assert_int_eq(a.expire_at, 1700000100);
    ck_assert_uint_eq(a.wants.n, 0);
    /* the fixture of the SDKs: no user, no end */
    ck_assert_int_eq(connect_signed("", "{\"iat\":1516239022}", "secret", &a), AUTH_OK);
    ck_assert_bytes(a.user, "");
    ck_assert_bytes(a.info, "");
    ck_assert_int_eq(a.expire_at, 0);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(three_hmac_algorithms_and_no_other)
{
    setup();
    static const jwa_alg good[] = {R_JWA_ALG_HS256, R_JWA_ALG_HS384, R_JWA_ALG_HS512};
    struct auth a;
    auth_init(&a);
    for (size_t i = 0; i < 3; i++) {
        char *token = sign_with("{\"sub\":\"u\"}", "secret", good[i], NULL, NULL);
        ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW, &a), AUTH_OK);
        free(token);
    }
    static const char *const bad[] = {
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.",      /* none */
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.AAAA",  /* none, with something */
        "eyJhbGciOiJOb25lIn0.eyJzdWIiOiJ1In0.AAAA",  /* None */
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.AAAA", /* RS256 */
        "eyJhbGciOiJoczI1NiJ9.eyJzdWIiOiJ1In0.AAAA", /* hs256 */
        "e30.eyJzdWIiOiJ1In0.AAAA",                  /* none said */
        "W10.eyJzdWIiOiJ1In0.AAAA",                  /* header is no object */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(auth_connect(config, &cache, BYTES(""), bytes_str(bad[i]), NOW, &a) ==
                          AUTH_INVALID,
                      "%s", bad[i]);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(headers_that_change_the_meaning_are_refused)
{
    setup();
    static const char *const names[] = {"crit", "b64", "zip"};
    struct auth a;
    auth_init(&a);
    for (size_t i = 0; i < 3; i++) {
        char *token = sign_with("{\"sub\":\"u\"}", "secret", R_JWA_ALG_HS256, names[i], "DEF");
        ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW, &a),
                         AUTH_INVALID);
        ck_assert_msg(strstr(a.refusal.why, names[i]) && strstr(a.refusal.why, "its header"), "%s", a.refusal.why);
        free(token);
    }
    char *named = sign_with("{\"sub\":\"u\"}", "secret", R_JWA_ALG_HS256, "kid", "1");
    ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(named), NOW, &a), AUTH_OK);
    free(named);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(a_token_that_was_touched_is_worth_nothing)
{
    setup();
    struct auth a;
    auth_init(&a);
    char *token = sign("{\"sub\":\"u\"}", "secret");
    for (size_t i = 0; token[i]; i++) {
        char was = token[i];
        for (const char *put = "A.e_="; *put; put++) {
            token[i] = *put;
            if (*put != was)
                ck_assert_msg(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW, &a) ==
                                  AUTH_INVALID,
                              "%s", token);
        }
        token[i] = was;
    }
    for (size_t n = 1; n < strlen(token); n++)
        ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_of(token, n), NOW, &a),
                         AUTH_INVALID);
    ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW, &a), AUTH_OK);
    free(token);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(a_token_opens_the_tenant_of_its_key_and_no_other)
{
    setup();
    static const struct {
        const char *path, *payload, *key, *tenant;
        enum auth_answer answer;
    } cases[] = {
        {"", "{\"sub\":\"u\"}", "secret", "default", AUTH_OK},
        {"default", "{\"sub\":\"u\"}", "secret", "default", AUTH_OK},
        {"acme", "{\"sub\":\"u\"}", "acme-secret", "acme", AUTH_OK},
        {"", "{\"sub\":\"u\",\"tenant\":\"acme\"}", "acme-secret", "acme", AUTH_OK},
        {"default", "{\"sub\":\"u\",\"tenant\":\"acme\"}", "acme-secret", "acme",
         AUTH_OK}, /* the claim comes first */
        {"", "{\"sub\":\"u\",\"tenant\":null}", "secret", "default", AUTH_OK},
        {"", "{\"sub\":\"u\"}", "acme-secret", NULL, AUTH_INVALID},
        {"acme", "{\"sub\":\"u\"}", "secret", NULL, AUTH_INVALID},
        {"", "{\"sub\":\"u\",\"tenant\":\"acme\"}", "secret", NULL,
         AUTH_INVALID}, /* signed by another tenant's key */
        {"acme", "{\"sub\":\"u\",\"tenant\":\"default\"}", "acme-secret", NULL, AUTH_INVALID},
        {"", "{\"sub\":\"u\",\"tenant\":\"nobody\"}", "secret", NULL, AUTH_INVALID},
        {"nobody", "{\"sub\":\"u\"}", "secret", NULL, AUTH_INVALID},
        {"", "{\"sub\":\"u\",\"tenant\":\"\"}", "secret", NULL, AUTH_INVALID},
        {"", "{\"sub\":\"u\",\"tenant\":\"far\"}", "far-secret", NULL, AUTH_ELSEWHERE},
        {"open", "{\"sub\":\"u\"}", "", NULL,
         AUTH_INVALID}, /* a tenant without a key takes no token, not even one
                           signed with nothing */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct auth a;
        auth_init(&a);
        char *token = cases[i].key[0] ? sign(cases[i].payload, cases[i].key)
                                      : strdup("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.AAAA");
        enum auth_answer answer =
            auth_connect(config, &cache, bytes_str(cases[i].path), bytes_str(token), NOW, &a);
        ck_assert_msg(answer == cases[i].answer, "case %zu: %d", i, answer);
        if (cases[i].tenant)
            ck_assert_bytes(a.tenant, cases[i].tenant);
        free(token);
        auth_fini(&a);
    }
    teardown();
}
END_TEST

START_TEST(dates_are_judged_at_the_time_given)
{
    setup();
    static const struct {
        const char *payload;
        enum auth_answer answer;
        int64_t expire_at;
    } cases[] = {
        {"{\"exp\":1700000001}", AUTH_OK, 1700000001},
        {"{\"exp\":1700000000}", AUTH_EXPIRED, 0},
        {"{\"exp\":1}", AUTH_EXPIRED, 0},
        {"{\"exp\":1700000000.9}", AUTH_EXPIRED, 0},
        {"{\"exp\":1.7000001e9}", AUTH_OK, 1700000100},
        {"{\"exp\":null}", AUTH_OK, 0},
        {"{\"nbf\":1700000000}", AUTH_OK, 0},
        {"{\"nbf\":1700000001}", AUTH_EXPIRED, 0},
        {"{\"iat\":1900000000}", AUTH_OK, 0},
        {"{\"expire_at\":1700000500}", AUTH_OK, 1700000500},
        {"{\"expire_at\":1700000000}", AUTH_OK, 1700000000},
        {"{\"expire_at\":1699999999}", AUTH_OVER, 0},
        {"{\"exp\":1700000100,\"expire_at\":1700000500}", AUTH_OK, 1700000500},
        {"{\"exp\":1700000100,\"expire_at\":0}", AUTH_OK,
         0}, /* the token ends, the connection does not */
        {"{\"exp\":1,\"expire_at\":1700000500}", AUTH_EXPIRED, 0},
        {"{\"exp\":1,\"expire_at\":1}", AUTH_EXPIRED, 0},
        {"{\"exp\":\"1700000100\"}", AUTH_INVALID, 0},
        {"{\"exp\":-1}", AUTH_INVALID, 0},
        {"{\"exp\":1e300}", AUTH_INVALID, 0},
        {"{\"exp\":true}", AUTH_INVALID, 0},
        {"{\"exp\":100000000000000000000000000000000000000}", AUTH_INVALID, 0},
        {"{\"nbf\":[]}", AUTH_INVALID, 0},
        {"{\"expire_at\":{}}", AUTH_INVALID, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct auth a;
        auth_init(&a);
        enum auth_answer answer = connect_signed("", cases[i].payload, "secret", &a);
        ck_assert_msg(answer == cases[i].answer, "%s: %d", cases[i].payload, answer);
        ck_assert_int_eq(a.expire_at, cases[i].expire_at);
        auth_fini(&a);
    }
    teardown();
}
END_TEST

START_TEST(claims_of_a_wrong_type_make_it_invalid)
{
    setup();
    static const char *const bad[] = {
        "{\"sub\":5}",
        "{\"sub\":[\"u\"]}",
        "{\"tenant\":7}",
        "{\"sub\":\"\\ud800\"}",
        "{\"sub\":\"\\u0000\"}",
        "[]",
        "\"u\"",
        "{\"b64info\":\"!!\"}",
        "{\"b64info\":\"AAAA\"}" /* not JSON inside */,
        "{\"channel\":false}",
    };
    struct auth a;
    auth_init(&a);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(connect_signed("", bad[i], "secret", &a) == AUTH_INVALID, "%s", bad[i]);
    ck_assert_ptr_null(a.memory.p);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(what_is_refused_says_why)
{
    setup();
    static const struct {
        const char *path, *payload, *key, *why;
    } cases[] = {
        {"", "{\"sub\":42}", "secret", "sub, tenant, channel and client have to be strings"},
        {"", "{\"exp\":\"1700000100\"}", "secret", "exp, expire_at and nbf have to be numbers, seconds since 1970"},
        {"", "[]", "secret", "its payload is no JSON object"},
        {"", "{\"sub\":\"u\"}", "another", "its signature is not by the tenant's key"},
        {"", "{\"sub\":\"u\",\"tenant\":\"nobody\"}", "secret", "its tenant is not registered"},
        {"open", "{\"sub\":\"u\"}", "secret", "the tenant has no key for the algorithm that its header names"},
        {"picky", "{\"sub\":\"u\",\"iss\":\"us\"}", "picky-secret", "its aud or iss is not token_audience or token_issuer"},
        {"", "{\"channel\":\"news\"}", "secret", "it has the claim channel: it is for a subscription, not for a connection"},
        {"", "{\"b64info\":\"!!\"}", "secret", "its info, data, channels, subs or override is badly made"},
        {"", "{\"sub\":\"u\",\"exp\":5}", "secret", NULL}, /* error 109 says it */
        {"", "{\"sub\":\"u\"}", "secret", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct auth a;
        auth_init(&a);
        connect_signed(cases[i].path, cases[i].payload, cases[i].key, &a);
        ck_assert_msg(cases[i].why ? a.refusal.why && strcmp(a.refusal.why, cases[i].why) == 0 : !a.refusal.why, "case %zu: %s", i, a.refusal.why ? a.refusal.why : "");
        auth_fini(&a);
    }
    struct auth a;
    auth_init(&a);
    auth_connect(config, &cache, BYTES(""), BYTES("no token"), NOW, &a);
    ck_assert_str_eq(a.refusal.why, "it is not header.payload.signature");
    auth_connect(config, &cache, BYTES(""), BYTES(""), NOW, &a);
    ck_assert_str_eq(a.refusal.why, "there is none, and the tenant has not allow_anonymous_connect_without_token");
    teardown();
}
END_TEST

START_TEST(info_comes_raw_or_as_base64)
{
    setup();
    struct auth a;
    auth_init(&a);
    ck_assert_int_eq(connect_signed("", "{\"info\":null}", "secret", &a), AUTH_OK);
    ck_assert_bytes(a.info, "");
    ck_assert_int_eq(connect_signed("", "{\"info\":\"text\"}", "secret", &a), AUTH_OK);
    ck_assert_bytes(a.info, "\"text\"");
    ck_assert_int_eq(
        connect_signed("", "{\"info\":1,\"b64info\":\"eyJhIjoxfQ==\"}", "secret", &a), AUTH_OK);
    ck_assert_bytes(a.info, "{\"a\":1}");
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(a_connection_token_grants_subscriptions_and_subs_wins_over_channels)
{
    setup();
    static const struct {
        const char *payload;
        size_t n;
        const char *first;
    } cases[] = {{"{\"channels\":[\"a\",\"b\"]}", 2, "a"},
                 {"{\"channels\":[\"b\"],\"subs\":{\"a\":{}}}", 1, "a"},
                 {"{\"channels\":[\"b\"],\"subs\":{}}", 1, "b"},
                 {"{\"channels\":null,\"subs\":null}", 0, ""},
                 {"{}", 0, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct auth a;
        auth_init(&a);
        ck_assert_int_eq(connect_signed("", cases[i].payload, "secret", &a), AUTH_OK);
        ck_assert_uint_eq(a.wants.n, cases[i].n);
        if (a.wants.n)
            ck_assert_bytes(a.wants.items[0].channel, cases[i].first);
        auth_fini(&a);
    }
    teardown();
}
END_TEST

START_TEST(subscriptions_that_are_badly_made_make_the_token_invalid)
{
    setup();
    static const char *const bad[] = {"{\"channels\":\"a\"}", "{\"channels\":[1]}", "{\"subs\":[]}",
                                      "{\"subs\":{\"a\":1}}", "{\"subs\":{\"a\":{\"override\":1}}}",
                                      "{\"channels\":1,\"subs\":{\"a\":{}}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct auth a;
        auth_init(&a);
        ck_assert_int_eq(connect_signed("", bad[i], "secret", &a), AUTH_INVALID);
        auth_fini(&a);
    }
    teardown();
}
END_TEST

START_TEST(audience_and_issuer_are_looked_at_where_the_tenant_names_them)
{
    setup();
    static const struct {
        const char *payload;
        enum auth_answer answer;
    } cases[] = {{"{\"aud\":\"chat\",\"iss\":\"us\"}", AUTH_OK},
                 {"{\"aud\":[\"mail\",\"chat\"],\"iss\":\"\\u0075s\"}", AUTH_OK},
                 {"{\"aud\":\"mail\",\"iss\":\"us\"}", AUTH_INVALID},
                 {"{\"aud\":[],\"iss\":\"us\"}", AUTH_INVALID},
                 {"{\"aud\":[1,{\"chat\":1}],\"iss\":\"us\"}", AUTH_INVALID},
                 {"{\"aud\":\"chat\"}", AUTH_INVALID},
                 {"{\"aud\":\"chat\",\"iss\":[\"us\"]}", AUTH_INVALID},
                 {"{\"aud\":\"chat\",\"iss\":\"them\",\"exp\":1}", AUTH_INVALID},
                 {"{}", AUTH_INVALID}};
    struct auth a;
    auth_init(&a);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(connect_signed("picky", cases[i].payload, "picky-secret", &a) == cases[i].answer, "%s", cases[i].payload);
    ck_assert_int_eq(connect_signed("", "{\"aud\":\"anybody\",\"iss\":7}", "secret", &a), AUTH_OK);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(without_a_token_the_tenant_decides)
{
    setup();
    struct auth a;
    auth_init(&a);
    ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), BYTES(""), NOW, &a), AUTH_NO_CREDENTIALS);
    ck_assert_int_eq(auth_connect(config, &cache, BYTES("nobody"), BYTES(""), NOW, &a),
                     AUTH_NO_CREDENTIALS);
    ck_assert_int_eq(auth_connect(config, &cache, BYTES("far"), BYTES(""), NOW, &a), AUTH_ELSEWHERE);
    ck_assert_int_eq(auth_connect(config, &cache, BYTES("open"), BYTES(""), NOW, &a), AUTH_OK);
    ck_assert_bytes(a.tenant, "open");
    ck_assert_bytes(a.user, "");
    ck_assert_int_eq(a.expire_at, 0);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(a_long_token_is_not_read)
{
    setup();
    struct auth a;
    struct buf payload = {0};
    auth_init(&a);
    buf_append_str(&payload, "{\"sub\":\"");
    for (size_t i = 0; i < AUTH_TOKEN_MAX; i++)
        buf_append_char(&payload, 'u');
    buf_append_str(&payload, "\"}");
    ck_assert_int_eq(connect_signed("", payload.p, "secret", &a), AUTH_INVALID);
    buf_fini(&payload);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(a_tokens_header_may_carry_certificates)
{
    setup();
    struct auth a;
    static char chain[8000];
    auth_init(&a);
    memset(chain, 'A', sizeof chain - 1);
    char *token = sign_with("{\"sub\":\"u\"}", "secret", R_JWA_ALG_HS256, "x5c", chain);
    ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW, &a), AUTH_OK);
    ck_assert_bytes(a.user, "u");
    free(token);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(a_refresh_is_for_the_same_user_of_the_same_tenant)
{
    setup();
    static const struct {
        const char *payload, *key;
        enum auth_answer answer;
    } cases[] = {
        {"{\"sub\":\"u\",\"exp\":1700000100}", "secret", AUTH_OK},
        {"{\"sub\":\"u\",\"tenant\":\"default\"}", "secret", AUTH_OK},
        {"{\"sub\":\"v\"}", "secret", AUTH_MISMATCH},
        {"{}", "secret", AUTH_MISMATCH},
        {"{\"sub\":\"u\",\"exp\":5}", "secret", AUTH_EXPIRED},
        {"{\"sub\":\"u\",\"tenant\":\"acme\"}", "secret", AUTH_MISMATCH},
        {"{\"sub\":\"u\",\"tenant\":\"acme\"}", "acme-secret", AUTH_INVALID},
        {"{\"sub\":\"u\",\"channel\":\"news\"}", "secret", AUTH_WRONG_KIND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct auth a;
        auth_init(&a);
        char *token = sign(cases[i].payload, cases[i].key);
        enum auth_answer answer =
            auth_refresh(config, &cache, BYTES("default"), BYTES("u"), bytes_str(token), NOW, &a);
        ck_assert_msg(answer == cases[i].answer, "case %zu: %d", i, answer);
        free(token);
        auth_fini(&a);
    }
    struct auth a;
    auth_init(&a);
    ck_assert_int_eq(auth_refresh(config, &cache, BYTES("default"), BYTES("u"), BYTES(""), NOW, &a),
                     AUTH_NO_CREDENTIALS);
    teardown();
}
END_TEST

START_TEST(a_subscription_token_is_for_one_channel_and_one_user)
{
    setup();
    static const struct {
        const char *payload, *key, *user;
        enum auth_answer answer;
    } cases[] = {
        {"{\"sub\":\"u\",\"channel\":\"$news\"}", "secret", "u", AUTH_OK},
        {"{\"sub\":\"u\",\"channel\":\"default/$news\"}", "secret", "u",
         AUTH_OK}, /* the same channel */
        {"{\"iat\":1,\"channel\":\"$news\"}", "secret", "", AUTH_OK},
        {"{\"sub\":\"u\",\"channel\":\"$news\",\"client\":\"c1\"}", "secret", "u", AUTH_OK},
        {"{\"sub\":\"u\",\"channel\":\"$news\",\"client\":\"\"}", "secret", "u", AUTH_OK},
        {"{\"sub\":\"u\",\"channel\":\"$news\",\"client\":\"c2\"}", "secret", "u",
         AUTH_MISMATCH},
        {"{\"sub\":\"v\",\"channel\":\"$news\"}", "secret", "u", AUTH_MISMATCH},
        {"{\"channel\":\"$news\"}", "secret", "u", AUTH_MISMATCH},
        {"{\"sub\":\"u\",\"channel\":\"$other\"}", "secret", "u", AUTH_MISMATCH},
        {"{\"sub\":\"u\",\"channel\":\"acme/$news\"}", "secret", "u", AUTH_MISMATCH},
        {"{\"sub\":\"u\",\"channel\":\"\"}", "secret", "u", AUTH_MISMATCH},
        {"{\"sub\":\"u\"}", "secret", "u", AUTH_WRONG_KIND},
        {"{\"sub\":\"u\",\"channel\":\"$news\"}", "acme-secret", "u", AUTH_INVALID},
        {"{\"sub\":\"u\",\"channel\":\"$news\",\"tenant\":\"acme\"}", "acme-secret", "u",
         AUTH_INVALID},
        {"{\"sub\":\"u\",\"channel\":\"$news\",\"tenant\":\"acme\"}", "secret", "u",
         AUTH_MISMATCH},
        {"{\"sub\":\"u\",\"channel\":\"$news\",\"exp\":1}", "secret", "u", AUTH_EXPIRED},
        {"{\"sub\":\"u\",\"channel\":\"$news\",\"expire_at\":1}", "secret", "u", AUTH_OVER},
    };
    struct config_channel channel;
    ck_assert_uint_eq(config_resolve(config, NULL, BYTES("$news"), &channel), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct auth a;
        auth_init(&a);
        char *token = sign(cases[i].payload, cases[i].key);
        enum auth_answer answer = auth_subscribe(config, &cache, &channel, bytes_str(cases[i].user),
                                                 BYTES("c1"), bytes_str(token), NOW, &a);
        ck_assert_msg(answer == cases[i].answer, "case %zu: %d", i, answer);
        free(token);
        auth_fini(&a);
    }
    teardown();
}
END_TEST

/* ---- remembered signatures */

static void remember(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert_int_eq(ftruncate(fd, 65536), 0);
    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    ck_assert(token_cache_map(&cache, fd));
    close(fd);
    metrics = (struct gateway_metrics){0};
}

START_TEST(a_signature_is_checked_once)
{
    setup();
    remember();
    struct auth a;
    struct config_channel channel;
    auth_init(&a);
    ck_assert_uint_eq(config_resolve(config, NULL, BYTES("$news"), &channel), 0);
    char *token = sign("{\"sub\":\"u\"}", "secret");
    char *sub = sign("{\"sub\":\"u\",\"channel\":\"$news\"}", "secret");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW, &a), AUTH_OK);
        ck_assert_bytes(a.user, "u");
        ck_assert_int_eq(auth_refresh(config, &cache, BYTES("default"), BYTES("u"), bytes_str(token), NOW, &a), AUTH_OK);
        ck_assert_int_eq(auth_subscribe(config, &cache, &channel, BYTES("u"), BYTES("c"), bytes_str(sub), NOW, &a), AUTH_OK);
    }
    ck_assert_uint_eq(metrics.tokens_checked_total, 2);
    ck_assert_uint_eq(metrics.tokens_remembered_total, 7);
    free(token);
    free(sub);
    auth_fini(&a);
    teardown();
}
END_TEST

/* Everything but the signature is judged as if it came for the first time. */
START_TEST(a_remembered_token_opens_nothing_more)
{
    setup();
    remember();
    struct auth a;
    struct config_channel channel;
    auth_init(&a);
    ck_assert_uint_eq(config_resolve(config, NULL, BYTES("$news"), &channel), 0);
    char *token = sign("{\"sub\":\"u\",\"exp\":1700000100}", "secret");
    ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW, &a), AUTH_OK);
    ck_assert_int_eq(auth_connect(config, &cache, BYTES("acme"), bytes_str(token), NOW, &a), AUTH_INVALID);
    ck_assert_int_eq(auth_refresh(config, &cache, BYTES("acme"), BYTES("u"), bytes_str(token), NOW, &a), AUTH_INVALID);
    ck_assert_int_eq(auth_refresh(config, &cache, BYTES("default"), BYTES("v"), bytes_str(token), NOW, &a), AUTH_MISMATCH);
    ck_assert_int_eq(auth_subscribe(config, &cache, &channel, BYTES("u"), BYTES("c"), bytes_str(token), NOW, &a),
                     AUTH_WRONG_KIND);
    ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW + 100, &a), AUTH_EXPIRED);
    free(token);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(a_wrong_signature_is_not_remembered)
{
    setup();
    remember();
    struct auth a;
    auth_init(&a);
    char *token = sign("{\"sub\":\"u\"}", "acme-secret");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW, &a), AUTH_INVALID);
    ck_assert_int_eq(auth_connect(config, &cache, BYTES("acme"), bytes_str(token), NOW, &a), AUTH_OK);
    ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW, &a), AUTH_INVALID);
    ck_assert_uint_eq(metrics.tokens_remembered_total, 0);
    free(token);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(a_changed_key_revokes_at_once_what_is_remembered)
{
    setup();
    remember();
    struct auth a;
    struct config *changed;
    struct buf why = {0};
    auth_init(&a);
    char *token = sign("{\"sub\":\"u\"}", "secret");
    ck_assert_int_eq(auth_connect(config, &cache, BYTES(""), bytes_str(token), NOW, &a), AUTH_OK);
    static const char json[] = "{\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],\"options\":"
                               "{\"token_hmac_secret_key\":\"another\"}}]}";
    ck_assert_int_eq(config_parse(bytes_str(json), BYTES("a"), &changed, &why), 0);
    ck_assert_int_eq(auth_connect(changed, &cache, BYTES(""), bytes_str(token), NOW, &a), AUTH_INVALID);
    config_unref(changed);
    free(token);
    buf_fini(&why);
    auth_fini(&a);
    teardown();
}
END_TEST

START_TEST(each_answer_has_the_protocols_consequence)
{
    static const struct {
        enum auth_use use;
        enum auth_answer answer;
        uint32_t error, disconnect;
    } want[] = {
        {AUTH_CONNECT, AUTH_OK, 0, 0},
        {AUTH_SUB_REFRESH, AUTH_OK, 0, 0},
        {AUTH_CONNECT, AUTH_EXPIRED, 109, 0},
        {AUTH_CONNECT, AUTH_OVER, 110, 0},
        {AUTH_CONNECT, AUTH_INVALID, 0, 3500},
        {AUTH_CONNECT, AUTH_WRONG_KIND, 0, 3500},
        {AUTH_CONNECT, AUTH_NO_CREDENTIALS, 0, 3501},
        {AUTH_CONNECT, AUTH_ELSEWHERE, 0, 4010},
        {AUTH_REFRESH, AUTH_EXPIRED, 0, 3005},
        {AUTH_REFRESH, AUTH_OVER, 0, 3005},
        {AUTH_REFRESH, AUTH_INVALID, 0, 3500},
        {AUTH_REFRESH, AUTH_MISMATCH, 0, 3500},
        {AUTH_REFRESH, AUTH_NO_CREDENTIALS, 0, 3501},
        {AUTH_SUBSCRIBE, AUTH_EXPIRED, 109, 0},
        {AUTH_SUBSCRIBE, AUTH_OVER, 110, 0},
        {AUTH_SUBSCRIBE, AUTH_INVALID, 103, 0},
        {AUTH_SUBSCRIBE, AUTH_WRONG_KIND, 103, 0},
        {AUTH_SUBSCRIBE, AUTH_MISMATCH, 0, 3500},
        {AUTH_SUB_REFRESH, AUTH_EXPIRED, 109, 0},
        {AUTH_SUB_REFRESH, AUTH_INVALID, 0, 3500},
        {AUTH_SUB_REFRESH, AUTH_WRONG_KIND, 0, 3500},
        {AUTH_SUB_REFRESH, AUTH_MISMATCH, 0, 3500},
        {AUTH_SUB_REFRESH, AUTH_NO_CREDENTIALS, 107, 0},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct auth_verdict v = auth_verdict(want[i].use, want[i].answer);
        ck_assert_msg(v.error == want[i].error && v.disconnect == want[i].disconnect,
                      "row %zu: %u %u", i, v.error, v.disconnect);
    }
}
END_TEST

START_TEST(the_time_to_live_is_at_least_a_second_and_at_most_a_year)
{
    ck_assert_uint_eq(auth_ttl(0, NOW), 0);
    ck_assert_uint_eq(auth_ttl(NOW + 300, NOW), 300);
    ck_assert_uint_eq(auth_ttl(NOW, NOW), 1);
    ck_assert_uint_eq(auth_ttl(NOW - 5, NOW), 1);
    ck_assert_uint_eq(auth_ttl(9007199254740991, NOW), AUTH_TTL_MAX);
}
END_TEST

UNIT_MAIN("gateway/auth", a_signed_token_says_who_its_bearer_is,
          three_hmac_algorithms_and_no_other, headers_that_change_the_meaning_are_refused,
          a_token_that_was_touched_is_worth_nothing,
          a_token_opens_the_tenant_of_its_key_and_no_other, dates_are_judged_at_the_time_given,
          claims_of_a_wrong_type_make_it_invalid, what_is_refused_says_why, info_comes_raw_or_as_base64,
          a_connection_token_grants_subscriptions_and_subs_wins_over_channels,
          subscriptions_that_are_badly_made_make_the_token_invalid, audience_and_issuer_are_looked_at_where_the_tenant_names_them, without_a_token_the_tenant_decides,
          a_long_token_is_not_read, a_tokens_header_may_carry_certificates, a_refresh_is_for_the_same_user_of_the_same_tenant,
          a_subscription_token_is_for_one_channel_and_one_user,
          a_signature_is_checked_once, a_remembered_token_opens_nothing_more, a_wrong_signature_is_not_remembered,
          a_changed_key_revokes_at_once_what_is_remembered, each_answer_has_the_protocols_consequence,
          the_time_to_live_is_at_least_a_second_and_at_most_a_year)
