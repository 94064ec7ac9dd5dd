/* Batching before saturation: a channel's news goes out no more often than once in a while, so that one write tells
 * several. What comes after a quiet while goes at once: a quiet channel does not pay for a busy one. The while is the
 * longer of two, and at most batch_delay of the namespace (0: never; ephemeral channels: never):
 *
 * - of a channel with more than BATCH_ABOVE deliveries a second here (pace.h): one that keeps its writes to BATCH_WRITES;
 * - while the loop works more than half of its time, one that grows evenly and is batch_delay at 75 %, for all channels.
 *   The load is the part of the last BATCH_LOAD_MS in which the loop did not wait.
 *
 * For its own sake a channel waits for no more than batch_full() publications: further ones save little, and a faster channel
 * waits less for them.
 *
 * A channel waits in `waiting`, then is among the dirty ones. Replies do not wait, and take along what is there. */
#ifndef GATEWAY_BATCH_H
#define GATEWAY_BATCH_H

#include "core/list.h"

#include <stdint.h>

#define BATCH_LOAD_MS 100
#define BATCH_ABOVE 8000  /* deliveries of a channel in a second */
#define BATCH_WRITES 4000 /* a second that are left of them */

struct channel;
struct gateway;

/* Publications in one write. */
static inline unsigned batch_full(unsigned delay_ms)
{
    return delay_ms < 32 ? 16 : delay_ms > 510 ? 255 : delay_ms / 2;
}

struct batch {
    struct list waiting; /* struct channel::dirty.turn, earliest due first */
    double load;         /* 0 to 1 */
    int64_t since_ns;    /* up to here it is counted */
};

void batch_init(struct batch *b, int64_t now_ns);
/* The time since the last call was spent working, or waiting. */
void batch_worked(struct batch *b, int64_t now_ns);
void batch_waited(struct batch *b, int64_t now_ns);

/* -> whether the channel, in no list, waits from now on; otherwise its news goes out now */
bool batch_hold(struct gateway *g, struct channel *c);
void batch_more(struct channel *c); /* one more publication of a channel that waits */
void batch_release(struct gateway *g); /* those whose time has come are dirty */
int32_t batch_next_ms(const struct gateway *g); /* until the next one's time comes; -1: none waits */

#endif
