#include "batch.h"

#include "pg/pg.h"
#include "wire/id.h"

#include <assert.h>
#include <stdlib.h>

/* ---- what goes into it */

static void add(struct batch *b, struct message *m)
{
    list_append(&b->messages, &m->place);
    b->n++;
    b->bytes += m->data.n;
    b->shards |= 1ULL << m->head->shard;
    b->keys += m->key.n > 0;
    b->rows += !message_is_from_gateway(m);
}

struct batch *batch_fill(struct inbox *i, size_t max_messages, size_t max_bytes)
{
    size_t room = max_bytes;
    struct message *m = inbox_take(i, room);
    if (!m)
        return NULL;
    struct batch *b = calloc(1, sizeof *b);
    assert(b);
    list_init(&b->link);
    list_init(&b->messages);
    while (m) {
        add(b, m);
        room -= m->size;
        m = b->n < max_messages ? inbox_take(i, room) : NULL;
    }
    return b;
}

void batch_free(struct batch *b)
{
    assert(list_is_empty(&b->messages) && !list_is_linked(&b->link));
    free(b);
}

/* ---- numbers */

/* A head is on a list of its own only while its batch is put together: seen first, it remembers
 * what it builds on. */
static void touch(struct head *head, struct list *touched)
{
    if (list_is_linked(&head->touched))
        return;
    head->prev = head->seq;
    list_append(touched, &head->touched);
}

static void number(struct message *m, struct leader *l, uint64_t now_ms)
{
    struct leader_shard *shard = &l->shards[m->head->shard];
    assert(m->head->known && leader_has(l, m->head->shard));
    m->seq = m->head->seq += 1;
    m->id = m->head->id = shard->last_id =
        id_next(now_ms, m->head->shard, shard->last_id, m->shown);
}

void batch_number(struct batch *b, struct leader *l, uint64_t now_ms)
{
    struct message *m;
    list_init(&b->touched);
    list_for_each (m, &b->messages, place) {
        touch(m->head, &b->touched);
        number(m, l, now_ms);
    }
    for (unsigned n = 0; n < SHARDS; n++)
        l->shards[n].batch += b->shards >> n & 1;
}

/* ---- parameters: one array per column */

#define SHARD_COLUMN(type, value)                                                              \
    do {                                                                                       \
        pg_array_open(p, PG_ARRAY_##type);                                                     \
        for (unsigned n = 0; n < SHARDS; n++)                                                  \
            if (b->shards >> n & 1)                                                            \
                add_##type(p, value);                                                          \
        pg_array_close(p);                                                                     \
    } while (0)

#define HEAD_COLUMN(type, value)                                                               \
    do {                                                                                       \
        struct head *h;                                                                        \
        pg_array_open(p, PG_ARRAY_##type);                                                     \
        list_for_each (h, &b->touched, touched)                                                \
            add_##type(p, value);                                                              \
        pg_array_close(p);                                                                     \
    } while (0)

#define MESSAGE_COLUMN(type, value)                                                            \
    do {                                                                                       \
        struct message *m;                                                                     \
        pg_array_open(p, PG_ARRAY_##type);                                                     \
        list_for_each (m, &b->messages, place)                                                 \
            add_##type(p, value);                                                              \
        pg_array_close(p);                                                                     \
    } while (0)

static void add_I16(struct pg_params *p, int v)
{
    pg_array_i16(p, (int16_t)v);
}

static void add_I64(struct pg_params *p, uint64_t v)
{
    pg_array_i64(p, (int64_t)v);
}

static void add_BYTEA(struct pg_params *p, struct bytes v)
{
    pg_array_bytes(p, v);
}

static void add_TEXT(struct pg_params *p, struct bytes v)
{
    if (v.n)
        pg_array_bytes(p, v);
    else
        pg_array_null(p);
}

static void shard_params(const struct batch *b, const struct leader *l, struct pg_params *p)
{
    SHARD_COLUMN(I16, (int)n);
    SHARD_COLUMN(I64, (uint64_t)l->shards[n].term);
    SHARD_COLUMN(I64,
                 (uint64_t)l->shards[n].batch - 1); /* what the row has before this batch */
    SHARD_COLUMN(I64, l->shards[n].last_id);
}

static void head_params(struct batch *b, struct pg_params *p)
{
    HEAD_COLUMN(TEXT, h->name);
    HEAD_COLUMN(I16, h->shard);
    HEAD_COLUMN(I64, h->prev);
    HEAD_COLUMN(I64, h->seq);
    HEAD_COLUMN(I64, h->id);
    struct head *h;
    while ((h = list_first(&b->touched, struct head, touched)))
        list_remove(&h->touched);
}

/* Origin and counter of what a gateway sent; null for the outbox. */
static void publish_params(const struct batch *b, struct pg_params *p, bool counter)
{
    struct message *m;
    pg_array_open(p, PG_ARRAY_I64);
    list_for_each (m, &b->messages, place) {
        if (message_is_from_gateway(m))
            pg_array_i64(p, (int64_t)(counter ? m->counter : m->origin));
        else
            pg_array_null(p);
    }
    pg_array_close(p);
}

static void outbox_params(const struct batch *b, struct pg_params *p)
{
    struct message *m;
    pg_array_open(p, PG_ARRAY_I64);
    list_for_each (m, &b->messages, place)
        if (!message_is_from_gateway(m))
            pg_array_i64(p, m->row);
    pg_array_close(p);
}

void batch_params(struct batch *b, const struct leader *l, struct pg_params *p)
{
    pg_add_i64(p, (int64_t)l->epoch);
    shard_params(b, l, p);
    head_params(b, p);
    MESSAGE_COLUMN(TEXT, m->channel);
    MESSAGE_COLUMN(I16, m->head->shard);
    MESSAGE_COLUMN(I64, m->seq);
    MESSAGE_COLUMN(I64, m->id);
    MESSAGE_COLUMN(I16, m->format);
    MESSAGE_COLUMN(BYTEA, m->data);
    MESSAGE_COLUMN(TEXT, m->tags);
    MESSAGE_COLUMN(TEXT, m->info);
    MESSAGE_COLUMN(TEXT, m->after);
    if (b->keys)
        MESSAGE_COLUMN(TEXT, m->key);
    else
        pg_add_null(p);
    publish_params(b, p, false);
    publish_params(b, p, true);
    if (b->rows)
        outbox_params(b, p);
    else
        pg_add_null(p);
}
