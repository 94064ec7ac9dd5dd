#include "reply.h"

#include "error.h"
#include "presence.h"
#include "publication.h"

#include "core/json.h"

#include <errno.h>

static void begin(struct buf *b, uint32_t id, const char *type)
{
    buf_append_str(b, "{\"id\":");
    buf_append_u64(b, id);
    buf_append_str(b, ",\"");
    buf_append_str(b, type);
    buf_append_str(b, "\":{");
}

void reply_end(struct buf *b)
{
    buf_append_str(b, "}}\n");
}

static void number(struct buf *b, const char *key, uint64_t value)
{
    buf_append_char(b, '"');
    buf_append_str(b, key);
    buf_append_str(b, "\":");
    buf_append_u64(b, value);
}

static void text_number(struct buf *b, const char *key, uint64_t value)
{
    buf_append_char(b, '"');
    buf_append_str(b, key);
    buf_append_str(b, "\":\"");
    buf_append_u64(b, value);
    buf_append_char(b, '"');
}

static void json_if_any(struct buf *b, const char *key, struct bytes json)
{
    if (json.n == 0)
        return;
    buf_append_str(b, key);
    json_append_line(b, json);
}

static void ttl_if_any(struct buf *b, uint32_t ttl)
{
    if (ttl == 0)
        return;
    buf_append_str(b, ",\"expires\":true,");
    number(b, "ttl", ttl);
}

void reply_ping(struct buf *b)
{
    buf_append_str(b, "{}\n");
}

void reply_error(struct buf *b, uint32_t id, uint32_t code)
{
    buf_append_str(b, "{\"id\":");
    buf_append_u64(b, id);
    buf_append_str(b, ",\"error\":");
    error_json(b, code, true);
    buf_append_str(b, "}\n");
}

void reply_empty(struct buf *b, uint32_t id, const char *type)
{
    begin(b, id, type);
    reply_end(b);
}

void reply_connected(struct buf *b, uint32_t id, const char *type, const struct reply_connected *r)
{
    begin(b, id, type);
    buf_append_str(b, "\"client\":\"");
    buf_append_bytes(b, r->client);
    buf_append_str(b, "\",\"version\":\"");
    buf_append_str(b, r->version);
    buf_append_char(b, '"');
    ttl_if_any(b, r->ttl);
    if (r->ping_s) {
        buf_append_char(b, ',');
        number(b, "ping", r->ping_s);
        buf_append_str(b, ",\"pong\":true");
    }
    json_if_any(b, ",\"data\":", r->data);
    if (r->subs.n) {
        buf_append_str(b, ",\"subs\":{");
        buf_append_bytes(b, r->subs);
        buf_append_char(b, '}');
    }
    reply_end(b);
}

void reply_sub_refreshed(struct buf *b, uint32_t id, uint32_t ttl)
{
    begin(b, id, "sub_refresh");
    if (ttl) {
        buf_append_str(b, "\"expires\":true,");
        number(b, "ttl", ttl);
    }
    reply_end(b);
}

void reply_presence(struct buf *b, uint32_t id, const struct ops_presence *answer)
{
    begin(b, id, "presence");
    presence_put_list(b, answer);
    reply_end(b);
}

void reply_presence_stats(struct buf *b, uint32_t id, const struct ops_presence *answer)
{
    begin(b, id, "presence_stats");
    presence_put_counts(b, answer->clients, answer->users);
    reply_end(b);
}

void reply_presence_page(struct buf *b, uint32_t id, const struct ops_presence *answer)
{
    begin(b, id, "rpc");
    buf_append_str(b, "\"data\":{");
    presence_put_page(b, answer);
    buf_append_char(b, '}');
    reply_end(b);
}

int reply_history(struct buf *b, uint32_t id, const struct ops_range *answer, size_t most_bytes)
{
    struct bytes list = answer->publications;
    struct publication p;
    size_t start = b->n;
    int more;
    begin(b, id, "history");
    buf_append_str(b, "\"publications\":[");
    size_t first = b->n;
    while ((more = wire_next_publication(&list, &p)) > 0) {
        size_t before = b->n;
        if (before > first)
            buf_append_char(b, ',');
        publication_json(b, &p, false);
        if (before == first || b->n - first <= most_bytes)
            continue;
        b->n = before;
        break;
    }
    if (more < 0) {
        b->n = start;
        return -EBADMSG;
    }
    buf_append_str(b, "],");
    text_number(b, "epoch", answer->epoch);
    buf_append_char(b, ',');
    number(b, "offset", answer->head);
    reply_end(b);
    return 0;
}

void reply_published(struct buf *b, uint32_t id, const struct ops_published *answer)
{
    begin(b, id, "rpc");
    buf_append_str(b, "\"data\":{");
    if (answer->seq) { /* an ephemeral one has no position */
        number(b, "offset", answer->seq);
        buf_append_char(b, ',');
        text_number(b, "epoch", answer->epoch);
        buf_append_char(b, ',');
        text_number(b, "id", answer->id);
    }
    buf_append_char(b, '}');
    reply_end(b);
}

void reply_rpc_done(struct buf *b, uint32_t id)
{
    begin(b, id, "rpc");
    buf_append_str(b, "\"data\":{}");
    reply_end(b);
}

static void position(struct buf *b, const struct reply_subscribed *r)
{
    if (r->recoverable)
        buf_append_str(b, ",\"recoverable\":true");
    buf_append_char(b, ',');
    text_number(b, "epoch", r->epoch);
    buf_append_str(b, ",\"positioned\":true");
    if (r->offset) {
        buf_append_char(b, ',');
        number(b, "offset", r->offset);
    }
}

/* Members, the first one without a comma. */
static void subscribed(struct buf *b, const struct reply_subscribed *r)
{
    size_t first = b->n;
    ttl_if_any(b, r->ttl);
    if (r->positioned)
        position(b, r);
    if (r->was_recovering)
        buf_append_str(b, ",\"was_recovering\":true");
    if (r->positioned && r->recovered)
        buf_append_str(b, ",\"recovered\":true");
    json_if_any(b, ",\"data\":", r->data);
    if (b->n == first)
        return;
    memmove(b->p + first, b->p + first + 1, b->n - first - 1);
    b->n--;
}

void reply_subscribed_begin(struct buf *b, uint32_t id, const struct reply_subscribed *r)
{
    begin(b, id, "subscribe");
    subscribed(b, r);
}

void reply_entry_begin(struct buf *b, struct bytes channel, const struct reply_subscribed *r)
{
    if (b->n)
        buf_append_char(b, ',');
    json_append_string(b, channel);
    buf_append_str(b, ":{");
    subscribed(b, r);
}

void reply_entry_end(struct buf *b)
{
    buf_append_char(b, '}');
}

/* ---- pushes */

void push_unsubscribe(struct buf *b, struct bytes head, uint32_t code, const char *reason)
{
    buf_append_bytes(b, head);
    buf_append_str(b, "\"unsubscribe\":{");
    number(b, "code", code);
    buf_append_str(b, ",\"reason\":\"");
    buf_append_str(b, reason);
    buf_append_str(b, "\"}}}\n");
}

void push_subscribe(struct buf *b, struct bytes head, const struct reply_subscribed *r)
{
    buf_append_bytes(b, head);
    buf_append_str(b, "\"subscribe\":{");
    subscribed(b, r);
    buf_append_str(b, "}}}\n");
}

void push_refresh(struct buf *b, uint32_t ttl)
{
    buf_append_str(b, "{\"push\":{\"refresh\":{");
    if (ttl) {
        buf_append_str(b, "\"expires\":true,");
        number(b, "ttl", ttl);
    }
    buf_append_str(b, "}}}\n");
}

static void push_info(struct buf *b, struct bytes head, const char *what, struct bytes info)
{
    buf_append_bytes(b, head);
    buf_append_char(b, '"');
    buf_append_str(b, what);
    buf_append_str(b, "\":{\"info\":");
    buf_append_bytes(b, info);
    buf_append_str(b, "}}}\n");
}

void push_join(struct buf *b, struct bytes head, struct bytes info)
{
    push_info(b, head, "join", info);
}

void push_leave(struct buf *b, struct bytes head, struct bytes info)
{
    push_info(b, head, "leave", info);
}

#define HEAD "{\"push\":{" /* of what channel_put_push puts; the channel follows */

/* A message of ours about the channel, left open. SDKs show it without its push's channel, which is in it once more. */
static void begin_message(struct buf *b, struct bytes head, const char *about)
{
    size_t skip = sizeof HEAD - 1;
    buf_append_bytes(b, head);
    buf_append_str(b, "\"message\":{\"data\":{\"");
    buf_append_str(b, about);
    buf_append_str(b, "\":{");
    buf_append(b, head.p + skip, head.n - skip);
}

static void end_message(struct buf *b)
{
    buf_append_str(b, "}}}}}\n");
}

void push_counts(struct buf *b, struct bytes head, uint32_t clients, uint32_t users)
{
    begin_message(b, head, "presence");
    presence_put_counts(b, clients, users);
    end_message(b);
}

void push_head(struct buf *b, struct bytes head, uint64_t epoch, uint64_t offset)
{
    begin_message(b, head, "head");
    number(b, "offset", offset);
    buf_append_char(b, ',');
    text_number(b, "epoch", epoch);
    end_message(b);
}

void client_info_json(struct buf *b, struct bytes user, struct bytes client, struct bytes conn_info, struct bytes chan_info)
{
    buf_append_str(b, "{\"user\":");
    json_append_string(b, user);
    buf_append_str(b, ",\"client\":");
    json_append_string(b, client);
    json_if_any(b, ",\"conn_info\":", conn_info);
    json_if_any(b, ",\"chan_info\":", chan_info);
    buf_append_char(b, '}');
}
