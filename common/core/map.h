/* Intrusive hash map: the node lives in the value, the value holds its key. Chained, a power of two of
 * buckets, doubled when there are as many values as buckets (a rehash walks all; stored hashes, no key is read).
 *
 *     struct channel { struct map_node by_name; struct bytes name; … };   // node of struct hub::channels
 *     struct channel *c = map_find_bytes(&hub->channels, name, struct channel, by_name, name);
 */
#ifndef CORE_MAP_H
#define CORE_MAP_H

#include "core/bytes.h"
#include "core/hash.h"
#include "core/list.h"

struct map_node {
    struct map_node *next; /* of the same bucket */
    uint64_t hash;
};

struct map {
    struct map_node **buckets;
    size_t mask;  /* buckets - 1 */
    size_t count; /* values */
};

void map_init(struct map *m);
void map_fini(struct map *m); /* frees the buckets, never the values */
void map_insert(struct map *m, struct map_node *node, uint64_t hash); /* does not look for an equal key */
void map_remove(struct map *m, struct map_node *node);                /* asserts that it is there */
struct map_node *map_bucket(const struct map *m, uint64_t hash);      /* first node of the hash's bucket */
void map_shrink(struct map *m); /* to as many buckets as its values need; not while it is walked */
/* Any order; start with NULL. The value returned last may be removed only after asking for the next one. */
struct map_node *map_next(const struct map *m, const struct map_node *node);

#define map_find_bytes(m, key, type, node_member, key_member)                                                \
    ({                                                                                                       \
        struct bytes map_key_ = (key);                                                                       \
        uint64_t map_hash_ = hash_bytes(map_key_);                                                           \
        struct map_node *map_at_ = map_bucket(m, map_hash_);                                                 \
        while (map_at_ && !(map_at_->hash == map_hash_ &&                                                    \
                            bytes_equal(container_of(map_at_, type, node_member)->key_member, map_key_)))    \
            map_at_ = map_at_->next;                                                                         \
        map_at_ ? container_of(map_at_, type, node_member) : NULL;                                           \
    })

#define map_find_u64(m, key, type, node_member, key_member)                                                  \
    ({                                                                                                       \
        uint64_t map_key_ = (key);                                                                           \
        uint64_t map_hash_ = hash_u64(map_key_);                                                             \
        struct map_node *map_at_ = map_bucket(m, map_hash_);                                                 \
        while (map_at_ && container_of(map_at_, type, node_member)->key_member != map_key_)                  \
            map_at_ = map_at_->next;                                                                         \
        map_at_ ? container_of(map_at_, type, node_member) : NULL;                                           \
    })

/* The body may remove and free `item`, nothing else of the map, and insert nothing. */
#define map_for_each(item, m, member)                                                                        \
    for (struct map_node *map_at_ = map_next(m, NULL), *map_then_ = map_at_ ? map_next(m, map_at_) : NULL;   \
         map_at_ && (item = container_of(map_at_, __typeof__(*item), member), 1);                            \
         map_at_ = map_then_, map_then_ = map_at_ ? map_next(m, map_at_) : NULL)

#endif
