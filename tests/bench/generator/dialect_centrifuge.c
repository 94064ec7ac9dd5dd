/* The JSON protocol of Centrifuge, and the floor's, which pushes the same lines without being
 * asked. */
#include "delivery.h"
#include "dialect.h"
#include "scan.h"
#include "swarm.h"

#include "core/json.h"

#define CONNECT_ID 1
#define FIRST_SUBSCRIBE_ID 2 /* of the connection's first subscription; the others follow */

static size_t count(const struct connection *c)
{
    return (size_t)c->swarm->options->subscriptions;
}

static void append_subscribe(struct connection *c, size_t nth, struct buf *into)
{
    struct subscription *s = &c->subscriptions[nth];
    s->refused = false;
    buf_printf(into, "{\"id\":%zu,\"subscribe\":{\"channel\":\"", nth + FIRST_SUBSCRIBE_ID);
    connection_append_channel(c, nth, into);
    buf_append_char(into, '"');
    if (s->before && s->epoch[0])
        buf_printf(into, ",\"recover\":true,\"offset\":%llu,\"epoch\":\"%s\"",
                   (unsigned long long)(s->order.next - 1), s->epoch);
    buf_append_str(into, "}}");
}

static void append_connect(const struct connection *c, struct buf *into)
{
    const char *token = c->swarm->options->token;
    buf_append_str(into, "{\"id\":1,\"connect\":{\"name\":\"cellcast-bench\"");
    if (token[0]) {
        buf_append_str(into, ",\"token\":");
        json_append_string(into, bytes_str(token));
    }
    buf_append_str(into, "}}");
}

static void join(struct connection *c)
{
    struct buf text = {0};
    append_connect(c, &text);
    for (size_t i = 0; c->swarm->sdk.one_frame && i < count(c); i++) {
        buf_append_char(&text, '\n');
        append_subscribe(c, i, &text);
    }
    connection_say(c, buf_bytes(&text));
    buf_fini(&text);
}

static void subscribe(struct connection *c, size_t nth)
{
    struct buf text = {0};
    append_subscribe(c, nth, &text);
    connection_say(c, buf_bytes(&text));
    buf_fini(&text);
}

static void subscribe_to_all(struct connection *c)
{
    connection_asked(c);
    for (size_t i = 0; i < count(c) && c->state == CONNECTION_JOINING; i++)
        subscribe(c, i);
}

static void resubscribe(struct connection *c)
{
    for (size_t i = 0; i < count(c) && c->state == CONNECTION_JOINING; i++)
        if (c->subscriptions[i].refused)
            subscribe(c, i);
}

static bool is_true(struct bytes object, const char *name)
{
    return json_type(json_member(object, name)) == JSON_TRUE;
}

static uint64_t number(struct bytes object, const char *name)
{
    uint64_t v = 0;
    json_u64(json_member(object, name), &v);
    return v;
}

static void on_connect(struct connection *c, struct bytes result)
{
    c->ping_s = (uint16_t)number(result, "ping");
    c->pong = is_true(result, "pong");
    connection_accepted(c);
    if (!c->swarm->sdk.one_frame)
        subscribe_to_all(c);
}

struct member {
    const char *name;
    struct bytes *ret; /* its value; not set where there is none */
};

/* All in one walk: with what was missed in it, a reply to a subscribe is long. */
static void read_members(struct bytes object, const struct member *members, size_t n)
{
    struct json_iter it;
    struct bytes key, value;
    json_object_each (&it, object, &key, &value)
        for (size_t i = 0; i < n; i++)
            if (json_key_is(key, members[i].name))
                *members[i].ret = value;
}

#define READ_MEMBERS(object, ...)                                                                            \
    read_members(object, (const struct member[]){__VA_ARGS__},                                               \
                 sizeof((const struct member[]){__VA_ARGS__}) / sizeof(struct member))

/* -> false when the epoch is longer than there is room for */
static bool keep_epoch(struct subscription *s, struct bytes value)
{
    struct buf epoch = {0};
    if (json_type(value) == JSON_STRING)
        json_string(value, &epoch);
    bool fits = epoch.n <= EPOCH_MAX;
    if (fits && epoch.n)
        memcpy(s->epoch, epoch.p, epoch.n + 1);
    buf_fini(&epoch);
    return fits;
}

/* What was missed is in the reply, or follows it as pushes. */
static void on_subscribe(struct connection *c, struct subscription *s, struct bytes result,
                         const struct stamp *at)
{
    struct report *r = c->swarm->report;
    struct bytes was_recovered = {0}, epoch = {0}, offset_value = {0}, publications = {0};
    READ_MEMBERS(result, {"recovered", &was_recovered}, {"epoch", &epoch}, {"offset", &offset_value},
                 {"publications", &publications});
    bool recovered = json_type(was_recovered) == JSON_TRUE, asked = s->before && s->epoch[0];
    uint64_t offset = 0;
    r->recovered += asked && recovered;
    r->not_recovered += asked && !recovered;
    if (!keep_epoch(s, epoch)) {
        connection_error(c);
        return;
    }
    json_u64(offset_value, &offset);
    if (!(asked && recovered))
        s->order = (struct order){0};
    if (!(asked && recovered) && s->epoch[0])
        order_begin(&s->order, offset + 1);
    s->before = true;
    struct json_iter it;
    struct bytes publication;
    json_array_each (&it, publications, &publication) {
        struct delivery d = {0};
        if (scan_publication(publication, &d))
            delivery_take(c, s, &d, at);
        else
            r->unreadable++;
    }
    connection_subscribed(c);
}

static void on_error(struct connection *c, uint64_t id, struct bytes error)
{
    bool for_ever = !is_true(error, "temporary");
    if (id >= FIRST_SUBSCRIBE_ID && !for_ever) {
        connection_refused(c, id - FIRST_SUBSCRIBE_ID);
        return;
    }
    connection_note(c, id == CONNECT_ID ? &c->swarm->report->connect_errors
                                        : &c->swarm->report->subscribe_errors);
    connection_turned_away(c, for_ever);
}

struct line {
    struct bytes id, error, connect, subscribe, push;
};

static void on_reply(struct connection *c, uint64_t id, const struct line *l, const struct stamp *at)
{
    if (id < CONNECT_ID || id >= FIRST_SUBSCRIBE_ID + count(c))
        connection_error(c);
    else if (json_type(l->error) == JSON_OBJECT)
        on_error(c, id, l->error);
    else if (id == CONNECT_ID)
        on_connect(c, l->connect);
    else
        on_subscribe(c, &c->subscriptions[id - FIRST_SUBSCRIBE_ID], l->subscribe, at);
}

/* A line that scan_line does not know: a reply, or a push that is no publication of ours. */
static void on_other(struct connection *c, struct bytes text, const struct stamp *at)
{
    uint64_t id;
    if (json_check(text, JSON_DEPTH_MAX, NULL) < 0) {
        connection_error(c);
        return;
    }
    struct line l = {0};
    READ_MEMBERS(text, {"id", &l.id}, {"error", &l.error}, {"connect", &l.connect}, {"subscribe", &l.subscribe},
                 {"push", &l.push});
    if (json_u64(l.id, &id))
        on_reply(c, id, &l, at);
    else if (json_type(json_member(l.push, "unsubscribe")) == JSON_OBJECT)
        connection_lost(c); /* one that has lost a subscription begins anew */
    else if (json_type(json_member(l.push, "join")) != JSON_OBJECT &&
             json_type(json_member(l.push, "leave")) != JSON_OBJECT)
        c->swarm->report->unreadable++;
}

static void receive(struct connection *c, struct bytes message, const struct stamp *at)
{
    struct bytes line;
    while (c->state >= CONNECTION_JOINING && c->state != CONNECTION_ENDED &&
           scan_next_line(&message, &line)) {
        struct delivery d = {0};
        enum line_kind kind = scan_line(line, &d);
        if (kind == LINE_PUBLICATION)
            delivery_take(c, delivery_find(c, d.channel), &d, at);
        else if (kind == LINE_OTHER)
            on_other(c, line, at);
        else if (c->pong)
            connection_say(c, BYTES("{}"));
    }
}

#define PATH "/connection/websocket"

const struct dialect dialect_centrifuge = {
    .name = "centrifuge",
    .path = PATH,
    .join = join,
    .resubscribe = resubscribe,
    .receive = receive,
};

/* ---- the floor */

static void be_joined(struct connection *c)
{
    connection_accepted(c);
    for (int64_t i = 0; i < c->swarm->options->subscriptions; i++)
        connection_subscribed(c);
}

const struct dialect dialect_floor = {
    .name = "floor", .path = PATH, .join = be_joined, .receive = receive};
