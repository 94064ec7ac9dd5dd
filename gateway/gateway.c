#include "gateway.h"

#include "deflate.h"
#include "drain.h"
#include "fan_link.h"
#include "gathering.h"
#include "seq_link.h"
#include "tls.h"

#include "core/random.h"

#include <assert.h>
#include <stdio.h>

void gateway_init(struct gateway *g, const struct gateway_options *options, int64_t now_ns, uint64_t now_us)
{
    *g = (struct gateway){.options = options, .now_ns = now_ns, .started_ns = now_ns, .now_us = now_us};
    snprintf(g->name, sizeof g->name, "%.60s-gateway-%lld", options->cell, (long long)options->slot);
    random_uuid(g->uid);
    while (g->origin == 0)
        g->origin = random_u64() >> 1; /* a bigint in PostgreSQL */
    wheel_init(&g->wheel, now_ns);
    rings_init(&g->rings);
    g->rings.bytes_max = (size_t)options->rings_bytes;
    g->rings.channel_bytes = (size_t)options->ring_bytes;
    g->rings.messages_max = (uint32_t)options->ring_messages;
    map_init(&g->channels);
    map_init(&g->tenants);
    map_init(&g->sessions);
    map_init(&g->filters);
    emulations_init(&g->emulations);
    fairflush_init(g);
    batch_init(&g->batch, now_ns);
    list_init(&g->passing);
    list_init(&g->connections);
    list_init(&g->slow);
    list_init(&g->resuming);
    list_init(&g->pages);
    drr_init(&g->page_turns, 1);
    list_init(&g->joinings);
    list_init(&g->summoned);
    strangers_init(&g->strangers);
    lag_init(&g->lag, now_ns);
    giveway_init(&g->giveway, (int)options->bulk_nice, &g->metrics.gave_way_total);
    budgets_init(&g->budgets, now_ns);
    users_init(&g->users);
    departure_init(&g->departure, g);
    admission_init(&g->admission, options, now_ns);
    token_cache_init(&g->tokens, &g->metrics);
    jwks_init(&g->jwks, (int)options->jwks_keys_max);
    g->ops = ops_new(g);
    fair_queue_init(&g->histories.waiting);
    if (options->compression)
        g->deflate = deflate_new((int)options->compression_level);
}

void gateway_fini(struct gateway *g)
{
    struct channel *c;
    assert(list_is_empty(&g->connections));
    map_for_each(c, &g->channels, by_name)
        channel_free(&g->rings, c);
    written_fini(&g->written);
    map_fini(&g->channels);
    assert(g->tenants.count == 0);
    map_fini(&g->tenants);
    assert(g->sessions.count == 0);
    map_fini(&g->sessions);
    map_fini(&g->filters);
    emulations_fini(&g->emulations);
    departure_fini(&g->departure);
    fair_queue_fini(&g->histories.waiting);
    ops_free(g->ops);
    deflate_free(g->deflate);
    gathering_fini(g);
    admission_fini(&g->admission);
    budgets_fini(&g->budgets);
    users_fini(&g->users);
    token_cache_fini(&g->tokens);
    jwks_fini(&g->jwks);
    g->config = config_unref(g->config);
    buf_fini(&g->scratch);
    buf_fini(&g->outgoing);
}

/* ---- how it is */

static bool no(const char **ret_why, const char *why)
{
    *ret_why = why;
    return false;
}

bool gateway_ready(const struct gateway *g, const char **ret_why)
{
    if (!g->config)
        return no(ret_why, "no configuration yet");
    if (g->tls && !tls_is_ready(g->tls))
        return no(ret_why, "no certificate yet");
    if (!fan_mapped(g->fan))
        return no(ret_why, "no partition map yet");
    if (g->drain)
        return no(ret_why, "draining");
    if (g->n_connections >= g->capacity)
        return no(ret_why, "full");
    return true;
}

/* One that is cleared is as well as the others: it is the supervisor that gives it nobody. */
static bool ready_or_cleared(const struct gateway *g, const char **ret_why)
{
    return gateway_ready(g, ret_why) || (g->drain && !drain_leaves(g->drain) && g->config && fan_mapped(g->fan));
}

bool gateway_linked(const struct gateway *g, const char **ret_why)
{
    if (!ready_or_cleared(g, ret_why))
        return false;
    if (!seq_linked(g->seq))
        return no(ret_why, "sequencer not linked");
    if (!fan_linked(g->fan))
        return no(ret_why, "worker not linked");
    return true;
}
