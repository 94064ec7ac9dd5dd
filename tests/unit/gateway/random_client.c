#include "random_client.h"

#include "sub.h"

#include "core/json.h"

#include <stdlib.h>

#define UNHEARD 30 /* a ping out of so many gets no answer */

/* ---- coming and going */

void random_client_come(struct random_client *c, struct world *w, int number)
{
    enum encoding encoding = world_once_in(w, 4) ? ENCODING_PROTOBUF : ENCODING_JSON;
    enum transport_kind kind = world_once_in(w, 3) ? world_dice(w, TRANSPORTS) : TRANSPORT_WEBSOCKET;
    bool events = transport_of(kind)->framing == FRAMING_EVENTS, one_way = transport_of(kind)->one_way;
    random_client_go(c);
    *c = (struct random_client){.world = w, .number = number};
    c->socket = calloc(1, sizeof *c->socket);
    c->socket->connection = connection_new(&w->g, c->socket, BYTES(""), kind, events || one_way ? ENCODING_JSON : encoding);
    c->socket->connection->deflates = w->g.deflate && kind == TRANSPORT_WEBSOCKET && world_once_in(w, 2);
    for (int i = 0; i < WORLD_CHANNELS; i++)
        c->views[i].offset = -1;
    world_note(w, "%d comes by %s%s", number, transport_of(kind)->name, c->socket->connection->encoding ? ", Protobuf" : "");
}

void random_client_go(struct random_client *c)
{
    if (c->socket)
        edges_leave(c->socket);
    c->socket = NULL;
}

bool random_client_is_gone(const struct random_client *c)
{
    return c->socket->close_code || c->socket->cut;
}

static bool is_one_way(const struct random_client *c)
{
    return connection_is_one_way(c->socket->connection);
}

/* ---- what it is told of a channel */

static void wrong(const struct random_client *c, const char *why, struct bytes line)
{
    world_fail(c->world, "client %d: %s: %.*s", c->number, why, BYTES_FMT(line));
}

static bool is_true(struct bytes json, const char *name)
{
    return json_type(json_member(json, name)) == JSON_TRUE;
}

/* The first one above what it has, but for what removals have taken. */
static bool follows(const struct random_client *c, int channel, int64_t offset)
{
    const struct random_view *v = &c->views[channel];
    if (!v->positioned && (v->offset < 0 || world_conflates(channel)))
        return offset > v->offset;
    int64_t removal = (int64_t)world_removal_below(c->world, channel, v->epoch, (uint64_t)offset);
    return offset == v->offset + 1 || (removal > v->offset && offset == removal + 1);
}

static void hear_data(const struct random_client *c, int channel, uint64_t offset, struct bytes pub)
{
    struct buf want = {0};
    const struct random_view *v = &c->views[channel];
    if (!v->deltas && v->positioned) {
        world_put_data(&want, channel, v->epoch, offset);
        if (!bytes_equal(json_member(pub, "data"), buf_bytes(&want)))
            wrong(c, "not what was published", pub);
    }
    buf_fini(&want);
}

static void hear_publication(struct random_client *c, int channel, struct bytes pub)
{
    struct random_view *v = &c->views[channel];
    uint64_t offset;
    if (!v->subscribed)
        wrong(c, "a publication though not subscribed", pub);
    if (!json_u64(json_member(pub, "offset"), &offset)) {
        if (!world_may_pass(channel) || v->positioned)
            wrong(c, "a publication without an offset", pub);
        return;
    }
    if (!follows(c, channel, (int64_t)offset))
        wrong(c, "a hole or a repeat", pub);
    hear_data(c, channel, offset, pub);
    v->offset = (int64_t)offset;
}

/* Of a reply, an entry of a connect's subs, or a push. */
static void begin_view(struct random_client *c, int channel, struct bytes said)
{
    struct random_view *v = &c->views[channel];
    struct bytes epoch = json_member(said, "epoch"), pub;
    struct json_iter it;
    uint64_t offset = 0;
    if (v->subscribed)
        wrong(c, "subscribed twice", said);
    *v = (struct random_view){.subscribed = true, .positioned = is_true(said, "positioned"), .offset = -1};
    v->deltas = is_true(said, "delta");
    if (v->positioned) {
        json_u64(json_member(said, "offset"), &offset);
        v->offset = (int64_t)offset;
        if (epoch.n < 2 || !bytes_u64(bytes_of(epoch.p + 1, epoch.n - 2), &v->epoch))
            wrong(c, "a position without an epoch", said);
    }
    json_array_each(&it, json_member(said, "publications"), &pub)
        hear_publication(c, channel, pub);
}

static void end_view(struct random_client *c, int channel)
{
    c->views[channel] = (struct random_view){.offset = -1};
}

static void begin_views(struct random_client *c, struct bytes subs)
{
    struct json_iter it;
    struct bytes key, value;
    if (json_type(subs) != JSON_OBJECT)
        return;
    json_object_each(&it, subs, &key, &value)
        begin_view(c, world_channel(bytes_of(key.p + 1, key.n - 2)), value);
}

/* ---- replies and pushes */

static void hear_reply(struct random_client *c, struct bytes line, uint64_t id)
{
    if (id >= CLIENT_COMMANDS || !c->asked[id])
        wrong(c, "a reply to nothing, or twice", line);
    const char *asked = c->asked[id];
    int channel = c->channels[id];
    struct bytes result = json_member(line, asked);
    c->asked[id] = NULL;
    if (json_type(json_member(line, "error")) == JSON_OBJECT)
        c->refused = id == 1;
    else if (json_type(result) != JSON_OBJECT)
        wrong(c, "a reply to another command", line);
    else if (id == 1)
        begin_views(c, json_member(result, "subs"));
    else if (strcmp(asked, "subscribe") == 0)
        begin_view(c, channel, result);
    else if (strcmp(asked, "unsubscribe") == 0)
        end_view(c, channel);
}

/* What follows where it stands. */
static bool may_be_gone(const struct random_client *c, int channel)
{
    const struct random_view *v = &c->views[channel];
    const struct world_log *log = &c->world->logs[channel];
    if (c->world->faults & (REFUSALS | CONFIGURATIONS))
        return true;
    if (!v->positioned)
        return c->world->faults & REMOVALS;
    return v->epoch != log->epoch || (int64_t)world_removal_below(c->world, channel, v->epoch, log->head + 1) > v->offset + 1;
}

static void hear_unsubscribe(struct random_client *c, int channel, struct bytes line)
{
    uint64_t code = 0;
    json_u64(json_member(json_member(json_member(line, "push"), "unsubscribe"), "code"), &code);
    if (code == UNSUBSCRIBE_INSUFFICIENT_STATE && !may_be_gone(c, channel))
        wrong(c, "told that something is gone which is not", line);
    end_view(c, channel);
}

static void hear_push(struct random_client *c, struct bytes line, struct bytes push)
{
    struct bytes name = json_member(push, "channel"), pub = json_member(push, "pub");
    struct bytes subscribe = json_member(push, "subscribe");
    if (name.n == 0) /* refresh */
        return;
    int channel = name.n < 2 ? -1 : world_channel(bytes_of(name.p + 1, name.n - 2));
    if (channel < 0)
        wrong(c, "no channel of ours", line);
    if (subscribe.n)
        begin_view(c, channel, subscribe);
    else if (pub.n)
        hear_publication(c, channel, pub);
    else if (!c->views[channel].subscribed)
        wrong(c, "told of a channel though not subscribed", line);
    else if (json_member(push, "unsubscribe").n)
        hear_unsubscribe(c, channel, line);
}

/* Of a one-way client, which asks without an id. */
static void hear_connect(struct random_client *c, struct bytes connect)
{
    c->connects = false;
    begin_views(c, json_member(connect, "subs"));
}

static void hear_line(struct random_client *c, struct bytes line)
{
    uint64_t id;
    struct bytes push = json_member(line, "push"), connect = json_member(line, "connect");
    if (json_check(line, JSON_DEPTH_MAX, NULL) < 0)
        wrong(c, "no JSON", line);
    if (c->ended || c->refused)
        wrong(c, "told something behind the end", line);
    if (bytes_is(line, "{}")) {
        c->pings++;
        return;
    }
    world_note(c->world, "  %d < %.*s", c->number, BYTES_FMT(line));
    if (json_u64(json_member(line, "id"), &id))
        hear_reply(c, line, id);
    else if (push.n)
        hear_push(c, line, push);
    else if (connect.n && c->connects)
        hear_connect(c, connect);
    else
        wrong(c, "neither a reply nor a push", line);
}

static bool next_line(const struct random_client *c, struct bytes *messages, struct buf *into)
{
    const char *end;
    buf_clear(into);
    if (c->socket->connection->encoding == ENCODING_PROTOBUF)
        return random_unpack(messages, into);
    do { /* a write of several ends with an empty one */
        if (messages->n == 0)
            return false;
        end = memchr(messages->p, '\n', messages->n);
        if (!end)
            wrong(c, "a line without an end", *messages);
        buf_append(into, messages->p, (size_t)(end - messages->p));
        *messages = bytes_of(end + 1, messages->n - into->n - 1);
    } while (into->n == 0);
    return true;
}

/* ---- saying and hearing */

static void say(struct random_client *c, struct bytes lines)
{
    struct buf packed = {0};
    if (c->socket->connection->encoding == ENCODING_JSON) {
        edges_say(c->socket, lines.p);
        return;
    }
    while (lines.n) {
        const char *end = memchr(lines.p, '\n', lines.n);
        size_t n = end ? (size_t)(end - lines.p) : lines.n;
        random_pack(&packed, bytes_of(lines.p, n));
        lines = bytes_of(lines.p + n + (end != NULL), lines.n - n - (end != NULL));
    }
    edges_say_binary(c->socket, buf_bytes(&packed));
    buf_fini(&packed);
}

/* It is not read while it is paused. */
static void answer_pings(struct random_client *c)
{
    for (; c->pings && !random_client_is_gone(c) && !c->socket->paused; c->pings--)
        if (!is_one_way(c) && (c->world->settles || !world_once_in(c->world, UNHEARD)))
            say(c, BYTES("{}"));
}

void random_client_hear(struct random_client *c)
{
    struct buf written = c->socket->written, line = {0};
    struct bytes rest = buf_bytes(&written);
    c->socket->written = (struct buf){0};
    while (next_line(c, &rest, &line))
        hear_line(c, buf_bytes(&line));
    buf_fini(&written);
    buf_fini(&line);
    if (c->socket->close_code && !c->ended)
        world_note(c->world, "  %d < closed with %u", c->number, c->socket->close_code);
    c->ended = c->socket->close_code;
    answer_pings(c);
}

static void say_one_way(struct random_client *c)
{
    struct world *w = c->world;
    static const char *const connects[] = {"{}", "{\"subs\":{\"x\":{\"recover\":true,\"offset\":3,\"epoch\":\"1\"},\"chat:x\":{}}}"};
    const char *connect = connects[world_dice(w, 2)];
    c->connects |= c->socket->connection->state == CONNECTION_FRESH; /* what it says later is nothing to anybody */
    if (c->connects)
        world_note(w, "%d > %s", c->number, connect);
    edges_say(c->socket, connect);
}

void random_client_say(struct random_client *c)
{
    struct buf lines = {0};
    if (is_one_way(c)) {
        say_one_way(c);
        return;
    }
    for (uint32_t n = 1 + world_dice(c->world, 4); n > 0; n--)
        random_command(c, &lines);
    world_note(c->world, "%d > %s", c->number, lines.p);
    say(c, buf_bytes(&lines));
    buf_fini(&lines);
}

/* ---- at rest */

/* Nothing that is still there is above what it was told last. */
static bool has_all(const struct random_client *c, int channel)
{
    const struct random_view *v = &c->views[channel];
    const struct world_log *log = &c->world->logs[channel];
    if (v->offset < 0)
        return true;
    return v->epoch == log->epoch && (v->offset == (int64_t)log->head ||
           world_removal_below(c->world, channel, v->epoch, log->head + 1) == log->head);
}

static void check_sub(const struct random_client *c, const struct sub *s)
{
    struct bytes full = channel_full(s->channel);
    int channel = world_channel(full);
    if (!s->live)
        wrong(c, "subscribes without an end", full);
    if (channel < 0)
        return;
    if (!c->views[channel].subscribed)
        wrong(c, "has a subscription that it was not told of", full);
    if (sub_is_behind(s) || (!s->passive && c->views[channel].positioned && !has_all(c, channel)))
        world_fail(c->world, "client %d: is behind in %.*s: told %lld, cursor %llu, head %llu of %llu", c->number, BYTES_FMT(full),
                   (long long)c->views[channel].offset, (unsigned long long)s->sent, (unsigned long long)s->channel->head,
                   (unsigned long long)c->world->logs[channel].head);
}

void random_client_check_rest(const struct random_client *c)
{
    const struct connection *connection = c->socket->connection;
    uint32_t subscribed = 0;
    if (random_client_is_gone(c))
        return;
    if (connection->state != CONNECTION_OPEN)
        world_fail(c->world, "client %d: stays in state %d", c->number, connection->state);
    for (uint32_t id = 1; id <= c->last_id; id++)
        if (c->asked[id])
            world_fail(c->world, "client %d: no reply to %s, id %u", c->number, c->asked[id], id);
    for (int i = 0; i < WORLD_CHANNELS; i++)
        subscribed += c->views[i].subscribed;
    for (uint32_t i = 0; i < connection->n_subs; i++) {
        check_sub(c, connection->subs[i]);
        subscribed -= world_channel(channel_full(connection->subs[i]->channel)) >= 0;
    }
    if (subscribed)
        world_fail(c->world, "client %d: has lost a subscription", c->number);
}
