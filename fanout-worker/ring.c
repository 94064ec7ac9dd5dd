#include "ring.h"

#include <assert.h>
#include <stdlib.h>

#define CAPACITY_MIN 4

void ring_init(struct ring *r, uint64_t next)
{
    assert(next >= 1);
    *r = (struct ring){.first = next, .next = next};
}

void ring_fini(struct ring *r)
{
    ring_restart(r, 1);
}

static struct pub **slot(const struct ring *r, uint64_t seq)
{
    return &r->slots[seq & (r->capacity - 1)];
}

static void drop_oldest(struct ring *r)
{
    struct pub **at = slot(r, r->first++);
    r->bytes -= pub_bytes(*at);
    *at = pub_unref(*at);
}

void ring_restart(struct ring *r, uint64_t next)
{
    while (!ring_is_empty(r))
        drop_oldest(r);
    free(r->slots);
    ring_init(r, next);
}

static void grow(struct ring *r)
{
    uint32_t capacity = r->capacity ? r->capacity * 2 : CAPACITY_MIN;
    struct pub **slots = calloc(capacity, sizeof *slots);
    assert(slots);
    for (uint64_t seq = r->first; seq < r->next; seq++)
        slots[seq & (capacity - 1)] = *slot(r, seq);
    free(r->slots);
    r->slots = slots;
    r->capacity = capacity;
}

bool ring_would_drop(const struct ring *r, const struct pub *p,
                     const struct ring_limits *limits)
{
    if (ring_is_empty(r))
        return false;
    return p->removal || r->next - r->first >= limits->messages || r->bytes + pub_bytes(p) > limits->bytes;
}

int ring_append(struct ring *r, struct pub *p, const struct ring_limits *limits)
{
    if (p->seq < r->next)
        return RING_REPEATED;
    if (p->seq > r->next)
        return RING_GAP;
    while (ring_would_drop(r, p, limits))
        drop_oldest(r);
    if (r->next - r->first == r->capacity)
        grow(r);
    *slot(r, p->seq) = pub_ref(p);
    r->bytes += pub_bytes(p);
    r->next++;
    return 0;
}

bool ring_begins_history(const struct ring *r)
{
    return !ring_is_empty(r) && (*slot(r, r->first))->removal;
}

int ring_prepend(struct ring *r, struct pub *p, const struct ring_limits *limits)
{
    if (p->seq + 1 != r->first)
        return RING_GAP;
    if (ring_begins_history(r))
        return RING_FULL;
    if (ring_would_drop(r, p, limits))
        return RING_FULL;
    if (r->next - r->first == r->capacity)
        grow(r);
    *slot(r, p->seq) = pub_ref(p);
    r->bytes += pub_bytes(p);
    r->first--;
    return 0;
}

struct pub *ring_find(const struct ring *r, uint64_t seq)
{
    return seq >= r->first && seq < r->next ? *slot(r, seq) : NULL;
}
