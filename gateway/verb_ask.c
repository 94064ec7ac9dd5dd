/* history, presence and presence_stats, and the rpc cellcast.presence: presence in pages. */
#include "errand.h"
#include "gateway.h"
#include "hub.h"
#include "permission.h"
#include "presence.h"
#include "publication.h"
#include "reply.h"
#include "rpc.h"

#include "core/json.h"

typedef uint32_t permission_fn(const struct config_channel *c, struct bytes user, bool subscribed);

/* -> whether the command goes on; otherwise it has been answered */
static bool may_ask(struct connection *c, const struct command *m, permission_fn *permission, struct config_channel *ret)
{
    if (!verb_channel(c, m, ret))
        return false;
    const struct channel *channel = hub_find(c->gateway, ret->full);
    uint32_t code = permission(ret, connection_user(c), channel && connection_sub(c, channel));
    if (code)
        connection_reply_error(c, m->id, code);
    return code == 0;
}

/* ---- history */

/* As many as an answer may have bytes, one at least. -> 0, 100: the worker's list can't be read */
static uint32_t list_publications(struct connection *c, struct bytes from, struct buf *into)
{
    size_t most = (size_t)c->gateway->options->history_bytes;
    struct buf json = {0}, encoded = {0};
    struct publication p;
    int more;
    while ((more = wire_next_publication(&from, &p)) > 0) {
        buf_clear(&json);
        buf_clear(&encoded);
        publication_json(&json, &p, false);
        encoders[c->encoding].publication(&encoded, buf_bytes(&json));
        if (into->n && into->n + encoded.n > most)
            break;
        wire_put_str(into, buf_bytes(&encoded));
    }
    buf_fini(&json);
    buf_fini(&encoded);
    return more < 0 ? 100 : 0;
}

static void history_came(void *ctx, const struct ops_range *answer)
{
    struct errand *e = ctx;
    uint32_t id = e->id;
    struct connection *c = errand_end(e);
    struct buf list = {0};
    struct reply reply = {.id = id, .kind = REPLY_HISTORY, .history = {.epoch = answer->epoch, .offset = answer->head}};
    uint32_t code = answer->code ? answer->code : list_publications(c, answer->publications, &list);
    reply.history.publications = buf_bytes(&list);
    if (code)
        connection_reply_error(c, id, code);
    else
        connection_reply(c, &reply);
    buf_fini(&list);
}

void verb_history(struct connection *c, const struct command *m)
{
    struct config_channel ch;
    struct history_query q = {.limit = m->limit,
                              .has_since = m->has_since,
                              .since_seq = m->offset,
                              .since_epoch = m->epoch,
                              .reverse = m->reverse,
                              .now_ms = c->gateway->now_us / 1000};
    if (!may_ask(c, m, permission_history, &ch))
        return;
    uint32_t code = history_check(&q);
    if (code) {
        connection_reply_error(c, m->id, code);
        return;
    }
    struct errand *e = errand_new(c, m->id);
    e->history = history_read(c->gateway, &ch, &q, history_came, e);
}

/* ---- presence */

static void presence_came(void *ctx, const struct ops_presence *answer)
{
    struct errand *e = ctx;
    uint32_t id = e->id;
    struct connection *c = errand_end(e);
    if (answer->code || answer->next) {
        connection_reply_error(c, id, answer->code ? answer->code : PRESENCE_TOO_LONG);
        return;
    }
    connection_reply(c, &(struct reply){.id = id, .kind = REPLY_PRESENCE, .presence = answer});
}

static void page_came(void *ctx, const struct ops_presence *answer)
{
    struct errand *e = ctx;
    uint32_t id = e->id;
    struct connection *c = errand_end(e);
    if (answer->code) {
        connection_reply_error(c, id, answer->code);
        return;
    }
    struct buf data = {0};
    buf_append_char(&data, '{');
    presence_put_page(&data, answer);
    buf_append_char(&data, '}');
    rpc_reply(c, id, &data);
}

static void stats_came(void *ctx, const struct ops_presence *answer)
{
    struct errand *e = ctx;
    uint32_t id = e->id;
    struct connection *c = errand_end(e);
    if (answer->code) {
        connection_reply_error(c, id, answer->code);
        return;
    }
    connection_reply(c, &(struct reply){.id = id, .kind = REPLY_PRESENCE_STATS, .presence = answer});
}

void verb_presence(struct connection *c, const struct command *m)
{
    struct config_channel ch;
    if (!may_ask(c, m, permission_presence, &ch))
        return;
    struct errand *e = errand_new(c, m->id);
    e->ticket = ops_presence(c->gateway, ch.full, 0, presence_limit(ch.ns, 0), presence_came, e);
}

void verb_presence_stats(struct connection *c, const struct command *m)
{
    struct config_channel ch;
    if (!may_ask(c, m, permission_presence, &ch))
        return;
    struct errand *e = errand_new(c, m->id);
    e->ticket = ops_presence(c->gateway, ch.full, 0, 0, stats_came, e);
}

/* {"channel":"…","limit":100,"cursor":"…"} */
void rpc_presence(struct connection *c, const struct command *m)
{
    struct command like = {.id = m->id};
    struct config_channel ch;
    struct bytes cursor = {0}, limit_json = json_member(m->data, "limit");
    struct buf memory = {0};
    uint64_t after = 0;
    int64_t limit = 0;
    buf_reserve(&memory, m->data.n); /* decoded texts are no longer: it does not move */
    bool good = json_type(m->data) == JSON_OBJECT && rpc_text(m->data, "channel", &memory, &like.channel) &&
                rpc_text(m->data, "cursor", &memory, &cursor) && (cursor.n == 0 || bytes_u64(cursor, &after)) &&
                (json_is_absent(limit_json) || json_i64(limit_json, &limit));
    if (!good) {
        connection_reply_error(c, m->id, 107);
    } else if (may_ask(c, &like, permission_presence, &ch)) {
        struct errand *e = errand_new(c, m->id);
        e->ticket = ops_presence(c->gateway, ch.full, after, presence_limit(ch.ns, limit), page_came, e);
    }
    buf_fini(&memory);
}
