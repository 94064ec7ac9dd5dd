#include "api_params.h"
#include "base64.h"
#include "error.h"
#include "gateway.h"
#include "permission.h"
#include "core/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* Where one publication goes, and what became of it. */
struct target {
    struct publishing *publishing;
    struct bytes spelling; /* of the channel */
    uint64_t ticket;       /* while under way */
    uint32_t code;
    uint64_t epoch, seq;
};

/* publish is a broadcast to one. */
struct publishing {
    struct api_op *op;
    bool broadcast;
    bool delta;         /* subscribers that negotiated get what has changed */
    struct bytes data;  /* as it came, or decoded */
    bool is_json;       /* data is; b64data may be anything */
    struct bytes tags;  /* checked, or empty */
    struct bytes after; /* array of strings, or empty */
    struct bytes key;
    size_t n, next, running;
    struct target targets[];
};

/* ---- what is published */

static bool refuse(struct api_op *op, uint32_t code, const char *why)
{
    api_op_detail(op, "%s", why);
    api_op_finish(op, code);
    return false;
}

static bool read_data(struct api_op *op, struct publishing *p)
{
    struct bytes encoded = {0};
    if (!api_text(op, API_b64data, &encoded))
        return false;
    p->data = op->fields[API_data];
    p->is_json = true;
    if (encoded.n) {
        size_t start = op->memory.n;
        if (base64_decode(encoded, &op->memory) < 0)
            return refuse(op, 107, "b64data is not Base64");
        p->data = bytes_of(op->memory.p + start, op->memory.n - start);
        p->is_json = json_check(p->data, JSON_DEPTH_MAX, NULL) == 0;
    }
    if (p->data.n == 0)
        return refuse(op, 107, "data is missing");
    return p->data.n <= DATA_MAX || refuse(op, 107, "data is longer than 65536 bytes");
}

/* An object of strings. The keys id and after are what we add ourselves. */
static bool read_tags(struct api_op *op, struct bytes *ret)
{
    struct json_iter it;
    struct bytes key, value;
    if (!api_object(op, API_tags, ret))
        return false;
    if (ret->n > API_TAGS_MAX)
        return refuse(op, 107, "tags are longer than 16384 bytes");
    json_object_each (&it, *ret, &key, &value) {
        if (json_type(value) != JSON_STRING) {
            api_op_malformed(op, "tags");
            return false;
        }
        if (json_key_is(key, "id") || json_key_is(key, "after"))
            return refuse(op, 107, "tags id and after are the cluster's own");
    }
    return true;
}

static bool read_key(struct api_op *op, struct bytes *ret)
{
    if (!api_text(op, API_idempotency_key, ret))
        return false;
    return ret->n <= API_KEY_MAX || refuse(op, 107, "idempotency_key is longer than 255 bytes");
}

/* What cannot be honoured and would harm if it were dropped in silence. */
static bool read_version(struct api_op *op)
{
    uint64_t version = 0;
    bool ignored;
    if (!api_u64(op, API_version, &version) || !api_bool(op, API_skip_history, &ignored))
        return false;
    return version == 0 || refuse(op, 108, "version is not offered");
}

static bool read_what(struct api_op *op, struct publishing *p)
{
    return read_data(op, p) && read_tags(op, &p->tags) && api_array(op, API_after, &p->after) &&
           read_key(op, &p->key) && read_version(op) && api_bool(op, API_delta, &p->delta);
}

/* ---- where to */

/* References in full form, parted by a space. -> 0, 107, 103 and the rest of config_resolve */
static uint32_t resolve_after(struct api_op *op, const struct config_channel *channel,
                              struct bytes array, struct buf *into)
{
    struct json_iter it;
    struct bytes item, text;
    size_t n = 0;
    json_array_each (&it, array, &item) {
        struct config_channel named;
        struct buf decoded;
        uint64_t seq = 0;
        buf_init(&decoded);
        uint32_t code = json_string(item, &decoded) < 0 || ++n > AFTER_MAX ? 107 : 0;
        text = buf_bytes(&decoded);
        const char *at = code == 0 && text.n ? memrchr(text.p, '@', text.n) : NULL;
        if (!at || !bytes_u64(bytes_of(at + 1, (size_t)(text.p + text.n - at - 1)), &seq) ||
            seq == 0 || seq > INT64_MAX)
            code = 107;
        if (code == 0)
            code = config_resolve(op->call->config, channel->tenant,
                                  bytes_of(text.p, (size_t)(at - text.p)), &named);
        if (code == 0) {
            if (into->n)
                buf_append_char(into, ' ');
            buf_append_bytes(into, named.full);
            buf_append_char(into, '@');
            buf_append_u64(into, seq);
        }
        buf_fini(&decoded);
        if (code)
            return code;
    }
    return 0;
}

static uint32_t check_target(struct publishing *p, struct target *t,
                             struct config_channel *channel, struct buf *after)
{
    uint32_t code = api_resolve(p->op, p->op->call->tenant, t->spelling, channel);
    if (code)
        return code;
    if (bytes_is(channel->tenant->name, CONFIG_RESERVED_TENANT))
        return 103;
    if (permission_data(channel, p->data, p->is_json)) {
        api_op_detail(p->op, p->is_json ? "data is no JSON object" : "b64data is not JSON");
        return 107;
    }
    code = resolve_after(p->op, channel, p->after, after);
    if (code == 0 && channel->ns->options.ephemeral && (after->n || p->key.n)) {
        api_op_detail(p->op, "an ephemeral channel offers neither after nor idempotency_key");
        return 108;
    }
    if (code)
        api_op_detail(p->op, "after: at most %d of \"channel@seq\", of the same tenant",
                      AFTER_MAX);
    return code;
}

static void publishing_go_on(struct publishing *p);

static void published(void *ctx, const struct ops_published *answer)
{
    struct target *t = ctx;
    struct publishing *p = t->publishing;
    t->ticket = 0;
    t->code = answer->code;
    t->epoch = answer->epoch;
    t->seq = answer->seq;
    if (answer->code && answer->text.n)
        api_op_detail(p->op, "%.*s", BYTES_FMT(answer->text));
    p->running--;
    publishing_go_on(p);
}

static void start_target(struct publishing *p, struct target *t)
{
    struct config_channel channel;
    struct buf after;
    buf_init(&after);
    t->code = check_target(p, t, &channel, &after);
    if (t->code == 0) {
        struct ops_publish what = {
            .channel = channel.full,
            .format = (uint8_t)(channel.ns->format | (p->delta ? FORMAT_DELTA : 0)),
            .data = p->data,
            .tags = p->tags,
            .after = buf_bytes(&after),
            .key = p->key,
            .ephemeral = channel.ns->options.ephemeral ? channel.tenant : NULL,
        };
        p->running++;
        t->ticket = ops_publish(p->op->call->gateway, &what, published, t);
    }
    buf_fini(&after);
}

/* ---- the answer */

/* An ephemeral one has no position. */
static void print_result(struct buf *into, const struct target *t)
{
    if (t->seq == 0) {
        buf_append_str(into, "{}");
        return;
    }
    buf_append_str(into, "{\"offset\":");
    buf_append_u64(into, t->seq);
    buf_append_str(into, ",\"epoch\":\"");
    buf_append_u64(into, t->epoch);
    buf_append_str(into, "\"}");
}

static void print_responses(struct buf *into, const struct publishing *p)
{
    buf_append_str(into, "{\"responses\":[");
    for (size_t i = 0; i < p->n; i++) {
        const struct target *t = &p->targets[i];
        buf_append_str(into, i ? "," : "");
        buf_append_str(into, t->code ? "{\"error\":" : "{\"result\":");
        if (t->code)
            error_json(into, t->code, false);
        else
            print_result(into, t);
        buf_append_char(into, '}');
    }
    buf_append_str(into, "]}");
}

static void publishing_go_on(struct publishing *p)
{
    while (p->next < p->n && p->running < API_WINDOW)
        start_target(p, &p->targets[p->next++]);
    if (p->running > 0)
        return;
    if (p->broadcast)
        print_responses(&p->op->result, p);
    else if (p->targets[0].code == 0)
        print_result(&p->op->result, &p->targets[0]);
    api_op_finish(p->op, p->broadcast ? 0 : p->targets[0].code);
}

static struct publishing *publishing_new(struct api_op *op, size_t n)
{
    struct publishing *p = calloc(1, sizeof *p + n * sizeof *p->targets);
    assert(p);
    p->op = op;
    p->n = n;
    for (size_t i = 0; i < n; i++)
        p->targets[i].publishing = p;
    op->work = p;
    return p;
}

void api_publish_start(struct api_op *op)
{
    struct publishing *p = publishing_new(op, 1);
    if (api_text(op, API_channel, &p->targets[0].spelling) && read_what(op, p))
        publishing_go_on(p);
}

/* ---- history_remove */

static void removed(void *ctx, const struct ops_published *answer)
{
    struct api_op *op = ctx;
    op->ticket = 0;
    if (answer->code && answer->text.n)
        api_op_detail(op, "%.*s", BYTES_FMT(answer->text));
    if (answer->code == 0)
        buf_append_str(&op->result, "{}");
    api_op_finish(op, answer->code);
}

/* It takes its place among the publications. */
void api_history_remove_start(struct api_op *op)
{
    struct config_channel channel;
    if (!api_channel(op, &channel))
        return;
    bool reserved = bytes_is(channel.tenant->name, CONFIG_RESERVED_TENANT);
    if (reserved || !permission_has_history(&channel))
        return api_op_finish(op, reserved ? 103 : 108);
    op->ticket = ops_publish(op->call->gateway,
                             &(struct ops_publish){.channel = channel.full,
                                                   .format = (uint8_t)(channel.ns->format | FORMAT_REMOVAL),
                                                   .data = BYTES("null")},
                             removed, op);
}

void api_broadcast_start(struct api_op *op)
{
    struct bytes channels = {0}, item;
    struct json_iter it;
    size_t n = 0;
    if (!api_array(op, API_channels, &channels))
        return;
    json_array_each (&it, channels, &item)
        n++;
    int64_t most = op->call->gateway->options->api_channels_max;
    if (n == 0 || n > (size_t)most) {
        api_op_detail(op, "channels: 1 to %" PRId64 " of them (--api-channels-max)", most);
        api_op_finish(op, 107);
        return;
    }
    struct publishing *p = publishing_new(op, n);
    p->broadcast = true;
    n = 0;
    json_array_each (&it, channels, &item) {
        if (!api_item(op, item, &p->targets[n++].spelling)) {
            api_op_malformed(op, "channels");
            return;
        }
    }
    if (read_what(op, p))
        publishing_go_on(p);
}

void api_publish_forget(struct api_op *op)
{
    struct publishing *p = op->work;
    for (size_t i = 0; i < p->next; i++)
        ops_cancel(op->call->gateway, p->targets[i].ticket);
}
