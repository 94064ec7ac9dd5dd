#include "drain.h"

#include "connection.h"
#include "gateway.h"
#include "kafka_link.h"
#include "seq_link.h"

#include "core/clock.h"
#include "run/log.h"

#include <assert.h>
#include <stdlib.h>

#define WAVE_NS (100 * NS_PER_MS)
#define LAST_NS (1000 * NS_PER_MS) /* for the last Close frames and results */

struct drain {
    struct gateway *g;
    struct wheel_timer wave;
    int64_t until_ns; /* everybody has been disconnected by then */
};

static uint32_t count_staying(const struct gateway *g)
{
    const struct connection *c;
    uint32_t n = 0;
    list_for_each(c, &g->connections, all)
        n += c->state != CONNECTION_CLOSING;
    return n;
}

/* Those who wait for an answer come last. */
static void disconnect_some(struct gateway *g, uint32_t most, bool busy_too)
{
    struct connection *c;
    list_for_each(c, &g->connections, all)
    {
        if (most == 0)
            return;
        if (c->state == CONNECTION_CLOSING || (c->n_errands && !busy_too))
            continue;
        connection_disconnect(c, DISCONNECT_SHUTDOWN, NULL);
        most--;
    }
}

static void on_wave(struct wheel_timer *t)
{
    struct drain *d = container_of(t, struct drain, wave);
    struct gateway *g = d->g;
    int64_t waves = (d->until_ns - g->now_ns) / WAVE_NS;
    uint32_t left = count_staying(g);
    bool last = waves <= 0;
    disconnect_some(g, last ? left : left / (uint32_t)(waves + 1) + 1, last);
    bool done = g->n_connections == 0 && seq_pending(g->seq) == 0 && kafka_link_pending(g->kafka) == 0;
    if (done || g->now_ns >= d->until_ns + LAST_NS) {
        log_info("drained", "connections=%u publishes=%u", g->n_connections, seq_pending(g->seq));
        ev_break(g->loop, EVBREAK_ALL);
        return;
    }
    wheel_set(&g->wheel, &d->wave, g->now_ns + WAVE_NS);
}

struct drain *drain_new(struct gateway *g, int64_t over_ms)
{
    struct drain *d = calloc(1, sizeof *d);
    assert(d);
    d->g = g;
    d->until_ns = g->now_ns + over_ms * NS_PER_MS;
    wheel_timer_init(&d->wave, on_wave);
    wheel_set(&g->wheel, &d->wave, g->now_ns);
    log_info("draining", "connections=%u publishes=%u over_ms=%lld", g->n_connections, seq_pending(g->seq),
             (long long)over_ms);
    return d;
}

void drain_hurry(struct drain *d, int64_t over_ms)
{
    int64_t until = d->g->now_ns + over_ms * NS_PER_MS;
    if (until < d->until_ns)
        d->until_ns = until;
}

void drain_free(struct drain *d)
{
    if (d)
        wheel_cancel(&d->wave);
    free(d);
}
