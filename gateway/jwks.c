#include "jwks.h"

#include "core/json.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct missed {
    uint64_t kid; /* its hash */
    int64_t since_s; /* 0: free */
};

struct jwks_set {
    struct map_node by_url;
    struct bytes url;
    uint64_t fetched_s; /* since 1970; 0: never */
    unsigned char print[SIGNATURE_PRINT]; /* of the JSON that they are of */
    struct map keys;    /* struct jwk::by_kid */
    bool wanted;
    struct missed missed[JWKS_MISSED];
    unsigned next; /* the one of these to be overwritten */
    char text[];
};

void jwks_init(struct jwks *j, int keys_max)
{
    j->keys_max = keys_max;
    map_init(&j->sets);
}

static void drop_keys(struct map *keys)
{
    struct jwk *k;
    map_for_each(k, keys, by_kid)
        jwk_free(k);
    map_fini(keys);
}

void jwks_fini(struct jwks *j)
{
    struct jwks_set *s;
    map_for_each(s, &j->sets, by_url) {
        drop_keys(&s->keys);
        free(s);
    }
    map_fini(&j->sets);
}

static struct jwks_set *set_of(struct jwks *j, struct bytes url)
{
    struct jwks_set *s = map_find_bytes(&j->sets, url, struct jwks_set, by_url, url);
    if (s)
        return s;
    s = calloc(1, sizeof *s + url.n);
    assert(s);
    s->url = bytes_of(memcpy(s->text, url.p, url.n), url.n);
    map_init(&s->keys);
    map_insert(&j->sets, &s->by_url, hash_bytes(s->url));
    return s;
}

static const struct jwk *find(const struct map *keys, struct bytes kid)
{
    return map_find_bytes(keys, kid, struct jwk, by_kid, kid);
}

/* The first of a name counts. */
static void read_key(struct map *keys, struct bytes json, struct buf *why)
{
    const char *wrong;
    struct jwk *k = jwk_read(json, &wrong);
    if (!k) {
        buf_printf(why, "a key is left out: %s\n", wrong);
    } else if (find(keys, k->kid)) {
        buf_printf(why, "key %.*s is left out: it is there twice\n", BYTES_FMT(k->kid));
        jwk_free(k);
    } else {
        map_insert(keys, &k->by_kid, hash_bytes(k->kid));
    }
}

static void read_keys(struct map *keys, int most, struct bytes array, struct buf *why)
{
    struct json_iter it;
    struct bytes one;
    int n = 0;
    json_array_each(&it, array, &one)
    {
        if (n++ == most) {
            buf_printf(why, "what follows is left out: there are more than %d keys (--jwks-keys-max)\n", most);
            break;
        }
        read_key(keys, one, why);
    }
}

/* A set that is fetched again is mostly the same. */
static bool is_new(struct jwks_set *s, struct bytes json)
{
    unsigned char print[SIGNATURE_PRINT];
    bool ok = EVP_Digest(json.p, json.n, print, NULL, EVP_sha256(), NULL);
    assert(ok);
    bool new = memcmp(print, s->print, sizeof print) != 0;
    memcpy(s->print, print, sizeof print);
    return new;
}

int jwks_take(struct jwks *j, const struct ctl_jwks *m, struct buf *ret_why)
{
    struct bytes array = json_check(m->json, JSON_DEPTH_MAX, NULL) < 0 ? bytes_of(NULL, 0) : json_member(json_trim(m->json), "keys");
    if (json_type(array) != JSON_ARRAY) {
        buf_append_str(ret_why, "it is no JWK set");
        return -EBADMSG;
    }
    struct jwks_set *s = set_of(j, m->url);
    s->fetched_s = m->fetched_ms / 1000;
    if (is_new(s, m->json)) {
        drop_keys(&s->keys);
        map_init(&s->keys);
        read_keys(&s->keys, j->keys_max, array, ret_why);
    }
    return (int)s->keys.count;
}

static struct missed *missed_of(struct jwks_set *s, uint64_t kid)
{
    for (size_t i = 0; i < JWKS_MISSED; i++)
        if (s->missed[i].since_s && s->missed[i].kid == kid)
            return &s->missed[i];
    return NULL;
}

/* Who is told that it is gone is forgotten, so that a name that comes back is looked for again. */
static enum jwks_answer miss(struct jwks_set *s, struct bytes kid, int64_t now)
{
    uint64_t hash = hash_bytes(kid);
    struct missed *m = missed_of(s, hash);
    if (m && (int64_t)s->fetched_s > m->since_s) {
        m->since_s = 0;
        return JWKS_GONE;
    }
    if (!m)
        s->missed[s->next++ % JWKS_MISSED] = (struct missed){hash, now};
    s->wanted = true;
    return JWKS_UNKNOWN;
}

enum jwks_answer jwks_find(struct jwks *j, struct bytes url, struct bytes kid, int64_t now, const struct jwk **ret_key)
{
    struct jwks_set *s = set_of(j, url);
    const struct jwk *k = find(&s->keys, kid);
    if (k) {
        *ret_key = k;
        return JWKS_FOUND;
    }
    return miss(s, kid, now);
}

bool jwks_next_wanted(struct jwks *j, struct bytes *ret_url)
{
    struct jwks_set *s;
    map_for_each(s, &j->sets, by_url)
    {
        if (!s->wanted)
            continue;
        s->wanted = false;
        *ret_url = s->url;
        return true;
    }
    return false;
}
