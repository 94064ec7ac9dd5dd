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
        connection_has_place(c) ? config_tenant(g->config, connection_tenant(c)) : NULL;
    if (!tenant)
        return FATE_STAYS;
    return !tenant->here ? FATE_STRANDED : tenant->leaves ? FATE_LEAVES : FATE_STAYS;
}

static void begin_pass(struct departure *d)
{
    struct gateway *g = d->g;
    struct connection *c;
    d->left = 0;
    list_for_each(c, &g->connections, all)
    {
        c->departs = fate_of(g, c) == FATE_LEAVES;
        d->left += c->departs;
    }
    d->begun_ns = g->now_ns;
    d->next_ns = g->now_ns + g->options->depart_after * NS_PER_MS;
    if (d->left)
        log_info("departure", "clients=%u are led to another cell", d->left);
}

static bool is_to_go(struct connection *c, enum fate fate)
{
    if (fate != FATE_LEAVES)
        c->departs = false;
    return fate == FATE_STRANDED || c->departs;
}

static void send_away(struct departure *d, uint32_t most)
{
    struct gateway *g = d->g;
    struct connection *c;
    bool busy_too = g->now_ns - d->begun_ns >= BUSY_NS;
    d->left = d->stranded = 0;
    list_for_each(c, &g->connections, all)
    {
        enum fate fate = fate_of(g, c);
        if (!is_to_go(c, fate))
            continue;
        if (most == 0 || (c->n_errands && !busy_too)) {
            d->left += fate == FATE_LEAVES;
            d->stranded += fate == FATE_STRANDED;
            continue;
        }
        most--;
        g->metrics.departures_total++;
        connection_disconnect(c, DISCONNECT_MOVED, NULL);
    }
}

static void on_wave(struct wheel_timer *t)
{
    struct departure *d = container_of(t, struct departure, wave);
    struct gateway *g = d->g;
    uint32_t wave = (uint32_t)(g->options->depart_rate * WAVE_NS / NS_PER_S);
    if (d->left == 0 && g->now_ns >= d->next_ns)
        begin_pass(d);
    if (d->left || d->stranded)
        send_away(d, wave ? wave : 1);
    if (config_has_leaving(g->config) || d->stranded)
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

/* A pass under way goes on. The next one is not before balancers can know of what has just been configured. Who does not
 * belong here comes by a configuration alone: later ones are refused when they connect. */
void departure_configured(struct departure *d)
{
    struct gateway *g = d->g;
    d->next_ns = g->now_ns + g->options->depart_after * NS_PER_MS;
    d->stranded = 1;
    if (list_is_linked(&d->wave.link))
        return;
    d->left = 0;
    d->begun_ns = g->now_ns;
    wheel_set(&g->wheel, &d->wave, g->now_ns);
}
