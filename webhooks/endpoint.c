#include "endpoint.h"

#include "core/clock.h"

#include <assert.h>
#include <stdlib.h>

void endpoints_init(struct endpoints *e, uint32_t places, uint32_t retry_min_ms, uint32_t retry_max_ms)
{
    *e = (struct endpoints){.places = places,
                            .retry_min_ms = retry_min_ms,
                            .retry_max_ms = retry_max_ms < retry_min_ms ? retry_min_ms : retry_max_ms};
    map_init(&e->all);
    list_init(&e->turns);
}

static void forget(struct endpoint *ep)
{
    map_remove(&ep->of->all, &ep->by_tenant);
    list_remove(&ep->turn);
    buf_fini(&ep->url);
    buf_fini(&ep->secret);
    buf_fini(&ep->previous_secret);
    buf_fini(&ep->ids);
    free(ep);
}

void endpoints_fini(struct endpoints *e)
{
    struct endpoint *ep;
    map_for_each(ep, &e->all, by_tenant)
        forget(ep);
    map_fini(&e->all);
}

/* ---- what waits */

void endpoints_look(struct endpoints *e)
{
    e->look++;
}

static struct endpoint *make(struct endpoints *e, struct bytes tenant)
{
    struct endpoint *ep = calloc(1, sizeof *ep + tenant.n);
    assert(ep);
    ep->tenant = bytes_of(memcpy(ep + 1, tenant.p, tenant.n), tenant.n);
    ep->of = e;
    backoff_init(&ep->backoff, e->retry_min_ms, e->retry_max_ms);
    list_append(&e->turns, &ep->turn);
    map_insert(&e->all, &ep->by_tenant, hash_bytes(tenant));
    return ep;
}

struct endpoint *endpoints_waits(struct endpoints *e, struct bytes tenant)
{
    struct endpoint *ep = map_find_bytes(&e->all, tenant, struct endpoint, by_tenant, tenant);
    if (!ep)
        ep = make(e, tenant);
    ep->look = e->look;
    return ep;
}

void endpoints_looked(struct endpoints *e)
{
    struct endpoint *ep;
    map_for_each(ep, &e->all, by_tenant)
        if (ep->look != e->look && ep->state == ENDPOINT_IDLE)
            forget(ep);
}

/* ---- turns */

static bool may_go(const struct endpoint *ep, int64_t now_ns)
{
    const struct endpoints *e = ep->of;
    if (ep->state != ENDPOINT_IDLE || ep->look != e->look || now_ns < ep->due_ns)
        return false;
    return !endpoint_fails(ep) || e->busy_failing < e->places / 2;
}

struct endpoint *endpoints_next(struct endpoints *e, int64_t now_ns)
{
    struct endpoint *ep;
    if (e->busy >= e->places)
        return NULL;
    list_for_each(ep, &e->turns, turn)
    {
        if (!may_go(ep, now_ns))
            continue;
        ep->counted_failing = endpoint_fails(ep);
        e->busy++;
        e->busy_failing += ep->counted_failing;
        ep->state = ENDPOINT_READING;
        list_remove(&ep->turn);
        list_append(&e->turns, &ep->turn);
        return ep;
    }
    return NULL;
}

void endpoint_goto(struct endpoint *ep, enum endpoint_state state)
{
    assert(state == ep->state + 1);
    ep->state = state;
}

void endpoint_rests(struct endpoint *ep, int64_t due_ns)
{
    assert(ep->state != ENDPOINT_IDLE);
    ep->of->busy--;
    ep->of->busy_failing -= ep->counted_failing;
    ep->counted_failing = false;
    ep->state = ENDPOINT_IDLE;
    ep->due_ns = due_ns;
    buf_clear(&ep->ids);
}

int64_t endpoint_took(struct endpoint *ep, int64_t now_ns)
{
    backoff_reset(&ep->backoff);
    return now_ns;
}

int64_t endpoint_failed(struct endpoint *ep, int64_t now_ns, uint64_t random)
{
    return now_ns + backoff_next(&ep->backoff, random) * NS_PER_MS;
}

uint32_t endpoints_failing(const struct endpoints *e)
{
    struct endpoint *ep;
    uint32_t n = 0;
    map_for_each(ep, &e->all, by_tenant)
        n += endpoint_fails(ep);
    return n;
}
