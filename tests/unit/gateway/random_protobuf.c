/* A client in the gateway's random test speaks JSON and hears JSON; here it is made of Protobuf, and Protobuf of it. */
#include "client.pb-c.h"
#include "command.h"
#include "protobuf.h"
#include "random_client.h"

#include "core/json.h"

#include <assert.h>
#include <stdio.h>

/* ---- commands */

static void pack_connect(Pb__Command *m, const struct command *c, struct buf *into)
{
    Pb__ConnectRequest r = PB__CONNECT_REQUEST__INIT;
    Pb__SubscribeRequest values[WORLD_CHANNELS];
    Pb__Subscribing entries[WORLD_CHANNELS], *subs[WORLD_CHANNELS];
    char epochs[WORLD_CHANNELS][24];
    r.token = protobuf_bytes(c->token);
    r.name = protobuf_bytes(c->name);
    r.n_subs = c->asked.n;
    r.subs = subs;
    assert(r.n_subs <= WORLD_CHANNELS);
    for (size_t i = 0; i < r.n_subs; i++) {
        const struct want *want = &c->asked.items[i];
        pb__subscribe_request__init(&values[i]);
        pb__subscribing__init(subs[i] = &entries[i]);
        snprintf(epochs[i], sizeof epochs[i], "%llu", (unsigned long long)want->since.epoch);
        values[i].recover = want->since.recover;
        values[i].offset = want->since.offset;
        if (want->since.has_epoch)
            values[i].epoch = protobuf_bytes(bytes_str(epochs[i]));
        entries[i].key = protobuf_bytes(want->channel);
        entries[i].value = &values[i];
    }
    m->connect = &r;
    protobuf_put_sized(into, &m->base);
}

static void pack_subscribe(Pb__Command *m, const struct command *c, struct buf *into)
{
    Pb__SubscribeRequest r = PB__SUBSCRIBE_REQUEST__INIT;
    r.channel = protobuf_bytes(c->channel);
    r.recover = c->recover;
    r.offset = c->offset;
    r.epoch = protobuf_bytes(c->epoch);
    r.delta = protobuf_bytes(c->delta);
    r.flag = c->flag;
    r.positioned = c->positioned;
    r.recoverable = c->recoverable;
    r.join_leave = c->join_leave;
    m->subscribe = &r;
    protobuf_put_sized(into, &m->base);
}

static void pack_other(Pb__Command *m, const struct command *c, struct buf *into)
{
    Pb__UnsubscribeRequest unsubscribe = PB__UNSUBSCRIBE_REQUEST__INIT;
    Pb__PublishRequest publish = PB__PUBLISH_REQUEST__INIT;
    Pb__HistoryRequest history = PB__HISTORY_REQUEST__INIT;
    Pb__PresenceRequest presence = PB__PRESENCE_REQUEST__INIT;
    Pb__PresenceStatsRequest stats = PB__PRESENCE_STATS_REQUEST__INIT;
    Pb__RPCRequest rpc = PB__RPCREQUEST__INIT;
    Pb__RefreshRequest refresh = PB__REFRESH_REQUEST__INIT;
    Pb__SubRefreshRequest sub_refresh = PB__SUB_REFRESH_REQUEST__INIT;
    unsubscribe.channel = publish.channel = history.channel = presence.channel = protobuf_bytes(c->channel);
    stats.channel = sub_refresh.channel = protobuf_bytes(c->channel);
    publish.data = rpc.data = protobuf_bytes(c->data);
    history.limit = (int32_t)c->limit;
    history.reverse = c->reverse;
    rpc.method = protobuf_bytes(c->method);
    refresh.token = protobuf_bytes(c->token);
    m->unsubscribe = c->kind == COMMAND_UNSUBSCRIBE ? &unsubscribe : NULL;
    m->publish = c->kind == COMMAND_PUBLISH ? &publish : NULL;
    m->history = c->kind == COMMAND_HISTORY ? &history : NULL;
    m->presence = c->kind == COMMAND_PRESENCE ? &presence : NULL;
    m->presence_stats = c->kind == COMMAND_PRESENCE_STATS ? &stats : NULL;
    m->rpc = c->kind == COMMAND_RPC ? &rpc : NULL;
    m->refresh = c->kind == COMMAND_REFRESH ? &refresh : NULL;
    m->sub_refresh = c->kind == COMMAND_SUB_REFRESH ? &sub_refresh : NULL;
    protobuf_put_sized(into, &m->base);
}

void random_pack(struct buf *into, struct bytes line)
{
    Pb__Command m = PB__COMMAND__INIT;
    struct command c;
    int error = command_take_json(&line, &c);
    assert(error == 0);
    m.id = c.id;
    if (c.kind == COMMAND_CONNECT)
        pack_connect(&m, &c, into);
    else if (c.kind == COMMAND_SUBSCRIBE)
        pack_subscribe(&m, &c, into);
    else
        pack_other(&m, &c, into);
    command_fini(&c);
}

/* ---- replies and pushes */

static struct bytes raw(ProtobufCBinaryData d)
{
    return bytes_of(d.data, d.len);
}

static void put_publication(struct buf *into, ProtobufCBinaryData packed)
{
    Pb__Publication *p = pb__publication__unpack(NULL, packed.len, packed.data);
    assert(p);
    bool json = json_check(raw(p->data), JSON_DEPTH_MAX, NULL) == 0; /* or a delta */
    buf_printf(into, "{\"data\":%.*s", BYTES_FMT(json ? raw(p->data) : BYTES("null")));
    if (p->offset)
        buf_printf(into, ",\"offset\":%llu", (unsigned long long)p->offset);
    buf_append_char(into, '}');
    pb__publication__free_unpacked(p, NULL);
}

static void put_position(struct buf *into, bool positioned, uint64_t offset, ProtobufCBinaryData epoch)
{
    buf_printf(into, "{\"positioned\":%s,\"offset\":%llu,\"epoch\":\"%.*s\"", positioned ? "true" : "false",
               (unsigned long long)offset, BYTES_FMT(raw(epoch)));
}

static void put_subscribed(struct buf *into, const Pb__SubscribeResult *r)
{
    put_position(into, r->positioned, r->offset, r->epoch);
    buf_printf(into, ",\"delta\":%s,\"publications\":[", r->delta ? "true" : "false");
    for (size_t i = 0; i < r->n_publications; i++) {
        buf_append_str(into, i ? "," : "");
        put_publication(into, r->publications[i]);
    }
    buf_append_str(into, "]}");
}

static void put_connected(struct buf *into, const Pb__ConnectResult *r)
{
    buf_append_str(into, "{\"subs\":{");
    for (size_t i = 0; i < r->n_subs; i++) {
        Pb__Subscribed *one = pb__subscribed__unpack(NULL, r->subs[i].len, r->subs[i].data);
        assert(one && one->value);
        buf_printf(into, "%s\"%.*s\":", i ? "," : "", BYTES_FMT(raw(one->key)));
        put_subscribed(into, one->value);
        pb__subscribed__free_unpacked(one, NULL);
    }
    buf_append_str(into, "}}");
}

static void put_push(struct buf *into, const Pb__Push *p)
{
    buf_append_str(into, "{\"push\":{");
    if (p->channel.len)
        buf_printf(into, "\"channel\":\"%.*s\",", BYTES_FMT(raw(p->channel)));
    if (p->pub.len) {
        buf_append_str(into, "\"pub\":");
        put_publication(into, p->pub);
    } else if (p->subscribe) {
        buf_append_str(into, "\"subscribe\":");
        put_position(into, p->subscribe->positioned, p->subscribe->offset, p->subscribe->epoch);
        buf_append_char(into, '}');
    } else if (p->unsubscribe) {
        buf_printf(into, "\"unsubscribe\":{\"code\":%u}", p->unsubscribe->code);
    } else {
        buf_append_str(into, "\"other\":{}");
    }
    buf_append_str(into, "}}");
}

static void put_result(struct buf *into, const Pb__Reply *r)
{
    const struct {
        const char *name;
        const void *result;
    } others[] = {
        {"error", r->error}, {"unsubscribe", r->unsubscribe}, {"publish", r->publish}, {"presence", r->presence},
        {"presence_stats", r->presence_stats}, {"history", r->history}, {"rpc", r->rpc}, {"refresh", r->refresh},
        {"sub_refresh", r->sub_refresh},
    };
    buf_printf(into, "{\"id\":%u", r->id);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].result)
            buf_printf(into, ",\"%s\":{}", others[i].name);
    if (r->connect) {
        buf_append_str(into, ",\"connect\":");
        put_connected(into, r->connect);
    }
    if (r->subscribe) {
        buf_append_str(into, ",\"subscribe\":");
        put_subscribed(into, r->subscribe);
    }
    buf_append_char(into, '}');
}

bool random_unpack(struct bytes *messages, struct buf *into)
{
    struct bytes one;
    int more = protobuf_take(messages, &one);
    assert(more >= 0);
    if (more == 0)
        return false;
    Pb__Reply *r = pb__reply__unpack(NULL, one.n, (const uint8_t *)one.p);
    assert(r);
    if (r->push)
        put_push(into, r->push);
    else if (r->id)
        put_result(into, r);
    else
        buf_append_str(into, "{}");
    pb__reply__free_unpacked(r, NULL);
    return true;
}
