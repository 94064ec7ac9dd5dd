#include "core/map.h"

#include <assert.h>
#include <stdlib.h>

#define BUCKETS_MIN 16

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_fini(struct map *m)
{
    free(m->buckets);
    *m = (struct map){0};
}

static void map_resize(struct map *m, size_t buckets)
{
    struct map_node **fresh = calloc(buckets, sizeof *fresh);
    assert(fresh);
    for (size_t i = 0; m->buckets && i <= m->mask; i++) {
        struct map_node *node = m->buckets[i];
        while (node) {
            struct map_node *next = node->next;
            struct map_node **bucket = &fresh[node->hash & (buckets - 1)];
            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    free(m->buckets);
    m->buckets = fresh;
    m->mask = buckets - 1;
}

void map_shrink(struct map *m)
{
    size_t buckets = BUCKETS_MIN;
    while (buckets < m->count)
        buckets *= 2;
    if (m->buckets && buckets < m->mask + 1)
        map_resize(m, buckets);
}

void map_insert(struct map *m, struct map_node *node, uint64_t hash)
{
    if (!m->buckets || m->count > m->mask)
        map_resize(m, m->buckets ? (m->mask + 1) * 2 : BUCKETS_MIN);
    struct map_node **bucket = &m->buckets[hash & m->mask];
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    m->count++;
}

void map_remove(struct map *m, struct map_node *node)
{
    assert(m->buckets);
    struct map_node **at = &m->buckets[node->hash & m->mask];
    while (*at && *at != node)
        at = &(*at)->next;
    assert(*at == node);
    *at = node->next;
    node->next = NULL;
    m->count--;
}

struct map_node *map_bucket(const struct map *m, uint64_t hash)
{
    return m->buckets ? m->buckets[hash & m->mask] : NULL;
}

struct map_node *map_next(const struct map *m, const struct map_node *node)
{
    if (!m->buckets)
        return NULL;
    if (node && node->next)
        return node->next;
    for (size_t i = node ? (node->hash & m->mask) + 1 : 0; i <= m->mask; i++)
        if (m->buckets[i])
            return m->buckets[i];
    return NULL;
}
