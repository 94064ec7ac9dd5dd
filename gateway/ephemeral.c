#include "ephemeral.h"

#include "connection.h"
#include "gateway.h"
#include "hub.h"
#include "sub.h"
#include "tenant.h"

#define SHARE 16 /* of all rings' bytes, that ephemeral frames may take */

void ephemeral_encode(const struct ops_publish *what, uint64_t now_us, struct buf *into)
{
    struct publication p = {.format = what->format,
                            .data = what->data,
                            .tags = what->tags,
                            .info = what->info,
                            .relayed_us = now_us};
    struct buf body = {0};
    wire_put_publication(&body, &p);
    wire_put_record(into, &(struct record){WIRE_VERSION, RECORD_EPHEMERAL, buf_bytes(&body)});
    buf_fini(&body);
}

/* bytes of ephemeral frames above which the channel gets no more: a noisy tenant, whose turn may be long in coming, leaves the
 * others half of them */
static size_t most_of(const struct channel *c)
{
    size_t all = c->gateway->rings.bytes_max / SHARE;
    return c->tenant->noise.noisy ? all / 2 : all;
}

void ephemeral_pass(struct channel *c, const struct publication *p)
{
    struct gateway *g = c->gateway;
    g->metrics.ephemeral_total++;
    if (c->n_subs == 0)
        return;
    if (g->rings.passing_bytes > most_of(c)) {
        g->metrics.ephemeral_shed_total++;
        return;
    }
    if (!budget_admits(c))
        return;
    channel_pass(&g->rings, c, p, &g->scratch);
    struct list *passing = &channel_extras(c)->passing;
    if (!list_is_linked(passing))
        list_append(&g->passing, passing);
    hub_news(c);
}

static void jump(struct sub *s, uint64_t to)
{
    s->connection->gateway->metrics.ephemeral_dropped_total += to - s->sent;
    sub_pass(s, to);
}

struct frame *ephemeral_next(struct sub *s)
{
    uint64_t base = channel_base(s->channel);
    if (s->sent < base)
        jump(s, base);
    return channel_frame(s->channel, s->sent + 1);
}

void ephemeral_pass_over(struct sub *s)
{
    jump(s, s->channel->head);
}

void ephemeral_passed(struct gateway *g)
{
    struct channel_extras *e, *next;
    list_for_each_safe (e, next, &g->passing, passing) {
        if (g->flush.parked && drr_is_waiting(&e->channel->dirty))
            continue; /* in the slow turn, which waits */
        list_remove(&e->passing);
        channel_drain(&g->rings, e->channel);
    }
}
