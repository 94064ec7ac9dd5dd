/* What a tenant may use here now: its quotas (options connection_limit, publish_rate, publish_bytes, delivery_rate), of which
 * the gateways of a cell each have a share. Decision 0019.
 *
 *     gateway ── ctl_usage: its connections, publishes/s, bytes/s, deliveries/s ──▶ supervisor      each USAGE_MS
 *     gateway ◀── ctl_usage: the same of the other gateways together ──────────────── supervisor      each USAGE_MS
 *
 *     connections   own + others' < limit
 *     a rate        what the others leave, at least an even share: max(rate / gateways, rate - others')
 *
 * So one gateway may use the whole quota, all of them together not more, but for what happens while the numbers travel (twice
 * USAGE_MS): connections that others admitted meanwhile, and a second's worth of a rate per gateway.
 *
 * Connections above: disconnect 4011. Publishes above: error 131, or 132 where it is the channel's; the true limit of durable ones is the sequencer's, over all
 * cells and with what SQL publishes. Deliveries above: the tenant's channels are set aside (`late`) until the budget is there
 * again, its replies are not; ephemeral publications are not even taken in when half a second's worth is used up.
 *
 * A tenant has one once somebody of it was seen; there are no more than registered tenants. */
#ifndef GATEWAY_BUDGET_H
#define GATEWAY_BUDGET_H

#include "core/bucket.h"
#include "core/buf.h"
#include "core/bytes.h"
#include "core/list.h"
#include "core/map.h"

#define USAGE_MS 250
#define BUDGET_LATE_MS 5         /* worth of deliveries that channels which were set aside wait for */
#define BUDGET_CHANNELS_MAX 4096 /* whose publishes are remembered; one that is forgotten begins anew */

struct channel;
struct config_tenant;
struct connection;
struct ctl_usage;
struct gateway;

/* Counted here since the last measuring, and what that makes a second, smoothed. */
struct meter {
    double counted, rate;
};

struct budget {
    struct map_node by_tenant; /* struct budgets::all */
    struct list waits;         /* struct budgets::waiting, while channels are set aside */
    struct list late;          /* struct channel::dirty, by its list */
    struct bucket publishes, bytes, deliveries;
    double publish_rate, publish_bytes, delivery_rate; /* this gateway's shares, a second; 0: no limit */
    uint32_t connection_limit;                         /* of the cell; 0: none */
    uint32_t connections;                              /* open here */
    struct {
        uint32_t connections;
        double publishes, bytes, deliveries; /* a second */
    } others;                                /* gateways of the cell, as last told */
    struct meter published, published_bytes, delivered, refused;
    struct bytes tenant;
    char text[];
};

/* The publishes of a channel, where its namespace limits them. */
struct outlet {
    struct map_node by_channel; /* struct budgets::outlets */
    struct list by_age;         /* struct budgets::by_age */
    struct bucket publishes, bytes;
    struct bytes channel;
    char text[];
};

struct budgets {
    struct map all;       /* struct budget::by_tenant */
    struct list waiting;  /* struct budget::waits */
    struct map outlets;   /* struct outlet::by_channel */
    struct list by_age;   /* struct outlet::by_age, least recently used first */
    uint32_t gateways;    /* of the cell */
    int64_t measured_ns;  /* loop clock */
    bool told;            /* the last report had something in it */
    bool heard;           /* the supervisor knows of usage: it is of this release, or a later one */
};

void budgets_init(struct budgets *b, int64_t now_ns);
void budgets_fini(struct budgets *b);
/* -> the tenant's, made if it is registered; NULL: it is not */
struct budget *budget_of(struct gateway *g, struct bytes tenant);
void budgets_configured(struct gateway *g); /* the configuration is another one */

bool budget_has_place(struct gateway *g, struct bytes tenant); /* for one more client of the tenant; false counts as a refusal */
/* One more of the tenant's clients. -> whether it may; then it is counted until budget_leave */
bool budget_enter(struct gateway *g, struct bytes tenant);
void budget_leave(struct gateway *g, struct bytes tenant);

/* A publish to the channel (full form), by a client or the API. -> 0, it is charged; 131, 132: error code, of which
 * ret_which says the quota that is used up */
uint32_t budget_publish(struct gateway *g, struct bytes channel, size_t bytes, const char **ret_which);

void budget_refused(struct gateway *g, struct bytes channel); /* the sequencer refused one */

/* ---- deliveries; channel_budget is NULL while the tenant has no delivery_rate */

bool budget_is_spent(const struct channel *c); /* of an ephemeral one, never: it was charged when the publication came */
void budget_set_aside(struct channel *c); /* its budget is spent: from wherever it was to those that wait for it */
/* An ephemeral publication came for the channel's subscribers. -> whether there is budget for it, then it is charged */
bool budget_admits(struct channel *c);
void budgets_release(struct gateway *g);         /* channels whose budget is there again are dirty, some at a time */
int32_t budgets_next_ms(const struct gateway *g); /* until that is; -1: none waits */

static inline void budget_charge(struct budget *b) /* one delivery; NULL is fine */
{
    if (b) {
        b->deliveries.left -= 1;
        b->delivered.counted += 1;
    }
}

/* ---- sharing */

/* Measures, and appends to `list` a tenant_usage for each tenant that has quotas and uses something. -> false: nothing to
 * tell, now as before, or nobody who would understand it */
bool budgets_report(struct gateway *g, struct buf *list);
int budgets_heard(struct gateway *g, const struct ctl_usage *m); /* what the others use -> 0, -EBADMSG */

#endif
