/* publish, and the rpc cellcast.publish, which can say what publish can't: after, tags, a key. */
#include "errand.h"
#include "gateway.h"
#include "hub.h"
#include "permission.h"
#include "reply.h"
#include "rpc.h"
#include "sub.h"

#include "core/json.h"

#define TAGS_MAX 16384 /* bytes of JSON */
#define KEY_MAX 255    /* bytes of an idempotency key */

/* What of a publish comes from the client, besides the channel. */
struct said {
    struct bytes data;
    bool data_is_json;
    struct bytes tags, after, key; /* or empty */
};

/* -> whether the publish may be; otherwise it has been answered */
static bool may_publish(struct connection *c, uint32_t id, const struct config_channel *ch, const struct said *said)
{
    const struct channel *channel = hub_find(c->gateway, ch->full);
    uint32_t code = 0;
    if (said->data.n == 0 || said->data.n > DATA_MAX || permission_data(ch, said->data, said->data_is_json))
        code = 107;
    else
        code = permission_publish(ch, connection_user(c), channel && connection_sub(c, channel));
    if (code == 0 && ch->ns->options.ephemeral && (said->after.n || said->key.n))
        code = 108; /* nobody would keep that promise */
    if (code)
        connection_reply_error(c, id, code);
    return code == 0;
}

static void publish(struct connection *c, uint32_t id, const struct config_channel *ch, const struct said *said,
                    ops_published_fn *done)
{
    const struct channel *channel = hub_find(c->gateway, ch->full);
    const struct sub *s = channel ? connection_sub(c, channel) : NULL;
    struct errand *e = errand_new(c, id);
    e->ticket = ops_publish(c->gateway,
                            &(struct ops_publish){.channel = ch->full,
                                                  .format = ch->ns->format,
                                                  .data = said->data,
                                                  .tags = said->tags,
                                                  .info = s ? sub_info(s) : connection_info(c),
                                                  .after = said->after,
                                                  .key = said->key,
                                                  .shown = c->shown,
                                                  .ephemeral = ch->ns->options.ephemeral ? ch->tenant : NULL},
                            done, e);
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

void verb_publish(struct connection *c, const struct command *m)
{
    struct config_channel ch;
    struct said said = {.data = m->data, .data_is_json = command_has_json(m)};
    if (m->type != 0) {
        connection_reply_error(c, m->id, 108);
        return;
    }
    if (verb_channel(c, m, &ch) && may_publish(c, m->id, &ch, &said))
        publish(c, m->id, &ch, &said, published);
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

/* An object of strings without our own keys. */
static bool read_tags(struct bytes object, struct bytes *ret)
{
    struct bytes tags = json_member(object, "tags"), key, value;
    struct json_iter it;
    if (rpc_absent(tags))
        return true;
    if (json_type(tags) != JSON_OBJECT || tags.n > TAGS_MAX)
        return false;
    json_object_each(&it, tags, &key, &value)
    {
        if (json_type(value) != JSON_STRING || json_key_is(key, "id") || json_key_is(key, "after"))
            return false;
    }
    *ret = tags;
    return true;
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
    if (rpc_absent(after))
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
void rpc_publish(struct connection *c, const struct command *m)
{
    struct command like = {.id = m->id};
    struct config_channel ch;
    struct said said = {.data = json_member(m->data, "data"), .data_is_json = true};
    struct buf memory = {0}, after = {0};
    buf_reserve(&memory, m->data.n); /* decoded texts are no longer: it does not move */
    bool good = json_type(m->data) == JSON_OBJECT && rpc_text(m->data, "channel", &memory, &like.channel) &&
                rpc_text(m->data, "idempotency_key", &memory, &said.key) && said.key.n <= KEY_MAX &&
                read_tags(m->data, &said.tags) && read_after(c, m->data, &memory, &after);
    said.after = buf_bytes(&after);
    if (!good)
        connection_reply_error(c, m->id, 107);
    else if (verb_channel(c, &like, &ch) && may_publish(c, m->id, &ch, &said))
        publish(c, m->id, &ch, &said, rpc_published);
    buf_fini(&memory);
    buf_fini(&after);
}
