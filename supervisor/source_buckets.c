#include "source_buckets.h"

#include "core/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct bucket {
    struct map_node by_source;
    struct list by_age;
    struct source source;
    int64_t full_ns;
};

void source_buckets_init(struct source_buckets *b, int64_t rate, int64_t wait_ns, size_t max)
{
    *b = (struct source_buckets){.rate = rate, .wait_ns = wait_ns, .max = max};
    map_init(&b->by_source);
    list_init(&b->by_age);
}

static void forget(struct source_buckets *b, struct bucket *one)
{
    map_remove(&b->by_source, &one->by_source);
    list_remove(&one->by_age);
    free(one);
}

void source_buckets_fini(struct source_buckets *b)
{
    struct bucket *one;
    while ((one = list_first(&b->by_age, struct bucket, by_age)))
        forget(b, one);
    map_fini(&b->by_source);
}

static struct bytes key_of(const struct source *s)
{
    return bytes_of((const char *)s->bytes, sizeof s->bytes);
}

/* Those at the front have not come for longest; a full one tells nothing. */
static void make_room(struct source_buckets *b, int64_t now_ns)
{
    struct bucket *one;
    while ((one = list_first(&b->by_age, struct bucket, by_age)) && (one->full_ns <= now_ns || b->by_source.count >= b->max))
        forget(b, one);
}

static struct bucket *find_or_make(struct source_buckets *b, struct source s, int64_t now_ns)
{
    struct bytes key = key_of(&s);
    uint64_t hash = hash_bytes(key);
    for (struct map_node *at = map_bucket(&b->by_source, hash); at; at = at->next) {
        struct bucket *one = container_of(at, struct bucket, by_source);
        if (at->hash == hash && bytes_equal(key_of(&one->source), key))
            return one;
    }
    make_room(b, now_ns);
    struct bucket *one = calloc(1, sizeof *one);
    assert(one);
    one->source = s;
    one->full_ns = now_ns;
    list_init(&one->by_age);
    map_insert(&b->by_source, &one->by_source, hash);
    return one;
}

int64_t source_buckets_take(struct source_buckets *b, struct source s, int64_t now_ns)
{
    if (b->rate == 0 || source_is_none(s))
        return 0;
    struct bucket *one = find_or_make(b, source_block(s), now_ns);
    list_remove(&one->by_age);
    list_append(&b->by_age, &one->by_age);
    int64_t full_ns = (one->full_ns > now_ns ? one->full_ns : now_ns) + NS_PER_S / b->rate;
    int64_t wait_ns = full_ns - now_ns - NS_PER_S;
    if (wait_ns > b->wait_ns)
        return -EAGAIN;
    one->full_ns = full_ns;
    return wait_ns > 0 ? wait_ns : 0;
}
