#include "admission.h"

#include "gateway.h"
#include "verbs.h"

#include "core/clock.h"
#include "run/log.h"

#include <assert.h>
#include <stdlib.h>

#define WINDOW_NS (100 * NS_PER_MS)
#define BURST_NS (50 * NS_PER_MS)         /* what was not used for so long is still good: longer than a tick of the wheel */
#define TENANT_BURST_NS (100 * NS_PER_MS) /* the same, of a tenant's own rate */
#define TURN_MAX 64                       /* admitted in one turn of the loop */

/* Of a tenant. */
struct queue {
    struct map_node by_tenant; /* struct admission::tenants */
    struct list in_turn;       /* struct admission::turns */
    struct list waiting;       /* struct connection_extras::waiting, longest first */
    uint32_t n;
    int64_t free_at_ns; /* by the tenant's own rate: when the next one may go; the past: a burst may */
    struct bytes tenant;
    char text[];
};

void admission_init(struct admission *a, const struct gateway_options *options, int64_t now_ns)
{
    struct aimd_limits limits = {.start = (double)options->connect_rate_start,
                                 .max = (double)options->connect_rate,
                                 .target_ns = options->connect_lag * NS_PER_MS,
                                 .window_ns = WINDOW_NS,
                                 .burst_ns = BURST_NS};
    *a = (struct admission){0};
    aimd_init(&a->rate, &limits, now_ns);
    map_init(&a->tenants);
    list_init(&a->turns);
}

/* ---- queues */

static struct queue *find(const struct admission *a, struct bytes tenant)
{
    return map_find_bytes(&a->tenants, tenant, struct queue, by_tenant, tenant);
}

static struct queue *find_or_make(struct admission *a, struct bytes tenant)
{
    struct queue *q = find(a, tenant);
    if (q)
        return q;
    q = calloc(1, sizeof *q + tenant.n);
    assert(q);
    memcpy(q->text, tenant.n ? tenant.p : "", tenant.n);
    q->tenant = bytes_of(q->text, tenant.n);
    list_init(&q->in_turn);
    list_init(&q->waiting);
    map_insert(&a->tenants, &q->by_tenant, hash_bytes(q->tenant));
    return q;
}

static void queue_free(struct admission *a, struct queue *q)
{
    map_remove(&a->tenants, &q->by_tenant);
    free(q);
}

/* One whose own rate is not used up has nothing to remember; the others are as many as there are tenants with a rate. */
static void drop_if_idle(struct admission *a, struct queue *q, int64_t now_ns)
{
    if (q->n == 0 && q->free_at_ns <= now_ns)
        queue_free(a, q);
}

void admission_fini(struct admission *a)
{
    struct queue *q;
    map_for_each(q, &a->tenants, by_tenant)
        queue_free(a, q);
    map_fini(&a->tenants);
}

/* ---- who may go */

static int64_t own_rate(const struct gateway *g, struct bytes tenant)
{
    const struct config_tenant *t = config_tenant(g->config, tenant);
    return t ? t->options.connect_rate : 0;
}

static bool tenant_may(const struct queue *q, const struct gateway *g, int64_t rate)
{
    return rate == 0 || !q || q->free_at_ns <= g->now_ns;
}

static void tenant_goes(struct queue *q, const struct gateway *g, int64_t rate)
{
    if (q->free_at_ns < g->now_ns - TENANT_BURST_NS)
        q->free_at_ns = g->now_ns - TENANT_BURST_NS;
    q->free_at_ns += NS_PER_S / rate;
}

bool admission_ask(struct admission *a, const struct gateway *g, struct bytes tenant)
{
    struct queue *q = find(a, tenant);
    if (!g->config || (q && q->n))
        return false;
    int64_t rate = own_rate(g, tenant);
    if (!tenant_may(q, g, rate) || !aimd_take(&a->rate, g->now_ns))
        return false;
    if (rate)
        tenant_goes(find_or_make(a, tenant), g, rate);
    return true;
}

/* ---- who waits */

bool admission_has_room(const struct admission *a, const struct gateway *g, struct bytes tenant)
{
    int64_t most = g->options->connect_queue;
    if (g->metrics.connects_waiting < most)
        return true;
    const struct queue *q = find(a, tenant);
    uint32_t n = q ? q->n : 0;
    return n < most / (a->n_turns + (n == 0));
}

static void say_waits(struct admission *a, const struct gateway *g, struct bytes tenant)
{
    if (g->config && episode_happens(&a->waits, g->now_ns))
        log_info("connects_wait", "tenant=%.*s rate=%.0f lag_ms=%lld more connect than are admitted now: they wait their turn",
                 BYTES_FMT(tenant), a->rate.rate, (long long)(a->rate.lag_ns / NS_PER_MS));
}

bool admission_wait(struct admission *a, struct connection *c, struct bytes tenant)
{
    struct gateway *g = c->gateway;
    if (!admission_has_room(a, g, tenant))
        return false;
    struct queue *q = find_or_make(a, tenant);
    struct connection_extras *e = connection_extras(c);
    if (q->n++ == 0) {
        list_append(&a->turns, &q->in_turn);
        a->n_turns++;
    }
    list_append(&q->waiting, &e->waiting);
    e->queue = q;
    g->metrics.connects_waiting++;
    g->metrics.connects_waited_total++;
    say_waits(a, g, tenant);
    return true;
}

void admission_leave(struct connection *c)
{
    if (!c->extras || !c->extras->queue)
        return;
    struct admission *a = &c->gateway->admission;
    struct queue *q = c->extras->queue;
    c->extras->queue = NULL;
    list_remove(&c->extras->waiting);
    c->gateway->metrics.connects_waiting--;
    if (--q->n)
        return;
    list_remove(&q->in_turn);
    a->n_turns--;
    drop_if_idle(a, q, c->gateway->now_ns);
}

static void admit_first(struct queue *q)
{
    struct connection *c = list_first(&q->waiting, struct connection_extras, waiting)->connection;
    struct gateway *g = c->gateway;
    int64_t left_ns = c->next_ns - g->now_ns;
    histogram_record(&g->metrics.connect_wait_seconds, (uint64_t)(g->options->connect_wait * 1000 - left_ns / NS_PER_US));
    admission_leave(c);
    verb_connect_admitted(c);
}

/* One round finds nobody: all that wait are above their tenants' own rates. */
static int admit(struct admission *a, struct gateway *g)
{
    struct queue *q;
    uint32_t passed_over = 0;
    int n = 0;
    while (n < TURN_MAX && passed_over < a->n_turns && (q = list_first(&a->turns, struct queue, in_turn))) {
        int64_t rate = own_rate(g, q->tenant);
        bool may = tenant_may(q, g, rate);
        if (may && !aimd_take(&a->rate, g->now_ns))
            break;
        list_remove(&q->in_turn);
        list_append(&a->turns, &q->in_turn);
        passed_over = may ? 0 : passed_over + 1;
        if (!may)
            continue;
        if (rate)
            tenant_goes(q, g, rate);
        admit_first(q);
        n++;
    }
    return n;
}

bool admission_turn(struct admission *a, struct gateway *g)
{
    struct episode over;
    aimd_lag(&a->rate, lag_now(&g->lag, g->now_ns), g->now_ns);
    int n = g->config ? admit(a, g) : 0;
    if (episode_ends(&a->waits, g->now_ns, &over))
        log_info("connects_flow", "waited=%llu ms=%lld rate=%.0f nobody waits any more", (unsigned long long)over.n,
                 (long long)((over.last_ns - over.since_ns) / NS_PER_MS), a->rate.rate);
    return n == TURN_MAX;
}
