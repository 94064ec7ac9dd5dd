#include "canary.h"

#include "ctl_link.h"
#include "hub.h"

#include "core/clock.h"
#include "run/log.h"

#include <errno.h>

static void published(void *ctx, const struct ops_published *answer)
{
    if (answer->code)
        log_debug("canary_not_published", "code=%u why=%.*s", answer->code, BYTES_FMT(answer->text));
}

static bool is_listed(struct bytes list, struct bytes channel)
{
    struct ctl_channel one;
    while (wire_next_ctl_channel(&list, &one) > 0)
        if (bytes_equal(one.channel, channel))
            return true;
    return false;
}

/* The list says it all: what is not in it is not listened to any more. -> 0, -EBADMSG */
static int listen_to(struct gateway *g, struct bytes list)
{
    struct bytes rest = list, tenant, name;
    struct ctl_channel one;
    struct channel *c;
    int more;
    while ((more = wire_next_ctl_channel(&rest, &one)) > 0) {
        if (!channel_split(one.channel, &tenant, &name))
            return -EBADMSG;
        hub_open(g, one.channel)->heard = true;
    }
    map_for_each(c, &g->channels, by_name)
    {
        if (!c->heard || is_listed(list, channel_full(c)))
            continue;
        c->heard = false;
        hub_release(c);
    }
    return more;
}

int canary_asked(struct gateway *g, const struct ctl_canary *m)
{
    struct bytes tenant, name;
    if (m->listen.n && listen_to(g, m->listen) < 0)
        return -EBADMSG;
    if (m->channel.n == 0 || m->data.n == 0)
        return 0;
    if (!channel_split(m->channel, &tenant, &name))
        return -EBADMSG;
    ops_publish(g, &(struct ops_publish){.channel = m->channel, .format = FORMAT_JSON, .data = m->data}, published, g);
    return 0;
}

void canary_heard(struct gateway *g, const struct fan_publication *m)
{
    struct ctl_canary_seen seen = {.channel = m->channel, .publication = m->publication, .seen_us = clock_real_us()};
    ctl_canary_send(g->ctl, &seen);
}
