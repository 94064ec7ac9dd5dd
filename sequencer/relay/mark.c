#include "mark.h"

#include <assert.h>
#include <stdlib.h>

void mark_init(struct mark *m)
{
    *m = (struct mark){.ring = calloc(MARK_TRANSACTIONS, sizeof *m->ring)};
    assert(m->ring);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        list_init(&m->unacked[shard]);
        for (unsigned cell = 0; cell < MESSAGE_CELLS_MAX; cell++)
            list_init(&m->waiting[cell][shard]);
    }
}

void mark_fini(struct mark *m)
{
    mark_forget(m);
    free(m->ring);
    m->ring = NULL;
}

static void unlink_all(struct list *head)
{
    while (!list_is_empty(head))
        list_remove(head->next);
}

void mark_forget(struct mark *m)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        m->released[shard] = 0;
        m->parked[shard] = 0;
        unlink_all(&m->unacked[shard]);
        for (unsigned cell = 0; cell < MESSAGE_CELLS_MAX; cell++)
            unlink_all(&m->waiting[cell][shard]);
    }
    m->counts = m->open = false;
    m->count = 0;
    m->lsn = 0;
}

void mark_set(struct mark *m, unsigned shard, uint64_t id)
{
    assert(shard < SHARDS && (list_is_empty(&m->unacked[shard]) || id >= m->released[shard]));
    m->released[shard] = id;
}

void mark_release(struct mark *m, struct message *message)
{
    unsigned shard = message->row.shard;
    assert(shard < SHARDS && message->row.id > m->released[shard]);
    message->prev = m->released[shard];
    m->released[shard] = message->row.id;
    if (message->n_deliveries == 0)
        return;
    list_append(&m->unacked[shard], &message->mark_link);
    for (unsigned i = 0; i < message->n_deliveries; i++) {
        struct delivery *d = &message->deliveries[i];
        list_append(&m->waiting[d->cell][shard], &d->mark_link);
    }
}

void mark_acked(struct mark *m, struct delivery *d)
{
    assert(d->message->unacked > 0);
    list_remove(&d->mark_link);
    if (--d->message->unacked == 0)
        list_remove(&d->message->mark_link);
}

uint64_t mark_progress(const struct mark *m, unsigned cell, unsigned shard)
{
    assert(cell < MESSAGE_CELLS_MAX && shard < SHARDS);
    const struct list *waiting = &m->waiting[cell][shard];
    const struct delivery *d = list_first(waiting, struct delivery, mark_link);
    if (d)
        return d->message->prev;
    return m->parked[shard] >> cell & 1 ? m->caught[cell][shard] : m->released[shard];
}

uint64_t mark_acknowledged(const struct mark *m, unsigned shard)
{
    const struct list *unacked = &m->unacked[shard];
    const struct message *first = list_first(unacked, struct message, mark_link);
    return first ? first->prev : m->released[shard];
}

void mark_park(struct mark *m, unsigned cell, unsigned shard, uint64_t id)
{
    assert(cell < MESSAGE_CELLS_MAX && shard < SHARDS);
    unlink_all(&m->waiting[cell][shard]);
    m->parked[shard] |= 1ull << cell;
    m->caught[cell][shard] = id;
}

void mark_catch(struct mark *m, struct message *message)
{
    assert(message->n_deliveries == 1);
    struct delivery *d = message->deliveries;
    unsigned shard = message->row.shard;
    uint64_t *caught = &m->caught[d->cell][shard];
    assert(m->parked[shard] >> d->cell & 1 && message->row.id > *caught);
    message->prev = *caught;
    *caught = message->row.id;
    list_append(&m->waiting[d->cell][shard], &d->mark_link);
}

void mark_caught(struct mark *m, unsigned cell, unsigned shard, uint64_t id)
{
    if (id > m->caught[cell][shard])
        m->caught[cell][shard] = id;
}

void mark_rejoin(struct mark *m, unsigned cell, unsigned shard)
{
    m->parked[shard] &= ~(1ull << cell);
}

void mark_stream(struct mark *m, uint64_t start_lsn)
{
    m->count = 0;
    m->open = false;
    m->counts = true;
    m->lsn = start_lsn;
    memset(m->seen, 0, sizeof m->seen);
}

static struct mark_transaction *newest(struct mark *m)
{
    return &m->ring[(m->first + m->count - 1) % MARK_TRANSACTIONS];
}

void mark_begin(struct mark *m)
{
    m->open = true;
    if (m->count < MARK_TRANSACTIONS)
        m->ring[(m->first + m->count++) % MARK_TRANSACTIONS] = (struct mark_transaction){0};
    newest(m)->end_lsn = 0;
}

void mark_saw(struct mark *m, unsigned shard, uint64_t id)
{
    assert(m->open && shard < SHARDS);
    struct mark_transaction *t = newest(m);
    if (id > t->last[shard])
        t->last[shard] = id;
    t->shards |= 1ull << shard;
    m->seen[shard] = id;
}

uint64_t mark_seen(const struct mark *m, unsigned shard)
{
    return m->seen[shard];
}

void mark_commit(struct mark *m, uint64_t end_lsn)
{
    assert(m->open);
    m->open = false;
    newest(m)->end_lsn = end_lsn;
}

void mark_idle(struct mark *m, uint64_t wal_end)
{
    if (m->open || !m->counts)
        return;
    if (m->count == 0) {
        if (wal_end > m->lsn)
            m->lsn = wal_end;
        return;
    }
    if (wal_end > newest(m)->end_lsn)
        newest(m)->end_lsn = wal_end;
}

static bool through(const struct mark *m, struct mark_transaction *t)
{
    for (; t->shards; t->shards &= t->shards - 1) {
        unsigned shard = (unsigned)__builtin_ctzll(t->shards);
        if (mark_acknowledged(m, shard) < t->last[shard])
            return false;
    }
    return true;
}

uint64_t mark_lsn(struct mark *m)
{
    while (m->count) {
        struct mark_transaction *t = &m->ring[m->first];
        if (t->end_lsn == 0 || !through(m, t))
            break;
        if (t->end_lsn > m->lsn)
            m->lsn = t->end_lsn;
        m->first = (m->first + 1) % MARK_TRANSACTIONS;
        m->count--;
    }
    return m->counts ? m->lsn : 0;
}
