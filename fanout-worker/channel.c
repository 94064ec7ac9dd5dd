#include "channel.h"
#include "share.h"

#include <assert.h>
#include <stdlib.h>

struct channel *channel_new(struct bytes name, uint32_t hash)
{
    struct channel *ch = calloc(1, sizeof *ch + name.n);
    assert(ch);
    list_init(&ch->cached_link);
    list_init(&ch->dirty_link);
    list_init(&ch->due_link);
    list_init(&ch->swept_link);
    list_init(&ch->cursors);
    list_init(&ch->behind);
    ring_init(&ch->ring, 1);
    ch->hash = hash;
    memcpy(ch + 1, name.p, name.n);
    ch->name = bytes_of(ch + 1, name.n);
    return ch;
}

void channel_free(struct channel *ch)
{
    assert(list_is_empty(&ch->cursors));
    list_remove(&ch->cached_link);
    list_remove(&ch->dirty_link);
    list_remove(&ch->due_link);
    list_remove(&ch->swept_link);
    ring_fini(&ch->ring);
    free(ch);
}

size_t channel_bytes(const struct channel *ch)
{
    return sizeof *ch + ch->name.n + ch->ring.capacity * sizeof *ch->ring.slots +
           ch->ring.bytes;
}

void taker_init(struct taker *t)
{
    *t = (struct taker){0};
    list_init(&t->cursors);
    map_init(&t->shares);
    drr_init(&t->turns, SHARE_QUANTUM);
    list_init(&t->stalled);
    list_init(&t->busy_link);
}

void taker_fini(struct taker *t)
{
    assert(list_is_empty(&t->cursors));
    map_fini(&t->shares);
}
