/* Replies and pushes in Protobuf. */
#include "client.pb-c.h"
#include "channel.h"
#include "codes.h"
#include "client_info.h"
#include "error.h"
#include "hold.h"
#include "protobuf.h"
#include "reply.h"

#include "wire/codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct decimal {
    char text[21];
};

static ProtobufCBinaryData text_number(struct decimal *memory, uint64_t v)
{
    int n = snprintf(memory->text, sizeof memory->text, "%llu", (unsigned long long)v);
    return protobuf_bytes(bytes_of(memory->text, (size_t)n));
}

static ProtobufCBinaryData text(const char *s)
{
    return protobuf_bytes(bytes_str(s));
}

/* The caller frees. */
static ProtobufCBinaryData *list_of(struct bytes list, size_t *ret_n)
{
    struct bytes rest = list, one;
    size_t n = 0;
    while (wire_get_str(&rest, &one))
        n++;
    ProtobufCBinaryData *items = malloc(n * sizeof *items + 1);
    assert(items);
    for (size_t i = 0; wire_get_str(&list, &one); i++)
        items[i] = protobuf_bytes(one);
    *ret_n = n;
    return items;
}

static void take_info(Pb__ClientInfo *info, struct bytes json, struct buf *memory)
{
    struct client_info read;
    client_info_read(json, memory, &read);
    pb__client_info__init(info);
    info->user = protobuf_bytes(read.user);
    info->client = protobuf_bytes(read.client);
    info->conn_info = protobuf_bytes(read.conn_info);
    info->chan_info = protobuf_bytes(read.chan_info);
}

/* ---- replies: each puts the whole reply, since what it consists of stands on its stack */

static void put_error(struct buf *b, Pb__Reply *reply, uint32_t code)
{
    Pb__Error error = PB__ERROR__INIT;
    error.code = code;
    error.message = text(error_message(code));
    error.temporary = error_temporary(code);
    reply->error = &error;
    protobuf_put_sized(b, &reply->base);
}

static void put_own_error(struct buf *b, Pb__Reply *reply, const struct reply_own_error *e)
{
    Pb__Error error = PB__ERROR__INIT;
    error.code = e->code;
    error.message = protobuf_bytes(e->message);
    error.temporary = e->temporary;
    reply->error = &error;
    protobuf_put_sized(b, &reply->base);
}

static void put_connect(struct buf *b, Pb__Reply *reply, const struct reply_connected *r)
{
    Pb__ConnectResult result = PB__CONNECT_RESULT__INIT;
    result.client = protobuf_bytes(r->client);
    result.version = text(r->version);
    result.expires = r->ttl > 0;
    result.ttl = r->ttl;
    result.ping = r->ping_s;
    result.pong = r->pong;
    result.session = protobuf_bytes(r->session);
    result.node = protobuf_bytes(r->node);
    result.data = protobuf_bytes(r->data);
    result.subs = list_of(r->subs, &result.n_subs);
    reply->connect = &result;
    protobuf_put_sized(b, &reply->base);
    free(result.subs);
}

static void put_refresh(struct buf *b, Pb__Reply *reply, const struct reply_connected *r)
{
    Pb__RefreshResult result = PB__REFRESH_RESULT__INIT;
    result.client = protobuf_bytes(r->client);
    result.version = text(r->version);
    result.expires = r->ttl > 0;
    result.ttl = r->ttl;
    reply->refresh = &result;
    protobuf_put_sized(b, &reply->base);
}

/* The caller frees publications. */
static void take_subscribed(Pb__SubscribeResult *result, const struct reply_subscribed *r, struct decimal *epoch)
{
    pb__subscribe_result__init(result);
    result->expires = r->ttl > 0;
    result->ttl = r->ttl;
    if (r->positioned) {
        result->positioned = true;
        result->recoverable = r->recoverable;
        result->epoch = text_number(epoch, r->epoch);
        result->offset = r->offset;
        result->recovered = r->recovered;
    }
    result->was_recovering = r->was_recovering;
    result->delta = r->delta;
    result->data = protobuf_bytes(r->data);
    result->publications = list_of(r->publications, &result->n_publications);
}

static void put_subscribe(struct buf *b, Pb__Reply *reply, const struct reply_subscribed *r)
{
    Pb__SubscribeResult result;
    struct decimal epoch;
    take_subscribed(&result, r, &epoch);
    reply->subscribe = &result;
    protobuf_put_sized(b, &reply->base);
    free(result.publications);
}

void entry_protobuf(struct buf *b, struct bytes channel, const struct reply_subscribed *r)
{
    Pb__SubscribeResult result;
    Pb__Subscribed entry = PB__SUBSCRIBED__INIT;
    struct decimal epoch;
    take_subscribed(&result, r, &epoch);
    entry.key = protobuf_bytes(channel);
    entry.value = &result;
    protobuf_put(b, &entry.base);
    free(result.publications);
}

static void put_presence(struct buf *b, Pb__Reply *reply, const struct ops_presence *answer)
{
    Pb__PresenceResult result = PB__PRESENCE_RESULT__INIT;
    struct bytes entries = answer->entries;
    struct presence_entry e;
    struct buf memory = {0};
    size_t n = 0;
    buf_reserve(&memory, entries.n); /* decoded texts are no longer: it does not move */
    while (wire_next_presence_entry(&entries, &e) > 0)
        n++;
    struct present {
        Pb__Present present;
        Pb__ClientInfo info;
    } *members = calloc(n + 1, sizeof *members);
    Pb__Present **list = calloc(n + 1, sizeof *list);
    assert(members && list);
    entries = answer->entries;
    for (size_t i = 0; i < n && wire_next_presence_entry(&entries, &e) > 0; i++) {
        struct present *m = &members[i];
        pb__present__init(&m->present);
        m->present.key = protobuf_bytes(e.client);
        m->present.value = &m->info;
        take_info(&m->info, e.info, &memory);
        list[i] = &m->present;
    }
    result.presence = list;
    result.n_presence = n;
    reply->presence = &result;
    protobuf_put_sized(b, &reply->base);
    free(list);
    free(members);
    buf_fini(&memory);
}

static void put_presence_stats(struct buf *b, Pb__Reply *reply, const struct ops_presence *answer)
{
    Pb__PresenceStatsResult result = PB__PRESENCE_STATS_RESULT__INIT;
    result.num_clients = answer->clients;
    result.num_users = answer->users;
    reply->presence_stats = &result;
    protobuf_put_sized(b, &reply->base);
}

static void put_history(struct buf *b, Pb__Reply *reply, const struct reply_history *r)
{
    Pb__HistoryResult result = PB__HISTORY_RESULT__INIT;
    struct decimal epoch;
    result.publications = list_of(r->publications, &result.n_publications);
    result.epoch = text_number(&epoch, r->epoch);
    result.offset = r->offset;
    reply->history = &result;
    protobuf_put_sized(b, &reply->base);
    free(result.publications);
}

static void put_rpc(struct buf *b, Pb__Reply *reply, struct bytes data)
{
    Pb__RPCResult result = PB__RPCRESULT__INIT;
    result.data = protobuf_bytes(data);
    reply->rpc = &result;
    protobuf_put_sized(b, &reply->base);
}

static void put_sub_refresh(struct buf *b, Pb__Reply *reply, uint32_t ttl)
{
    Pb__SubRefreshResult result = PB__SUB_REFRESH_RESULT__INIT;
    result.expires = ttl > 0;
    result.ttl = ttl;
    reply->sub_refresh = &result;
    protobuf_put_sized(b, &reply->base);
}

static void put_empty(struct buf *b, Pb__Reply *reply, enum reply_kind kind)
{
    Pb__UnsubscribeResult unsubscribed = PB__UNSUBSCRIBE_RESULT__INIT;
    Pb__PublishResult published = PB__PUBLISH_RESULT__INIT;
    if (kind == REPLY_UNSUBSCRIBE)
        reply->unsubscribe = &unsubscribed;
    else if (kind == REPLY_PUBLISH)
        reply->publish = &published;
    protobuf_put_sized(b, &reply->base);
}

void reply_protobuf(struct buf *b, const struct reply *r)
{
    Pb__Reply reply = PB__REPLY__INIT;
    reply.id = r->id;
    switch (r->kind) {
    case REPLY_ERROR:
        return put_error(b, &reply, r->error);
    case REPLY_OWN_ERROR:
        return put_own_error(b, &reply, &r->own_error);
    case REPLY_CONNECT:
        return put_connect(b, &reply, &r->connected);
    case REPLY_REFRESH:
        return put_refresh(b, &reply, &r->connected);
    case REPLY_SUBSCRIBE:
        return put_subscribe(b, &reply, &r->subscribed);
    case REPLY_PRESENCE:
        return put_presence(b, &reply, r->presence);
    case REPLY_PRESENCE_STATS:
        return put_presence_stats(b, &reply, r->presence);
    case REPLY_HISTORY:
        return put_history(b, &reply, &r->history);
    case REPLY_RPC:
        return put_rpc(b, &reply, r->data);
    case REPLY_SUB_REFRESH:
        return put_sub_refresh(b, &reply, r->ttl);
    case REPLY_PING:
    case REPLY_UNSUBSCRIBE:
    case REPLY_PUBLISH:
    case REPLY_KINDS:
        break;
    }
    put_empty(b, &reply, r->kind);
}

/* ---- pushes */

static void put_push(struct buf *b, Pb__Push *push)
{
    Pb__Reply reply = PB__REPLY__INIT;
    reply.push = push;
    protobuf_put_sized(b, &reply.base);
}

static void put_server_subscribe(struct buf *b, Pb__Push *push, const struct reply_subscribed *r)
{
    Pb__Subscribe subscribe = PB__SUBSCRIBE__INIT;
    struct decimal epoch;
    if (r->positioned) {
        subscribe.positioned = true;
        subscribe.recoverable = r->recoverable;
        subscribe.epoch = text_number(&epoch, r->epoch);
        subscribe.offset = r->offset;
    }
    subscribe.data = protobuf_bytes(r->data);
    push->subscribe = &subscribe;
    put_push(b, push);
}

static void put_server_refresh(struct buf *b, Pb__Push *push, uint32_t ttl)
{
    Pb__Refresh refresh = PB__REFRESH__INIT;
    refresh.expires = ttl > 0;
    refresh.ttl = ttl;
    push->refresh = &refresh;
    put_push(b, push);
}

static void put_unsubscribe(struct buf *b, Pb__Push *push, uint32_t code, const char *reason)
{
    Pb__Unsubscribe unsubscribe = PB__UNSUBSCRIBE__INIT;
    unsubscribe.code = code;
    unsubscribe.reason = text(reason);
    push->unsubscribe = &unsubscribe;
    put_push(b, push);
}

static void put_disconnect(struct buf *b, Pb__Push *push, uint32_t code, const char *reason)
{
    Pb__Disconnect disconnect = PB__DISCONNECT__INIT;
    disconnect.code = code;
    disconnect.reason = text(reason);
    disconnect.reconnect = disconnect_comes_back(code);
    push->disconnect = &disconnect;
    put_push(b, push);
}

static void put_member(struct buf *b, Pb__Push *push, enum push_kind kind, struct bytes json)
{
    Pb__ClientInfo info;
    Pb__Join join = PB__JOIN__INIT;
    Pb__Leave leave = PB__LEAVE__INIT;
    struct buf memory = {0};
    buf_reserve(&memory, json.n);
    take_info(&info, json, &memory);
    join.info = leave.info = &info;
    if (kind == PUSH_JOIN)
        push->join = &join;
    else
        push->leave = &leave;
    put_push(b, push);
    buf_fini(&memory);
}

static void put_message(struct buf *b, Pb__Push *push, struct bytes data)
{
    Pb__Message message = PB__MESSAGE__INIT;
    message.data = protobuf_bytes(data);
    push->message = &message;
    put_push(b, push);
}

void push_protobuf(struct buf *b, const struct channel *c, bool full, const struct push *p)
{
    Pb__Push push = PB__PUSH__INIT;
    if (c)
        push.channel = protobuf_bytes(channel_spelling(c, full));
    switch (p->kind) {
    case PUSH_SUBSCRIBE:
        return put_server_subscribe(b, &push, &p->subscribed);
    case PUSH_REFRESH:
        return put_server_refresh(b, &push, p->ttl);
    case PUSH_UNSUBSCRIBE:
        return put_unsubscribe(b, &push, p->unsubscribe.code, p->unsubscribe.reason);
    case PUSH_DISCONNECT:
        return put_disconnect(b, &push, p->disconnect.code, p->disconnect.reason);
    case PUSH_JOIN:
    case PUSH_LEAVE:
        return put_member(b, &push, p->kind, p->info);
    case PUSH_MESSAGE:
        return put_message(b, &push, p->data);
    case PUSH_COUNTS:
    case PUSH_HEAD:
        break;
    }
}

/* ---- publications: the data path. What stands in front of one is put by hand. */

#define TAG(field) ((char)((field) << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED))
#define REPLY_PUSH TAG(4)   /* fields of client.proto */
#define PUSH_CHANNEL TAG(2)
#define PUSH_PUB TAG(4)

/* One tag more; entries of a map stand anywhere in their message. */
static const char late_tag[] = {TAG(7), 9, TAG(1), 4, 'l', 'a', 't', 'e', TAG(2), 1, '1'};
_Static_assert(sizeof late_tag <= sizeof HOLD_LATE_TAG - 1, "deliver.c leaves room for that");

void frame_protobuf(struct buf *b, const struct channel *c, bool full, const struct frame *f, struct bytes form, bool late)
{
    struct bytes channel = channel_spelling(c, full);
    size_t pub = form.n + (late ? sizeof late_tag : 0);
    size_t push = 1 + uvarint_size(channel.n) + channel.n + 1 + uvarint_size(pub) + pub;
    size_t reply = 1 + uvarint_size(push) + push;
    buf_reserve(b, UVARINT_MAX + reply);
    char *at = b->p + b->n;
    at += uvarint_write(at, reply);
    *at++ = REPLY_PUSH;
    at += uvarint_write(at, push);
    *at++ = PUSH_CHANNEL;
    at += uvarint_write(at, channel.n);
    at = mempcpy(at, channel.p, channel.n);
    *at++ = PUSH_PUB;
    at += uvarint_write(at, pub);
    at = mempcpy(at, form.p, form.n);
    if (late)
        at = mempcpy(at, late_tag, sizeof late_tag);
    *at = 0;
    b->n = (size_t)(at - b->p);
}
