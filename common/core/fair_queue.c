#include "core/fair_queue.h"

#include <assert.h>
#include <stdlib.h>

struct fair_line {
    struct map_node by_key;
    struct drr_flow turn;
    struct list places; /* struct fair_place::link */
    uint32_t n;
    struct bytes key;
    char text[];
};

void fair_queue_init(struct fair_queue *q)
{
    *q = (struct fair_queue){0};
    drr_init(&q->turns, 1);
    map_init(&q->lines);
}

void fair_queue_fini(struct fair_queue *q)
{
    struct fair_line *l;
    map_for_each(l, &q->lines, by_key)
        free(l);
    map_fini(&q->lines);
}

static struct fair_line *find(const struct fair_queue *q, struct bytes key)
{
    return map_find_bytes(&q->lines, key, struct fair_line, by_key, key);
}

static struct fair_line *line_new(struct fair_queue *q, struct bytes key)
{
    struct fair_line *l = calloc(1, sizeof *l + key.n);
    assert(l);
    memcpy(l->text, key.n ? key.p : "", key.n);
    l->key = bytes_of(l->text, key.n);
    list_init(&l->places);
    drr_flow_init(&l->turn);
    map_insert(&q->lines, &l->by_key, hash_bytes(l->key));
    return l;
}

void fair_queue_join(struct fair_queue *q, struct bytes key, struct fair_place *p)
{
    struct fair_line *l = find(q, key);
    if (!l)
        l = line_new(q, key);
    p->line = l;
    list_init(&p->link);
    list_append(&l->places, &p->link);
    drr_join(&q->turns, &l->turn);
    l->n++;
    q->n++;
}

void fair_queue_leave(struct fair_queue *q, struct fair_place *p)
{
    struct fair_line *l = p->line;
    if (!l)
        return;
    p->line = NULL;
    list_remove(&p->link);
    q->n--;
    if (--l->n)
        return;
    drr_leave(&l->turn);
    map_remove(&q->lines, &l->by_key);
    free(l);
}

struct fair_place *fair_queue_next(struct fair_queue *q)
{
    struct drr_flow *turn = q->n ? drr_next(&q->turns) : NULL;
    if (!turn)
        return NULL;
    struct fair_line *l = container_of(turn, struct fair_line, turn);
    struct fair_place *p = list_first(&l->places, struct fair_place, link);
    drr_pay(turn, 1);
    fair_queue_leave(q, p);
    return p;
}

struct fair_place *fair_queue_gives_way(const struct fair_queue *q, struct bytes key)
{
    const struct fair_line *own = find(q, key);
    struct fair_line *l, *most = NULL;
    map_for_each (l, &q->lines, by_key)
        if (!most || l->n > most->n)
            most = l;
    bool has_more = most && most->n > (own ? own->n : 0) + 1;
    return has_more ? list_entry(most->places.prev, struct fair_place, link) : NULL;
}
