#include "delivery.h"

#include "swarm.h"

struct subscription *delivery_find(struct connection *c, struct bytes channel)
{
    const struct bench_options *o = c->swarm->options;
    struct bytes prefix = bytes_str(o->channel);
    uint64_t number, channels = (uint64_t)o->channels;
    if (!bytes_starts(channel, prefix) ||
        !bytes_u64(bytes_of(channel.p + prefix.n, channel.n - prefix.n), &number) ||
        number >= channels)
        return NULL;
    uint64_t nth = (number + channels - connection_channel(c, 0)) % channels;
    return nth < (uint64_t)o->subscriptions ? &c->subscriptions[nth] : NULL;
}

/* By the number in the payload a channel's messages are `channels` apart. */
static void judge(struct connection *c, struct subscription *s, const struct delivery *d)
{
    struct report *r = c->swarm->report;
    uint64_t missed = 0,
             place = d->offset ? d->offset : d->number / (uint64_t)c->swarm->options->channels;
    switch (order_take(&s->order, place, &missed)) {
    case ORDER_RIGHT:
        break;
    case ORDER_HOLE:
        r->holes += missed;
        break;
    case ORDER_REPEAT:
        r->repeats++;
        break;
    case ORDER_DISORDER:
        r->disorder++;
        break;
    }
}

/* It was published while its subscriber did not read. */
static bool is_late(const struct connection *c, const struct delivery *d)
{
    return d->stamp_us < c->resumed_us;
}

static void time_it(struct connection *c, const struct delivery *d, const struct stamp *at)
{
    struct report *r = c->swarm->report;
    if (c->state != CONNECTION_SUBSCRIBED || d->stamp_us < c->joined_us || is_late(c, d)) {
        r->caught_up++;
        return;
    }
    histogram_record(&r->user, (int64_t)(at->user_us - d->stamp_us));
    if (at->last)
        histogram_record(&r->kernel, (int64_t)(at->kernel_us - d->stamp_us));
    else
        r->shared_reads++;
}

void delivery_take(struct connection *c, struct subscription *s, const struct delivery *d,
                   const struct stamp *at)
{
    struct swarm *swarm = c->swarm;
    swarm->report->delivered++;
    if (!s || d->number >= swarm->board->messages) {
        swarm->report->unreadable++;
        return;
    }
    judge(c, s, d);
    time_it(c, d, at);
    bool late = is_late(c, d);
    arrivals_record(&swarm->arrivals[d->number], d->stamp_us, late ? 0 : at->kernel_us,
                    late ? 0 : at->user_us);
}
