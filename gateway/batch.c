#include "batch.h"

#include "gateway.h"

#include "core/clock.h"

#include <math.h>

#define LOAD_BEGINS 0.5
#define LOAD_FULL 0.75
#define MS_PER_S 1000

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

/* 0 to 1 */
static double share_of_load(double load)
{
    double share = (load - LOAD_BEGINS) / (LOAD_FULL - LOAD_BEGINS);
    return share <= 0 ? 0 : share < 1 ? share : 1;
}

/* ms between two flushes of the channel, for its own sake */
static uint32_t own_delay(struct channel *c, uint32_t now)
{
    pace_age(&c->pace, now);
    if (c->pace.deliveries <= (float)BATCH_ABOVE * PACE_S)
        return 0;
    return (uint32_t)((uint64_t)c->n_subs * MS_PER_S / BATCH_WRITES);
}

/* ms between two flushes of the channel */
static uint32_t delay_of(const struct gateway *g, struct channel *c)
{
    uint32_t most = c->ephemeral ? 0 : c->batch_ms;
    uint32_t own = most ? own_delay(c, gateway_now_ms(g)) : 0, loaded = (uint32_t)(share_of_load(g->batch.load) * most);
    if (own > most)
        own = most;
    return own > loaded ? own : loaded;
}

/* Most wait equally long: its place is near the end. */
static void put_in_order(struct list *waiting, struct channel *c)
{
    struct list *at = waiting;
    while (at->prev != waiting && (int32_t)(list_entry(at->prev, struct channel, dirty.turn)->due_ms - c->due_ms) > 0)
        at = at->prev;
    list_insert_before(at, &c->dirty.turn);
}

bool batch_hold(struct gateway *g, struct channel *c)
{
    uint32_t delay = delay_of(g, c), quiet = gateway_now_ms(g) - c->due_ms;
    if (quiet >= delay) {
        c->due_ms = gateway_now_ms(g);
        return false;
    }
    c->due_ms += delay;
    c->batched = true;
    c->gathered = 1;
    put_in_order(&g->batch.waiting, c);
    g->metrics.batched_total++;
    return true;
}

static void release(struct channel *c)
{
    c->batched = false;
    c->due_ms = gateway_now_ms(c->gateway);
    list_remove(&c->dirty.turn);
    fairflush_channel(c);
}

void batch_more(struct channel *c)
{
    unsigned full = batch_full(c->batch_ms);
    if (c->gathered < full)
        c->gathered++;
    if (c->gathered == full && c->gateway->batch.load <= LOAD_BEGINS)
        release(c);
}

void batch_release(struct gateway *g)
{
    struct channel *c;
    while ((c = list_first(&g->batch.waiting, struct channel, dirty.turn)) && (int32_t)(c->due_ms - gateway_now_ms(g)) <= 0)
        release(c);
}

int32_t batch_next_ms(const struct gateway *g)
{
    const struct channel *c = list_first(&g->batch.waiting, struct channel, dirty.turn);
    int32_t left = c ? (int32_t)(c->due_ms - gateway_now_ms(g)) : -1;
    return c && left < 0 ? 0 : left;
}
