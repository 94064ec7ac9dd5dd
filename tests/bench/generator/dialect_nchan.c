/* Nchan: the channel is in the path, to be upgraded is to be subscribed, and a message is the
 * data alone. */
#include "delivery.h"
#include "dialect.h"
#include "payload.h"
#include "scan.h"
#include "swarm.h"

static void join(struct connection *c)
{
    connection_accepted(c);
    connection_subscribed(c);
}

static void receive(struct connection *c, struct bytes message, const struct stamp *at)
{
    struct delivery d = {0};
    size_t size;
    if (payload_read(message, &d.number, &d.stamp_us, &size))
        delivery_take(c, &c->subscriptions[0], &d, at);
    else
        c->swarm->report->unreadable++;
}

const struct dialect dialect_nchan = {
    .name = "nchan", .path = "/sub", .channel_in_path = true, .join = join, .receive = receive};
