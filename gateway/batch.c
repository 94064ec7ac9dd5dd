#include "batch.h"

#include "gateway.h"

#include "core/clock.h"

#include <math.h>

#define LOAD_BEGINS 0.5
#define LOAD_FULL 0.75
#define WAIT_LEAST NS_PER_MS /* the loop's timers are no finer */

void batch_init(struct batch *b, int64_t now_ns)
{
    *b = (struct batch){.since_ns = now_ns};
    list_init(&b->waiting);
}

/* Nears `to` as the time since the last call weighs. */
static void near(struct batch *b, double to, int64_t now_ns)
{
    double weight = exp(-(double)(now_ns - b->since_ns) / (BATCH_LOAD_MS * NS_PER_MS));
    b->load = to + (b->load - to) * weight;
    b->since_ns = now_ns;
}

void batch_worked(struct batch *b, int64_t now_ns)
{
    near(b, 1, now_ns);
}

void batch_waited(struct batch *b, int64_t now_ns)
{
    near(b, 0, now_ns);
}

static int64_t delay_of(const struct batch *b, const struct channel *c)
{
    double share = (b->load - LOAD_BEGINS) / (LOAD_FULL - LOAD_BEGINS);
    if (share <= 0 || c->ephemeral)
        return 0;
    int64_t delay = (int64_t)((share < 1 ? share : 1) * (double)(c->batch_ms * NS_PER_MS));
    return delay < WAIT_LEAST ? 0 : delay;
}

/* Most wait equally long: its place is near the end. */
static void put_in_order(struct list *waiting, struct channel *c)
{
    struct list *at = waiting;
    while (at->prev != waiting && list_entry(at->prev, struct channel, dirty)->due_ns > c->due_ns)
        at = at->prev;
    list_insert_before(at, &c->dirty);
}

bool batch_hold(struct gateway *g, struct channel *c)
{
    int64_t delay = delay_of(&g->batch, c);
    if (delay == 0)
        return false;
    c->due_ns = g->now_ns + delay;
    put_in_order(&g->batch.waiting, c);
    g->metrics.batched_total++;
    return true;
}

void batch_release(struct gateway *g)
{
    struct channel *c;
    while ((c = list_first(&g->batch.waiting, struct channel, dirty)) && c->due_ns <= g->now_ns) {
        c->due_ns = 0;
        list_remove(&c->dirty);
        list_append(&g->dirty, &c->dirty);
    }
}

int64_t batch_next_ns(const struct gateway *g)
{
    const struct channel *c = list_first(&g->batch.waiting, struct channel, dirty);
    return c ? c->due_ns : 0;
}
