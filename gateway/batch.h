/* Batching before saturation: while the loop works more than half of its time, a channel's news waits a moment for more,
 * so that one write tells several, and the load stays where it is. The load is the part of the last BATCH_LOAD_MS in which
 * the loop did not wait.
 *
 *     load      … 50 %         75 % …
 *     wait         0  ─ even ─ batch_delay of the namespace (0: never; ephemeral channels: never)
 *
 * A channel waits in gateway::batching, then is among the dirty ones. Replies do not wait, and take along what is there. */
#ifndef GATEWAY_BATCH_H
#define GATEWAY_BATCH_H

#include "core/list.h"

#include <stdint.h>

#define BATCH_LOAD_MS 100
#define BATCH_DELAY_MAX 1000 /* ms that a namespace may ask for */

struct channel;
struct gateway;

struct batch {
    struct list waiting; /* struct channel::dirty, earliest due first */
    double load;         /* 0…1 */
    int64_t since_ns;    /* up to here it is counted */
};

void batch_init(struct batch *b, int64_t now_ns);
/* The time since the last call was spent working, or waiting. */
void batch_worked(struct batch *b, int64_t now_ns);
void batch_waited(struct batch *b, int64_t now_ns);

/* -> whether the channel, in no list, waits from now on */
bool batch_hold(struct gateway *g, struct channel *c);
void batch_release(struct gateway *g); /* those whose time has come are dirty */
int64_t batch_next_ns(const struct gateway *g); /* when the next one's time comes; 0: none waits */

#endif
