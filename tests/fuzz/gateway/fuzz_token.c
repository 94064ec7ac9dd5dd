/* Tokens as strangers send them: the first byte chooses between a token as it stands (0), a
 * payload that is signed here, so that what follows the signature is reached (1), and the same
 * with a header that the input brings (2: header and payload parted by a NUL). What is accepted
 * must keep its promises, and is asked twice: the second time its signature may be remembered,
 * which must not change the answer. */
#include "auth.h"
#include "base64.h"
#include "core/json.h"
#include "fuzz.h"

#include <fcntl.h>
#include <openssl/hmac.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOW 1700000000LL

static struct config *config;
static struct config_channel channel;
static struct gateway_metrics metrics;
static struct token_cache cache;

/* Nobody has its private half. */
#define PUBLIC_KEY                                                                              \
    "-----BEGIN PUBLIC KEY-----\\n"                                                            \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGhF41Jdr4ioGObvhIPdyo6J2VfRZ\\n"                      \
    "1qo2DNcB9lFdRAh1hhS8miw1IT1dDRQhp+VQEJxdi37OVOj/US6Ez5qLPA==\\n"                          \
    "-----END PUBLIC KEY-----\\n"

static void remember(void)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    token_cache_init(&cache, &metrics);
    FUZZ_CHECK(ftruncate(fd, 4096) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    FUZZ_CHECK(token_cache_map(&cache, fd));
    close(fd);
}

static void setup(void)
{
    static const char json[] =
        "{\"tenants\":[{\"name\":\"default\",\"options\":{\"token_hmac_secret_key\":\"secret\","
        "\"token_ecdsa_public_key\":\"" PUBLIC_KEY "\"}},"
        "{\"name\":\"acme\",\"options\":{\"token_hmac_secret_key\":\"acme\",\"token_hmac_previous_secret_key\":\"older\","
        "\"token_audience\":\"a\",\"token_issuer\":\"i\"}}],"
        "\"namespaces\":[{\"tenant\":\"default\",\"name\":\"\"},{\"tenant\":\"acme\",\"name\":"
        "\"\"}]}";
    struct buf why = {0};
    if (config)
        return;
    FUZZ_CHECK(config_parse(bytes_str(json), BYTES(""), &config, &why) == 0);
    FUZZ_CHECK(config_resolve(config, NULL, BYTES("$news"), &channel) == 0);
    buf_fini(&why);
    remember();
}

static void append_url(struct buf *into, struct bytes data)
{
    size_t start = into->n;
    base64_encode(data, into);
    while (into->n > start && into->p[into->n - 1] == '=')
        into->n--;
    for (size_t i = start; i < into->n; i++)
        into->p[i] = into->p[i] == '+' ? '-' : into->p[i] == '/' ? '_' : into->p[i];
}

static void sign(struct buf *token, struct bytes header, struct bytes payload)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;
    append_url(token, header);
    buf_append_char(token, '.');
    append_url(token, payload);
    HMAC(EVP_sha256(), "secret", 6, (unsigned char *)token->p, token->n, digest, &n);
    buf_append_char(token, '.');
    append_url(token, bytes_of(digest, n));
}

static void check_auth(enum auth_answer answer, const struct auth *a)
{
    if (answer != AUTH_OK) {
        FUZZ_CHECK(!a->memory.p);
        return;
    }
    FUZZ_CHECK(bytes_is(a->tenant, "default")); /* only its key has been used */
    FUZZ_CHECK(a->expire_at >= 0);
    FUZZ_CHECK(a->info.n == 0 || json_check(a->info, JSON_DEPTH_MAX, NULL) == 0);
    FUZZ_CHECK(a->info.n == 0 || !memchr(a->info.p, '\n', a->info.n));
}

static void ask(struct bytes token, enum auth_answer answers[3])
{
    struct auth a;
    auth_init(&a);
    check_auth(answers[0] = auth_connect(config, &cache, BYTES(""), token, NOW, &a), &a);
    auth_fini(&a);
    check_auth(answers[1] = auth_refresh(config, &cache, BYTES("default"), BYTES("u"), token, NOW, &a),
               &a);
    auth_fini(&a);
    check_auth(answers[2] =
                   auth_subscribe(config, &cache, &channel, BYTES("u"), BYTES("c"), token, NOW, &a),
               &a);
    auth_fini(&a);
}

static void check(struct bytes token, bool may_be_good)
{
    enum auth_answer answers[3], again[3];
    ask(token, answers);
    ask(token, again);
    FUZZ_CHECK(memcmp(answers, again, sizeof again) == 0);
    for (size_t i = 0; i < 3; i++)
        FUZZ_CHECK(may_be_good || answers[i] == AUTH_INVALID ||
                   answers[i] == AUTH_NO_CREDENTIALS);
    /* one token is good for connecting or for subscribing, never for both */
    FUZZ_CHECK(answers[0] != AUTH_OK || answers[2] != AUTH_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf token = {0};
    setup();
    if (size == 0)
        return 0;
    struct bytes rest = bytes_of(data + 1, size - 1);
    if (data[0] == 1) {
        sign(&token, BYTES("{\"alg\":\"HS256\"}"), rest);
        check(buf_bytes(&token), true);
    } else if (data[0] == 2) {
        const char *nul = rest.n ? memchr(rest.p, 0, rest.n) : NULL;
        size_t n = nul ? (size_t)(nul - rest.p) : rest.n;
        size_t used = nul ? n + 1 : n;
        sign(&token, bytes_of(rest.p, n), bytes_of(rest.p + used, rest.n - used));
        check(buf_bytes(&token), true);
    } else {
        check(rest, false); /* the key is in no corpus: nothing that comes in from outside can
                               be signed */
    }
    buf_fini(&token);
    return 0;
}
