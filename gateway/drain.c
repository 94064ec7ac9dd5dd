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

#define LEAST_NS (300 * NS_PER_MS) /* a connection that was passed just before has finished its handshake by then */
#define BUSY_NS (5000 * NS_PER_MS) /* longer than any command takes: who is busy for so long always is */

struct drain {
    struct gateway *g;
    struct wheel_timer wave;
    uint32_t rate;    /* clients a second */
    double due;       /* of the rate, not sent away yet */
    int64_t begun_ns, waved_ns;
    int64_t until_ns; /* everybody has been disconnected by then, and the process ends; 0: it stays */
    int64_t idle_ns;  /* when somebody was last sent away, or nobody was left */
};

static uint32_t count_staying(const struct gateway *g)
{
    const struct connection *c;
    uint32_t n = 0;
    list_for_each(c, &g->connections, all)
        n += c->state != CONNECTION_CLOSING;
    return n;
}

/* Waits for an answer, or to be let in: who has just been handed here is to be answered first. */
static bool is_busy(const struct connection *c)
{
    return c->n_errands || c->state != CONNECTION_OPEN;
}

/* -> how many there were to take */
static uint32_t disconnect_some(struct gateway *g, uint32_t most, bool busy_too)
{
    struct connection *c;
    uint32_t n = 0;
    list_for_each(c, &g->connections, all)
    {
        if (n == most)
            return n;
        if (c->state == CONNECTION_CLOSING || (is_busy(c) && !busy_too))
            continue;
        connection_disconnect(c, DISCONNECT_SHUTDOWN, NULL);
        n++;
    }
    return n;
}

static int64_t waves_left(const struct drain *d)
{
    return (d->until_ns - d->g->now_ns) / WAVE_NS;
}

static bool is_last(const struct drain *d)
{
    return d->until_ns && waves_left(d) <= 0;
}

static uint32_t wave_size(struct drain *d, uint32_t left)
{
    d->due += d->rate * ((double)(d->g->now_ns - d->waved_ns) / NS_PER_S);
    d->waved_ns = d->g->now_ns;
    uint32_t n = d->due < left ? (uint32_t)d->due : left;
    d->due -= n;
    if (d->due > 1)
        d->due = 1; /* who was not there to be sent away is not owed */
    if (is_last(d))
        return left;
    uint32_t least = d->until_ns && left ? left / (uint32_t)(waves_left(d) + 1) + 1 : 0;
    return n > least ? n : least;
}

static void send_away(struct drain *d)
{
    struct gateway *g = d->g;
    uint32_t left = count_staying(g), size = wave_size(d, left);
    bool busy_too = is_last(d) || g->now_ns - d->idle_ns >= BUSY_NS;
    if (disconnect_some(g, size, busy_too) == size || left == 0)
        d->idle_ns = g->now_ns;
}

static bool is_done(const struct drain *d)
{
    const struct gateway *g = d->g;
    if (!d->until_ns || g->now_ns < d->begun_ns + LEAST_NS)
        return false;
    return (g->n_connections == 0 && seq_pending(g->seq) == 0 && kafka_link_pending(g->kafka) == 0) ||
           g->now_ns >= d->until_ns + LAST_NS;
}

static void on_wave(struct wheel_timer *t)
{
    struct drain *d = container_of(t, struct drain, wave);
    struct gateway *g = d->g;
    send_away(d);
    if (is_done(d)) {
        log_info("drained", "connections=%u publishes=%u", g->n_connections, seq_pending(g->seq));
        ev_break(g->loop, EVBREAK_ALL);
        return;
    }
    wheel_set(&g->wheel, &d->wave, g->now_ns + WAVE_NS);
}

struct drain *drain_new(struct gateway *g)
{
    struct drain *d = calloc(1, sizeof *d);
    assert(d);
    d->g = g;
    d->begun_ns = d->waved_ns = d->idle_ns = g->now_ns;
    wheel_timer_init(&d->wave, on_wave);
    wheel_set(&g->wheel, &d->wave, g->now_ns);
    log_info("draining", "connections=%u publishes=%u", g->n_connections, seq_pending(g->seq));
    return d;
}

void drain_pace(struct drain *d, uint32_t rate)
{
    d->rate = rate;
}

void drain_leave(struct drain *d, int64_t over_ms)
{
    int64_t until = d->g->now_ns + over_ms * NS_PER_MS;
    if (d->until_ns && d->until_ns <= until)
        return;
    d->until_ns = until;
    log_info("leaving", "connections=%u over_ms=%lld", d->g->n_connections, (long long)over_ms);
}

bool drain_leaves(const struct drain *d)
{
    return d && d->until_ns;
}

void drain_free(struct drain *d)
{
    if (!d)
        return;
    log_info("drain_ended", "connections=%u", d->g->n_connections);
    wheel_cancel(&d->wave);
    free(d);
}
