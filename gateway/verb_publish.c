/* publish, and the rpc cellcast.publish, which can say what publish can't: after, tags, a key. Where the namespace says so, the
 * tenant's application decides on both. */
#include "gateway.h"
#include "hub.h"
#include "permission.h"
#include "reply.h"
#include "rpc.h"
#include "sub.h"
#include "verb_proxy.h"

#include "core/json.h"

#define TAGS_MAX 16384 /* bytes of JSON */
#define KEY_MAX 255    /* bytes of an idempotency key */

/* What of a publish comes from the client, or from the tenant's application, besides the channel. */
struct said {
    struct bytes data;
    bool data_is_json;
    struct bytes tags, after, key; /* or empty */
};

/* A command, understood. */
struct order {
    const struct command *command;
    struct bytes channel; /* as it was spelled */
    struct said said;
    ops_published_fn *done;
    struct buf memory, after;
};

/* -> 0, or an error code: nobody could publish this */
static uint32_t check(const struct config_channel *ch, const struct said *said)
{
    if (said->data.n == 0 || said->data.n > DATA_MAX || permission_data(ch, said->data, said->data_is_json))
        return 107;
    return ch->ns->options.ephemeral && (said->after.n || said->key.n) ? 108 : 0; /* nobody would keep that promise */
}

static uint32_t permit(const struct connection *c, const struct config_channel *ch)
{
    const struct channel *channel = hub_find(c->gateway, ch->full);
    return permission_publish(ch, connection_user(c), channel && connection_sub(c, channel));
}

static void publish(struct connection *c, const struct order *o, const struct config_channel *ch)
{
    const struct channel *channel = hub_find(c->gateway, ch->full);
    const struct sub *s = channel ? connection_sub(c, channel) : NULL;
    struct errand *e = errand_new(c, o->command->id);
    e->ticket = ops_publish(c->gateway,
                            &(struct ops_publish){.channel = ch->full,
                                                  .format = ch->ns->format,
                                                  .data = o->said.data,
                                                  .tags = o->said.tags,
                                                  .info = s ? sub_info(s) : connection_info(c),
                                                  .after = o->said.after,
                                                  .key = o->said.key,
                                                  .shown = c->shown,
                                                  .ephemeral = ch->ns->options.ephemeral ? ch->tenant : NULL},
                            o->done, e);
}

/* ---- where the tenant's application decides */

/* An object of strings without our own keys. */
static bool tags_are_good(struct bytes tags)
{
    struct bytes key, value;
    struct json_iter it;
    if (json_type(tags) != JSON_OBJECT || tags.n > TAGS_MAX)
        return false;
    json_object_each(&it, tags, &key, &value)
    {
        if (json_type(value) != JSON_STRING || json_key_is(key, "id") || json_key_is(key, "after"))
            return false;
    }
    return true;
}

/* What the application wants otherwise. -> 0, or an error code: what it wants can't be */
static uint32_t change(struct said *said, const struct proxy_result *r)
{
    if (r->version)
        return 108; /* as in the HTTP API: to drop that promise silently would deliver what is wanted dropped */
    if (r->key.n > KEY_MAX || (r->tags.n && !tags_are_good(r->tags)))
        return 100;
    if (r->data.n) {
        said->data = r->data;
        said->data_is_json = true;
    }
    said->tags = r->tags.n ? r->tags : said->tags;
    said->key = r->key.n ? r->key : said->key;
    return 0;
}

static void handle(struct connection *c, const struct command *m, const struct proxy_result *allowed);

static void answered(void *ctx, const struct proxy_answer *a)
{
    struct errand *e = ctx;
    struct command *m = errand_take(e);
    struct connection *c = errand_end(e);
    if (!verb_proxy_refused(c, m->id, a))
        handle(c, m, &a->result);
    command_free(m);
}

static void ask(struct connection *c, const struct order *o, const struct config_channel *ch)
{
    struct proxy_question q = {
        .event = PROXY_PUBLISH, .channel = ch->name, .data = o->said.data, .binary = !o->said.data_is_json};
    if (!proxy_is_set(ch->tenant, PROXY_PUBLISH)) {
        connection_reply_error(c, o->command->id, 108);
        return;
    }
    struct errand *e = errand_keep(c, o->command);
    errand_orders(e);
    e->proxy = proxy_ask(c, ch->tenant, &q, answered, e);
}

/* ---- from a command to what was published */

/* allowed: what the application said, or NULL: it has not been asked. */
static void decide(struct connection *c, struct order *o, const struct config_channel *ch, const struct proxy_result *allowed)
{
    bool asks = ch->ns->options.publish_proxy_enabled && !allowed;
    uint32_t code = allowed ? change(&o->said, allowed) : 0;
    if (code == 0)
        code = check(ch, &o->said);
    if (code == 0 && !asks && !allowed)
        code = permit(c, ch);
    if (code)
        connection_reply_error(c, o->command->id, code);
    else if (asks)
        ask(c, o, ch);
    else
        publish(c, o, ch);
}

static void published(void *ctx, const struct ops_published *answer)
{
    struct errand *e = ctx;
    uint32_t id = e->id;
    struct connection *c = errand_end(e);
    if (answer->code) {
        connection_reply_error(c, id, answer->code);
        return;
    }
    connection_reply_empty(c, id, REPLY_PUBLISH);
}

/* ---- rpc */

/* {"offset":1,"epoch":"1","id":"…"}; an ephemeral one has no position */
static void put_position(struct buf *b, const struct ops_published *answer)
{
    buf_append_char(b, '{');
    if (answer->seq)
        buf_printf(b, "\"offset\":%llu,\"epoch\":\"%llu\",\"id\":\"%llu\"", (unsigned long long)answer->seq,
                   (unsigned long long)answer->epoch, (unsigned long long)answer->id);
    buf_append_char(b, '}');
}

static void rpc_published(void *ctx, const struct ops_published *answer)
{
    struct errand *e = ctx;
    uint32_t id = e->id;
    struct connection *c = errand_end(e);
    if (answer->code) {
        connection_reply_error(c, id, answer->code);
        return;
    }
    struct buf data = {0};
    put_position(&data, answer);
    rpc_reply(c, id, &data);
}

static bool read_tags(struct bytes object, struct bytes *ret)
{
    struct bytes tags = json_member(object, "tags");
    if (json_is_absent(tags))
        return true;
    *ret = tags;
    return tags_are_good(tags);
}

/* One reference in the client's spelling, `channel@seq`, becomes one in full form. */
static bool read_reference(struct connection *c, struct bytes text, struct buf *into)
{
    const struct config *config = c->gateway->config;
    const char *at = text.n ? memrchr(text.p, '@', text.n) : NULL;
    struct config_channel ch;
    uint64_t seq;
    if (!at)
        return false;
    struct bytes name = bytes_of(text.p, (size_t)(at - text.p));
    if (!bytes_u64(bytes_of(at + 1, text.n - name.n - 1), &seq) || seq == 0 || seq > INT64_MAX)
        return false;
    if (config_resolve(config, config_tenant(config, connection_tenant(c)), name, &ch) != 0)
        return false;
    if (into->n)
        buf_append_char(into, ' ');
    buf_append_bytes(into, ch.full);
    buf_append_char(into, '@');
    buf_append_u64(into, seq);
    return true;
}

static bool read_after(struct connection *c, struct bytes object, struct buf *memory, struct buf *into)
{
    struct bytes after = json_member(object, "after"), item;
    struct json_iter it;
    int n = 0;
    if (json_is_absent(after))
        return true;
    if (json_type(after) != JSON_ARRAY)
        return false;
    json_array_each(&it, after, &item)
    {
        size_t start = memory->n;
        if (++n > AFTER_MAX || json_string(item, memory) < 0 ||
            !read_reference(c, bytes_of(memory->p + start, memory->n - start), into))
            return false;
    }
    return true;
}

/* {"channel":"…","data":…,"after":["channel@seq"],"idempotency_key":"…","tags":{…}} */
static bool read_rpc(struct connection *c, struct order *o)
{
    struct bytes object = o->command->data;
    o->said.data = json_member(object, "data");
    o->said.data_is_json = true;
    o->done = rpc_published;
    buf_reserve(&o->memory, object.n); /* decoded texts are no longer: it does not move */
    bool good = json_type(object) == JSON_OBJECT && rpc_text(object, "channel", &o->memory, &o->channel) &&
                rpc_text(object, "idempotency_key", &o->memory, &o->said.key) && o->said.key.n <= KEY_MAX &&
                read_tags(object, &o->said.tags) && read_after(c, object, &o->memory, &o->after);
    o->said.after = buf_bytes(&o->after);
    return good;
}

/* ---- both */

static bool read_order(struct connection *c, struct order *o)
{
    if (o->command->kind == COMMAND_RPC)
        return read_rpc(c, o);
    o->channel = o->command->channel;
    o->said.data = o->command->data;
    o->said.data_is_json = command_has_json(o->command);
    o->done = published;
    return true;
}

static void handle(struct connection *c, const struct command *m, const struct proxy_result *allowed)
{
    struct order o = {.command = m};
    struct config_channel ch;
    if (!read_order(c, &o))
        connection_reply_error(c, m->id, 107);
    else if (verb_channel(c, &(struct command){.id = m->id, .channel = o.channel}, &ch))
        decide(c, &o, &ch, allowed);
    buf_fini(&o.memory);
    buf_fini(&o.after);
}

void rpc_publish(struct connection *c, const struct command *m)
{
    handle(c, m, NULL);
}

void verb_publish(struct connection *c, const struct command *m)
{
    if (m->type == 0)
        handle(c, m, NULL);
    else
        connection_reply_error(c, m->id, 108);
}
