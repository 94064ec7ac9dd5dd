/* CPU of a connect's token, for bench_tokens.py: checked as by a gateway that never saw it, and remembered as by one
 * that takes over from another.
 *
 *     token_cost HS256|RS256|ES256 TOKENS */
#include "auth.h"
#include "core/clock.h"
#include "unit/gateway/sign_help.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NOW 1700000000LL
#define ROUNDS 5

static struct gateway_metrics metrics;
static struct token_cache cache;
static struct config *config;

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void forget(void)
{
    int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    token_cache_fini(&cache);
    token_cache_init(&cache, &metrics);
    if (ftruncate(fd, 16 << 20) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0 || !token_cache_map(&cache, fd))
        abort();
    memset(cache.entries, 0, cache.bytes); /* its pages are there: not what is measured */
    close(fd);
}

/* -> the private key; the configuration has the public one */
static jwk_t *configure(const char *alg)
{
    static const char secret[] = "a secret of thirty-two bytes, so";
    char *pem = NULL, json[4096];
    jwk_t *key;
    const char *option = "token_hmac_secret_key";
    if (alg[0] == 'H') {
        r_jwk_init(&key);
        r_jwk_import_from_symmetric_key(key, (const unsigned char *)secret, strlen(secret));
        pem = strdup(secret);
    } else {
        option = alg[0] == 'R' ? "token_rsa_public_key" : "token_ecdsa_public_key";
        key = key_pair(alg[0] == 'R' ? R_KEY_TYPE_RSA : R_KEY_TYPE_EC, alg[0] == 'R' ? 2048 : 256, &pem);
    }
    char *text = json_pem(pem);
    struct buf why = {0};
    snprintf(json, sizeof json, "{\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"],\"options\":{\"%s\":\"%s\"}}]}", option,
             text);
    if (config_parse(bytes_str(json), BYTES("a"), &config, &why) < 0)
        abort();
    free(text);
    free(pem);
    return key;
}

static int64_t connect_all(char **tokens, unsigned n)
{
    struct auth a;
    auth_init(&a);
    int64_t start = cpu_ns();
    for (unsigned i = 0; i < n; i++)
        if (auth_connect(config, &cache, BYTES(""), bytes_str(tokens[i]), NOW, &a) != AUTH_OK)
            abort();
    int64_t took = cpu_ns() - start;
    auth_fini(&a);
    return took / n;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    unsigned n = (unsigned)atoi(argv[2]);
    jwa_alg alg = r_str_to_jwa_alg(argv[1]);
    jwk_t *key = configure(argv[1]);
    char **tokens = calloc(n, sizeof *tokens), payload[200];
    for (unsigned i = 0; i < n; i++) {
        snprintf(payload, sizeof payload, "{\"sub\":\"user-%u\",\"exp\":%lld,\"iat\":%lld,\"info\":{\"name\":\"User %u\"}}", i,
                 NOW + 3600, NOW, i);
        tokens[i] = sign_jwk(payload, key, alg);
    }
    int64_t checked = INT64_MAX, remembered = INT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        forget();
        int64_t first = connect_all(tokens, n), again = connect_all(tokens, n);
        checked = first < checked ? first : checked;
        remembered = again < remembered ? again : remembered;
    }
    printf("{\"checked_ns\":%lld,\"remembered_ns\":%lld,\"checked\":%llu,\"remembered\":%llu}\n", (long long)checked,
           (long long)remembered, (unsigned long long)metrics.tokens_checked_total,
           (unsigned long long)metrics.tokens_remembered_total);
    return metrics.tokens_checked_total == ROUNDS * n && metrics.tokens_remembered_total == ROUNDS * n ? 0 : 1;
}
