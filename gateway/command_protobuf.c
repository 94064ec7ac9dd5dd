/* Commands in Protobuf. */
#include "client.pb-c.h"
#include "command.h"
#include "filter.h"
#include "protobuf.h"

#include "core/json.h"

#include <errno.h>

static struct bytes raw(ProtobufCBinaryData d)
{
    return bytes_of(d.data, d.len);
}

/* -> whether it is a text */
static bool text(ProtobufCBinaryData d, struct bytes *ret)
{
    *ret = raw(d);
    return json_is_text(*ret);
}

/* Of a subscription that the client had, only where it stands. */
static bool read_asked(struct command *c, const Pb__Subscribing *asked)
{
    const Pb__SubscribeRequest *r = asked->value;
    struct want want = {0};
    struct bytes epoch = {0};
    if (!text(asked->key, &want.channel) || (r && !text(r->epoch, &epoch)) || c->asked.n == WANTS_MAX)
        return false;
    want.since.recover = r && r->recover;
    want.since.offset = r ? r->offset : 0;
    since_epoch(&want.since, epoch);
    wants_add(&c->asked, &want);
    return true;
}

/* As JSON has them. */
static bool read_headers(struct command *c, const Pb__ConnectRequest *r)
{
    struct bytes key, value;
    for (size_t i = 0; i < r->n_headers; i++) {
        if (!text(r->headers[i]->key, &key) || !text(r->headers[i]->value, &value))
            return false;
        buf_append_char(&c->text, i ? ',' : '{');
        json_append_string(&c->text, key);
        buf_append_char(&c->text, ':');
        json_append_string(&c->text, value);
    }
    if (c->text.n)
        buf_append_char(&c->text, '}');
    c->headers = buf_bytes(&c->text);
    return true;
}

static bool read_connect(struct command *c, const Pb__ConnectRequest *r)
{
    c->data = raw(r->data);
    for (size_t i = 0; i < r->n_subs; i++)
        if (!read_asked(c, r->subs[i]))
            return false;
    return text(r->token, &c->token) && text(r->name, &c->name) && text(r->version, &c->version) && read_headers(c, r);
}

static bool read_subscribe(struct command *c, const Pb__SubscribeRequest *r)
{
    c->recover = r->recover;
    c->offset = r->offset;
    c->data = raw(r->data);
    c->join_leave = r->join_leave;
    c->positioned = r->positioned;
    c->recoverable = r->recoverable;
    if (r->tf.len) {
        filter_from_protobuf(raw(r->tf), &c->text);
        c->filter = buf_bytes(&c->text);
    }
    c->flag = r->flag;
    c->type = r->type;
    return text(r->channel, &c->channel) && text(r->token, &c->token) && text(r->epoch, &c->epoch) && text(r->delta, &c->delta);
}

static bool read_publish(struct command *c, const Pb__PublishRequest *r)
{
    c->data = raw(r->data);
    c->type = r->type;
    return text(r->channel, &c->channel);
}

static bool read_history(struct command *c, const Pb__HistoryRequest *r)
{
    c->limit = r->limit;
    c->reverse = r->reverse;
    c->has_since = r->since;
    c->offset = r->since ? r->since->offset : 0;
    return text(r->channel, &c->channel) && (!r->since || text(r->since->epoch, &c->epoch));
}

static bool read_rpc(struct command *c, const Pb__RPCRequest *r)
{
    c->data = raw(r->data);
    return text(r->method, &c->method);
}

static bool read_send(struct command *c, const Pb__SendRequest *r)
{
    c->data = raw(r->data);
    return true;
}

static bool read_sub_refresh(struct command *c, const Pb__SubRefreshRequest *r)
{
    c->type = r->type;
    return text(r->channel, &c->channel) && text(r->token, &c->token);
}

/* The first kind in the protocol's order wins. */
static enum command_kind kind_of(const Pb__Command *m)
{
    const void *const bodies[COMMAND_KINDS] = {
        [COMMAND_CONNECT] = m->connect,
        [COMMAND_SUBSCRIBE] = m->subscribe,
        [COMMAND_UNSUBSCRIBE] = m->unsubscribe,
        [COMMAND_PUBLISH] = m->publish,
        [COMMAND_PRESENCE] = m->presence,
        [COMMAND_PRESENCE_STATS] = m->presence_stats,
        [COMMAND_HISTORY] = m->history,
        [COMMAND_PING] = m->ping,
        [COMMAND_SEND] = m->send,
        [COMMAND_RPC] = m->rpc,
        [COMMAND_REFRESH] = m->refresh,
        [COMMAND_SUB_REFRESH] = m->sub_refresh,
    };
    for (enum command_kind k = 1; k < COMMAND_KINDS; k++)
        if (bodies[k])
            return k;
    return COMMAND_NONE;
}

static bool read_body(struct command *c, const Pb__Command *m)
{
    switch (c->kind) {
    case COMMAND_CONNECT:
        return read_connect(c, m->connect);
    case COMMAND_SUBSCRIBE:
        return read_subscribe(c, m->subscribe);
    case COMMAND_UNSUBSCRIBE:
        return text(m->unsubscribe->channel, &c->channel);
    case COMMAND_PUBLISH:
        return read_publish(c, m->publish);
    case COMMAND_PRESENCE:
        return text(m->presence->channel, &c->channel);
    case COMMAND_PRESENCE_STATS:
        return text(m->presence_stats->channel, &c->channel);
    case COMMAND_HISTORY:
        return read_history(c, m->history);
    case COMMAND_SEND:
        return read_send(c, m->send);
    case COMMAND_RPC:
        return read_rpc(c, m->rpc);
    case COMMAND_REFRESH:
        return text(m->refresh->token, &c->token);
    case COMMAND_SUB_REFRESH:
        return read_sub_refresh(c, m->sub_refresh);
    case COMMAND_NONE:
    case COMMAND_PING:
    case COMMAND_KINDS:
        break;
    }
    return true;
}

int command_take_protobuf(struct bytes *frame, struct command *ret)
{
    struct command c = {0};
    struct bytes rest = *frame, message;
    if (protobuf_take(&rest, &message) <= 0 || protobuf_check(message, &pb__command__descriptor) < 0)
        return -EBADMSG;
    c.unpacked = pb__command__unpack(NULL, message.n, (const uint8_t *)message.p);
    if (!c.unpacked)
        return -EBADMSG;
    c.id = c.unpacked->id;
    c.kind = kind_of(c.unpacked);
    if (!read_body(&c, c.unpacked)) {
        command_fini(&c);
        return -EBADMSG;
    }
    *frame = rest;
    *ret = c;
    return 0;
}
