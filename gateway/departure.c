#include "departure.h"

#include "connection.h"
#include "gateway.h"

#include "core/clock.h"
#include "run/log.h"

#define WAVE_NS (100 * NS_PER_MS)
#define BUSY_NS (5000 * NS_PER_MS) /* longer than any command takes */

enum fate { FATE_STAYS, FATE_LEAVES, FATE_STRANDED };

static enum fate fate_of(const struct gateway *g, const struct connection *c)
{
    const struct config_tenant *tenant =
        connection_is_open(c) ? config_tenant(g->config, connection_tenant(c)) : NULL;
    if (!tenant)
        return FATE_STAYS;
    return !tenant->here ? FATE_STRANDED : tenant->leaves ? FATE_LEAVES : FATE_STAYS;
}

static uint32_t count(const struct gateway *g, enum fate fate)
{
    const struct connection *c;
    uint32_t n = 0;
    list_for_each(c, &g->connections, all)
        n += fate_of(g, c) == fate;
    return n;
}

static void begin_pass(struct departure *d)
{
    struct gateway *g = d->g;
    d->left = count(g, FATE_LEAVES);
    d->begun_ns = g->now_ns;
    d->next_ns = g->now_ns + g->options->depart_after * NS_PER_MS;
    if (d->left)
        log_info("departure", "clients=%u are led to another cell", d->left);
}

/* Connections stand in the order in which they came, so those that the pass is about come first. */
static void send_away(struct departure *d, uint32_t most)
{
    struct gateway *g = d->g;
    struct connection *c;
    bool busy_too = g->now_ns - d->begun_ns >= BUSY_NS;
    uint32_t passed_over = 0;
    list_for_each(c, &g->connections, all)
    {
        enum fate fate = fate_of(g, c);
        if (most == 0)
            return;
        if (fate == FATE_STAYS || (fate == FATE_LEAVES && d->left == passed_over))
            continue;
        if (c->n_errands && !busy_too) {
            passed_over += fate == FATE_LEAVES;
            continue;
        }
        d->left -= fate == FATE_LEAVES;
        most--;
        g->metrics.departures_total++;
        connection_disconnect(c, DISCONNECT_MOVED, NULL);
    }
    d->left = passed_over; /* the others have left by themselves */
}

static void on_wave(struct wheel_timer *t)
{
    struct departure *d = container_of(t, struct departure, wave);
    struct gateway *g = d->g;
    if (d->left == 0 && g->now_ns >= d->next_ns)
        begin_pass(d);
    uint32_t wave = (uint32_t)(g->options->depart_rate * WAVE_NS / NS_PER_S);
    send_away(d, wave ? wave : 1);
    if (config_has_leaving(g->config) || count(g, FATE_STRANDED))
        wheel_set(&g->wheel, t, g->now_ns + WAVE_NS);
}

void departure_init(struct departure *d, struct gateway *g)
{
    *d = (struct departure){.g = g};
    wheel_timer_init(&d->wave, on_wave);
}

void departure_fini(struct departure *d)
{
    wheel_cancel(&d->wave);
}

void departure_configured(struct departure *d)
{
    struct gateway *g = d->g;
    if (list_is_linked(&d->wave.link))
        return;
    d->left = 0;
    d->begun_ns = g->now_ns;
    d->next_ns = g->now_ns + g->options->depart_after * NS_PER_MS;
    wheel_set(&g->wheel, &d->wave, g->now_ns);
}
