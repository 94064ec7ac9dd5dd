#include "tags.h"

#include "gateway.h"

#include "core/hash.h"
#include "core/json.h"

#include <assert.h>
#include <stdlib.h>

static int by_hash(const void *a, const void *b)
{
    const struct tag *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* Decoded text is no longer than its JSON, for which there is room: it does not move. */
static bool decode(struct buf *text, struct bytes string, struct bytes *ret)
{
    size_t start = text->n;
    if (json_string(string, text) < 0)
        return false;
    *ret = bytes_of(text->p + start, text->n - start);
    return true;
}

static uint32_t count_members(struct bytes object)
{
    struct json_iter it;
    struct bytes key, value;
    uint32_t n = 0;
    json_object_each (&it, object, &key, &value)
        n++;
    return n;
}

struct tags *tags_new(struct bytes object)
{
    struct json_iter it;
    struct bytes key, value;
    struct tags *t = calloc(1, sizeof *t + count_members(object) * sizeof *t->items);
    assert(t);
    buf_reserve(&t->text, object.n);
    json_object_each (&it, object, &key, &value) {
        struct tag *tag = &t->items[t->n];
        if (!decode(&t->text, key, &tag->key) || !decode(&t->text, value, &tag->value))
            continue;
        tag->hash = hash_bytes(tag->key);
        tag->order = t->n++;
    }
    qsort(t->items, t->n, sizeof *t->items, by_hash);
    return t;
}

void tags_free(struct tags *t)
{
    if (t)
        buf_fini(&t->text);
    free(t);
}

size_t tags_bytes(const struct tags *t)
{
    return t ? sizeof *t + t->n * sizeof *t->items + t->text.cap : 0;
}

const struct bytes *tags_find(const struct tags *t, struct bytes key, uint64_t hash)
{
    uint32_t low = 0, high = t->n;
    while (low < high) { /* the first one with a hash above */
        uint32_t middle = low + (high - low) / 2;
        if (t->items[middle].hash <= hash)
            low = middle + 1;
        else
            high = middle;
    }
    while (low > 0 && t->items[low - 1].hash == hash)
        if (bytes_equal(t->items[--low].key, key))
            return &t->items[low].value;
    return NULL;
}

const struct tags *tags_of(struct frame *f)
{
    if (!f->tags) {
        f->tags = tags_new(json_member(bytes_of(f->json, f->n), "tags"));
        frame_grew(f, tags_bytes(f->tags));
    }
    return f->tags;
}
