#include "token_cache.h"

#include <assert.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SET_BYTES (TOKEN_CACHE_WAYS * sizeof(struct token_entry))

_Static_assert(sizeof(struct token_entry) == 32, "two to a cache line");

/* ---- life */

void token_cache_init(struct token_cache *c, struct gateway_metrics *metrics)
{
    *c = (struct token_cache){.metrics = metrics, .hash = EVP_MD_CTX_new()};
    bool ok = c->hash && EVP_DigestInit_ex(c->hash, EVP_sha256(), NULL);
    assert(ok);
}

void token_cache_fini(struct token_cache *c)
{
    if (c->entries)
        munmap(c->entries, c->bytes);
    EVP_MD_CTX_free(c->hash);
    *c = (struct token_cache){0};
}

bool token_cache_map(struct token_cache *c, int fd)
{
    struct stat file;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &file) < 0 || (size_t)file.st_size < SET_BYTES)
        return false;
    void *memory = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return false;
    c->entries = memory;
    c->bytes = (size_t)file.st_size;
    c->sets = c->bytes / SET_BYTES;
    return true;
}

/* ---- use */

struct token_name token_name(struct token_cache *c, struct bytes print, struct bytes token)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct token_name name;
    /* no algorithm given: the one of the start, which is not looked up anew */
    bool ok = EVP_DigestInit_ex(c->hash, NULL, NULL) && EVP_DigestUpdate(c->hash, print.p, print.n) &&
              EVP_DigestUpdate(c->hash, token.p, token.n) && EVP_DigestFinal_ex(c->hash, digest, NULL);
    assert(ok);
    memcpy(name.words, digest, sizeof name.words);
    return name;
}

static struct token_entry *set_of(const struct token_cache *c, const struct token_name *name)
{
    return c->entries + name->words[0] % c->sets * TOKEN_CACHE_WAYS;
}

static uint64_t load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static void store(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static bool is_named(const struct token_entry *e, const struct token_name *name)
{
    bool same = true;
    for (size_t i = 0; i < 3; i++)
        same &= load(&e->name[i]) == name->words[i];
    return same;
}

static bool find(const struct token_cache *c, const struct token_name *name, int64_t now)
{
    const struct token_entry *set = set_of(c, name);
    for (size_t i = 0; i < TOKEN_CACHE_WAYS; i++)
        if (is_named(&set[i], name))
            return load(&set[i].until) > (uint64_t)now;
    return false;
}

bool token_cache_has(struct token_cache *c, const struct token_name *name, int64_t now)
{
    bool there = c->entries && find(c, name, now);
    c->metrics->tokens_remembered_total += there;
    c->metrics->tokens_checked_total += !there;
    return there;
}

static struct token_entry *place_for(const struct token_cache *c, const struct token_name *name, int64_t now)
{
    struct token_entry *set = set_of(c, name);
    for (size_t i = 0; i < TOKEN_CACHE_WAYS; i++)
        if (is_named(&set[i], name))
            return &set[i];
    for (size_t i = 0; i < TOKEN_CACHE_WAYS; i++)
        if (load(&set[i].until) <= (uint64_t)now)
            return &set[i];
    return &set[name->words[1] % TOKEN_CACHE_WAYS];
}

void token_cache_put(struct token_cache *c, const struct token_name *name, int64_t until, int64_t now)
{
    if (!c->entries)
        return;
    struct token_entry *e = place_for(c, name, now);
    if (until == 0 || until > now + TOKEN_CACHE_STAY_S)
        until = now + TOKEN_CACHE_STAY_S;
    for (size_t i = 0; i < 3; i++)
        store(&e->name[i], name->words[i]);
    store(&e->until, (uint64_t)until);
}
