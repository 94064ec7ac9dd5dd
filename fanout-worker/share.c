#include "share.h"

#include "channel.h"

#include "wire/channel.h"

#include <assert.h>
#include <stdlib.h>

static struct bytes tenant_of(struct bytes channel, bool in_order)
{
    struct bytes tenant, name;
    return !in_order && channel_split(channel, &tenant, &name) ? tenant : BYTES("");
}

static struct share *share_new(struct taker *t, struct bytes tenant, bool in_order)
{
    struct share *s = calloc(1, sizeof *s + tenant.n);
    assert(s);
    memcpy(s->text, tenant.p, tenant.n);
    s->tenant = bytes_of(s->text, tenant.n);
    drr_flow_init(&s->turn);
    drr_init(&s->ready, in_order ? DRR_IN_ORDER : SHARE_QUANTUM);
    map_insert(&t->shares, &s->by_tenant, hash_bytes(s->tenant));
    return s;
}

struct share *share_hold(struct taker *t, struct bytes channel, bool in_order)
{
    struct bytes tenant = tenant_of(channel, in_order);
    struct share *s = map_find_bytes(&t->shares, tenant, struct share, by_tenant, tenant);
    if (!s)
        s = share_new(t, tenant, in_order);
    s->cursors++;
    return s;
}

void share_let_go(struct taker *t, struct share *s)
{
    if (--s->cursors)
        return;
    assert(drr_is_empty(&s->ready));
    drr_leave(&s->turn);
    map_remove(&t->shares, &s->by_tenant);
    free(s);
}

void shares_weigh(struct taker *t, int64_t (*weight)(void *ctx, struct bytes tenant), void *ctx)
{
    struct share *s;
    map_for_each (s, &t->shares, by_tenant)
        drr_weigh(&s->turn, weight(ctx, s->tenant));
}
