/* The tags of a publication, decoded, found by key: ours (id, after) among them, as clients see them. Made from the frame's
 * JSON when the first filter looks at it, and kept beside it. */
#ifndef GATEWAY_TAGS_H
#define GATEWAY_TAGS_H

#include "core/buf.h"

struct frame;

struct tag {
    uint64_t hash;  /* of key */
    uint32_t order; /* in the JSON; the last one of a key counts */
    struct bytes key, value;
};

struct tags {
    struct buf text; /* what the slices point into */
    uint32_t n;
    struct tag items[]; /* by hash, then order */
};

struct tags *tags_new(struct bytes object); /* JSON object of strings, or empty; what is no string is left out */
void tags_free(struct tags *t);             /* NULL is fine */
size_t tags_bytes(const struct tags *t);    /* NULL: 0 */
/* -> its value, or NULL. hash: hash_bytes(key) */
const struct bytes *tags_find(const struct tags *t, struct bytes key, uint64_t hash);

const struct tags *tags_of(struct frame *f);

#endif
