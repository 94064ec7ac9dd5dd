/* Replies and pushes as lines of JSON. */
#include "reply.h"

#include "channel.h"
#include "codes.h"
#include "error.h"
#include "hold.h"
#include "presence.h"

#include "core/json.h"
#include "wire/codec.h"

static const char *const names[REPLY_KINDS] = {
    [REPLY_CONNECT] = "connect",
    [REPLY_SUBSCRIBE] = "subscribe",
    [REPLY_UNSUBSCRIBE] = "unsubscribe",
    [REPLY_PUBLISH] = "publish",
    [REPLY_PRESENCE] = "presence",
    [REPLY_PRESENCE_STATS] = "presence_stats",
    [REPLY_HISTORY] = "history",
    [REPLY_RPC] = "rpc",
    [REPLY_REFRESH] = "refresh",
    [REPLY_SUB_REFRESH] = "sub_refresh",
};

/* ---- members: a comma stands in front of each but an object's first */

static void member(struct buf *b, const char *key)
{
    if (b->p[b->n - 1] != '{')
        buf_append_char(b, ',');
    buf_append_char(b, '"');
    buf_append_str(b, key);
    buf_append_str(b, "\":");
}

static void number(struct buf *b, const char *key, uint64_t value)
{
    member(b, key);
    buf_append_u64(b, value);
}

static void text_number(struct buf *b, const char *key, uint64_t value)
{
    member(b, key);
    buf_append_char(b, '"');
    buf_append_u64(b, value);
    buf_append_char(b, '"');
}

/* What needs no escapes. */
static void plain(struct buf *b, const char *key, struct bytes text)
{
    member(b, key);
    buf_append_char(b, '"');
    buf_append_bytes(b, text);
    buf_append_char(b, '"');
}

static void flag(struct buf *b, const char *key, bool value)
{
    if (!value)
        return;
    member(b, key);
    buf_append_str(b, "true");
}

static void ttl_if_any(struct buf *b, uint32_t ttl)
{
    flag(b, "expires", ttl > 0);
    if (ttl)
        number(b, "ttl", ttl);
}

static void json_if_any(struct buf *b, const char *key, struct bytes json)
{
    if (json.n == 0)
        return;
    member(b, key);
    json_append_line(b, json);
}

/* What is encoded already. brackets: of the array or object */
static void list(struct buf *b, const char *key, struct bytes items, const char brackets[2])
{
    struct bytes one;
    member(b, key);
    buf_append_char(b, brackets[0]);
    for (bool more = wire_get_str(&items, &one); more;) {
        buf_append_bytes(b, one);
        more = wire_get_str(&items, &one);
        if (more)
            buf_append_char(b, ',');
    }
    buf_append_char(b, brackets[1]);
}

/* ---- replies */

static void put_connected(struct buf *b, const struct reply_connected *r)
{
    plain(b, "client", r->client);
    plain(b, "version", bytes_str(r->version));
    ttl_if_any(b, r->ttl);
    if (r->ping_s)
        number(b, "ping", r->ping_s);
    flag(b, "pong", r->pong);
    json_if_any(b, "data", r->data);
    if (r->subs.n)
        list(b, "subs", r->subs, "{}");
    if (r->session.n)
        plain(b, "session", r->session);
    if (r->node.n)
        plain(b, "node", r->node);
}

static void put_subscribed(struct buf *b, const struct reply_subscribed *r)
{
    ttl_if_any(b, r->ttl);
    if (r->positioned) {
        flag(b, "recoverable", r->recoverable);
        text_number(b, "epoch", r->epoch);
        flag(b, "positioned", true);
    }
    if (r->positioned && r->offset)
        number(b, "offset", r->offset);
    flag(b, "was_recovering", r->was_recovering);
    flag(b, "recovered", r->positioned && r->recovered);
    json_if_any(b, "data", r->data);
    flag(b, "delta", r->delta);
    if (r->publications.n)
        list(b, "publications", r->publications, "[]");
}

static void put_history(struct buf *b, const struct reply_history *r)
{
    list(b, "publications", r->publications, "[]");
    text_number(b, "epoch", r->epoch);
    number(b, "offset", r->offset);
}

static void put_result(struct buf *b, const struct reply *r)
{
    switch (r->kind) {
    case REPLY_CONNECT:
    case REPLY_REFRESH:
        put_connected(b, &r->connected);
        break;
    case REPLY_SUBSCRIBE:
        put_subscribed(b, &r->subscribed);
        break;
    case REPLY_PRESENCE:
        presence_put_list(b, r->presence);
        break;
    case REPLY_PRESENCE_STATS:
        presence_put_counts(b, r->presence->clients, r->presence->users);
        break;
    case REPLY_HISTORY:
        put_history(b, &r->history);
        break;
    case REPLY_RPC:
        json_if_any(b, "data", r->data);
        break;
    case REPLY_SUB_REFRESH:
        ttl_if_any(b, r->ttl);
        break;
    case REPLY_UNSUBSCRIBE:
    case REPLY_PUBLISH:
    case REPLY_PING:
    case REPLY_ERROR:
    case REPLY_OWN_ERROR:
    case REPLY_KINDS:
        break;
    }
}

static void put_own_error(struct buf *b, const struct reply_own_error *e)
{
    buf_append_char(b, '{');
    number(b, "code", e->code);
    member(b, "message");
    json_append_string(b, e->message);
    flag(b, "temporary", e->temporary);
    buf_append_char(b, '}');
}

void reply_json(struct buf *b, const struct reply *r)
{
    buf_append_char(b, '{');
    if (r->id)
        number(b, "id", r->id);
    if (r->kind == REPLY_ERROR) {
        member(b, "error");
        error_json(b, r->error, true);
    } else if (r->kind == REPLY_OWN_ERROR) {
        member(b, "error");
        put_own_error(b, &r->own_error);
    } else if (names[r->kind]) {
        member(b, names[r->kind]);
        buf_append_char(b, '{');
        put_result(b, r);
        buf_append_char(b, '}');
    }
    buf_append_str(b, "}\n");
}

void entry_json(struct buf *b, struct bytes channel, const struct reply_subscribed *r)
{
    json_append_string(b, channel);
    buf_append_str(b, ":{");
    put_subscribed(b, r);
    buf_append_char(b, '}');
}

/* ---- pushes */

static void put_info(struct buf *b, const char *what, struct bytes info)
{
    buf_printf(b, "\"%s\":{\"info\":", what);
    buf_append_bytes(b, info);
}

static void put_disconnect(struct buf *b, uint32_t code, const char *reason)
{
    buf_append_str(b, "\"disconnect\":{");
    number(b, "code", code);
    member(b, "reason");
    json_append_string(b, bytes_str(reason));
    flag(b, "reconnect", disconnect_comes_back(code));
}

void push_json(struct buf *b, const struct channel *c, bool full, const struct push *p)
{
    if (c)
        channel_put_push(c, full, b);
    else
        buf_append_str(b, "{\"push\":{");
    switch (p->kind) {
    case PUSH_SUBSCRIBE:
        buf_append_str(b, "\"subscribe\":{");
        put_subscribed(b, &p->subscribed);
        break;
    case PUSH_REFRESH:
        buf_append_str(b, "\"refresh\":{");
        ttl_if_any(b, p->ttl);
        break;
    case PUSH_UNSUBSCRIBE:
        buf_printf(b, "\"unsubscribe\":{\"code\":%u,\"reason\":\"%s\"", p->unsubscribe.code, p->unsubscribe.reason);
        break;
    case PUSH_DISCONNECT:
        put_disconnect(b, p->disconnect.code, p->disconnect.reason);
        break;
    case PUSH_JOIN:
        put_info(b, "join", p->info);
        break;
    case PUSH_LEAVE:
        put_info(b, "leave", p->info);
        break;
    case PUSH_MESSAGE:
        buf_append_str(b, "\"message\":{\"data\":");
        json_append_line(b, p->data);
        break;
    case PUSH_COUNTS:
    case PUSH_HEAD:
        break;
    }
    buf_append_str(b, "}}}\n");
}

/* ---- publications */

/* All forms of a frame end alike. */
static void put_marked(struct buf *b, const struct frame *f, struct bytes form)
{
    size_t at = form.n - (f->n - f->after->mark_at);
    buf_append(b, form.p, at);
    buf_append_str(b, HOLD_LATE_TAG);
    buf_append(b, form.p + at, form.n - at);
}

void frame_json(struct buf *b, const struct channel *c, bool full, const struct frame *f, struct bytes form, bool late)
{
    channel_put_push(c, full, b);
    buf_append(b, "\"pub\":", 6);
    if (late)
        put_marked(b, f, form);
    else
        buf_append_bytes(b, form);
    buf_append(b, "}}\n", 3);
}
