/* The newest publications of one channel, without a hole: seqs first, first + 1, … next - 1.
 *
 *     first            next
 *       |5|6|7|8|9|10|            empty: first == next, and the position is still known
 *
 * A removal drops all that is below it, and nothing gets there again.
 * It holds at most `messages` and `bytes` of them (but always the newest one); the oldest
 * goes first. */
#ifndef FANOUT_RING_H
#define FANOUT_RING_H

#include "pub.h"

enum ring_answer { RING_REPEATED = 1, RING_GAP = 2, RING_FULL = 3 };

struct ring_limits {
    uint32_t messages; /* >= 1; from --ring-messages */
    size_t bytes;      /* of memory; from --ring-bytes */
};

struct ring {
    struct pub **slots;   /* seq s stands at s & (capacity - 1); NULL: nothing yet */
    uint32_t capacity;    /* a power of two */
    uint64_t first, next; /* next >= 1 */
    size_t bytes;         /* of memory, all publications held */
};

void ring_init(struct ring *r, uint64_t next);
void ring_fini(struct ring *r);
void ring_restart(struct ring *r,
                  uint64_t next); /* drops everything; `next` is what comes next */
/* Takes its own reference. -> 0, RING_REPEATED (below next), RING_GAP (above next) */
int ring_append(struct ring *r, struct pub *p, const struct ring_limits *limits);
/* The one below the oldest; drops nothing for it. Takes its own reference. -> 0, RING_GAP (another one), RING_FULL */
int ring_prepend(struct ring *r, struct pub *p, const struct ring_limits *limits);
bool ring_would_drop(const struct ring *r, const struct pub *p,
                     const struct ring_limits *limits);
struct pub *ring_find(const struct ring *r,
                      uint64_t seq); /* borrowed; NULL when it is not held */

bool ring_begins_history(const struct ring *r); /* there is nothing below its first */

static inline bool ring_is_empty(const struct ring *r)
{
    return r->first == r->next;
}

static inline uint64_t
ring_head(const struct ring *r) /* seq of the newest, 0: there was none */
{
    return r->next - 1;
}

#endif
