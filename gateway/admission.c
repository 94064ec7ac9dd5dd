#include "admission.h"

#include "gateway.h"
#include "verbs.h"

#include "core/clock.h"

#define BURST_NS (100 * NS_PER_MS) /* what was not used for so long is still good */
#define TURN_MAX 64                /* admitted in one turn of the loop */

void admission_init(struct admission *a, int64_t rate, int64_t now_ns)
{
    *a = (struct admission){.rate = rate, .free_at_ns = now_ns};
    list_init(&a->waiting);
}

static bool take_one(struct admission *a, const struct gateway *g)
{
    if (!g->config)
        return false;
    if (a->rate == 0)
        return true;
    if (a->free_at_ns > g->now_ns)
        return false;
    if (a->free_at_ns < g->now_ns - BURST_NS)
        a->free_at_ns = g->now_ns - BURST_NS;
    a->free_at_ns += NS_PER_S / a->rate;
    return true;
}

bool admission_ask(struct admission *a, const struct gateway *g)
{
    return list_is_empty(&a->waiting) && take_one(a, g);
}

void admission_wait(struct admission *a, struct connection *c)
{
    list_append(&a->waiting, &connection_extras(c)->waiting);
    c->gateway->metrics.connects_waiting++;
}

void admission_leave(struct connection *c)
{
    if (!c->extras || !list_is_linked(&c->extras->waiting))
        return;
    list_remove(&c->extras->waiting);
    c->gateway->metrics.connects_waiting--;
}

bool admission_turn(struct admission *a, struct gateway *g)
{
    struct connection_extras *first;
    int n = 0;
    while ((first = list_first(&a->waiting, struct connection_extras, waiting)) && n < TURN_MAX && take_one(a, g)) {
        struct connection *c = first->connection;
        admission_leave(c);
        verb_connect_admitted(c);
        n++;
    }
    return n == TURN_MAX;
}
