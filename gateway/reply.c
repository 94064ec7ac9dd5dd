#include "reply.h"

#include "channel.h"
#include "presence.h"

#include "wire/codec.h"

void reply_put(enum encoding e, struct buf *b, const struct reply *r)
{
    encoders[e].reply(b, r);
}

void reply_put_entry(enum encoding e, struct buf *list, struct bytes channel, const struct reply_subscribed *r)
{
    struct buf one = {0};
    encoders[e].entry(&one, channel, r);
    wire_put_str(list, buf_bytes(&one));
    buf_fini(&one);
}

/* ---- pushes */

static void put_about(struct buf *b, const struct channel *c, bool full, const struct push *p)
{
    buf_append_str(b, p->kind == PUSH_COUNTS ? "{\"presence\":{\"channel\":" : "{\"head\":{\"channel\":");
    channel_put_quoted(c, full, b);
    if (p->kind == PUSH_COUNTS)
        presence_put_counts(b, p->counts.clients, p->counts.users);
    else
        buf_printf(b, "\"offset\":%llu,\"epoch\":\"%llu\"", (unsigned long long)p->head.offset, (unsigned long long)p->head.epoch);
    buf_append_str(b, "}}");
}

void push_put(enum encoding e, struct buf *b, const struct channel *c, bool full, const struct push *p)
{
    struct buf data = {0};
    struct push message = *p;
    if (p->kind == PUSH_COUNTS || p->kind == PUSH_HEAD) {
        put_about(&data, c, full, p);
        message = (struct push){.kind = PUSH_MESSAGE, .data = buf_bytes(&data)};
    }
    encoders[e].push(b, c, full, &message);
    buf_fini(&data);
}
