#include "call.h"

#include "codes.h"
#include "core/json.h"
#include "glob.h"

#include <errno.h>
#include <stdlib.h>

static const char *const methods[] = {
    [CALL_DISCONNECT] = "disconnect",
    [CALL_UNSUBSCRIBE] = "unsubscribe",
    [CALL_CHANNELS] = "channels",
    [CALL_INFO] = "info",
};

/* Text fields of a body, in the order in which they are written. */
static const struct {
    const char *name;
    size_t offset;
} texts[] = {
    {"user", offsetof(struct call_question, user)},
    {"client", offsetof(struct call_question, client)},
    {"channel", offsetof(struct call_question, channel)},
    {"pattern", offsetof(struct call_question, pattern)},
    {"reason", offsetof(struct call_question, reason)},
};
#define TEXTS (sizeof texts / sizeof *texts)

static struct bytes *text_field(struct call_question *q, size_t i)
{
    return (struct bytes *)((char *)q + texts[i].offset);
}

const char *call_method(enum call_kind kind)
{
    return methods[kind];
}

/* Comma, name and colon of the next member. */
static void begin_member(struct buf *into, const char *name)
{
    if (into->p[into->n - 1] != '{')
        buf_append_char(into, ',');
    buf_printf(into, "\"%s\":", name);
}

void call_encode(struct buf *into, const struct call_question *q)
{
    buf_append_char(into, '{');
    for (size_t i = 0; i < TEXTS; i++) {
        struct bytes text = *text_field((struct call_question *)q, i);
        if (text.n == 0)
            continue;
        begin_member(into, texts[i].name);
        json_append_string(into, text);
    }
    if (q->code) {
        begin_member(into, "code");
        buf_append_u64(into, q->code);
    }
    if (q->n_whitelist) {
        begin_member(into, "whitelist");
        for (size_t i = 0; i < q->n_whitelist; i++) {
            buf_append_char(into, i ? ',' : '[');
            json_append_string(into, q->whitelist[i]);
        }
        buf_append_char(into, ']');
    }
    buf_append_char(into, '}');
}

/* ---- receiving side */

static bool is_absent(struct bytes value)
{
    enum json_type type = json_type(value);
    return type == JSON_NONE || type == JSON_NULL;
}

/* Decoded into q->memory, which has room for all of it from the start, so that slices stay. */
static int read_text(struct call_question *q, struct bytes value, struct bytes *ret)
{
    size_t start = q->memory.n;
    if (is_absent(value))
        return 0;
    if (json_string(value, &q->memory) < 0)
        return -EBADMSG;
    *ret = bytes_of(q->memory.p + start, q->memory.n - start);
    return 0;
}

static int read_whitelist(struct call_question *q, struct bytes array)
{
    struct json_iter it;
    struct bytes item;
    if (!is_absent(array) && json_type(array) != JSON_ARRAY)
        return -EBADMSG;
    json_array_each (&it, array, &item) {
        if (q->n_whitelist == CALL_WHITELIST_MAX || json_type(item) != JSON_STRING ||
            read_text(q, item, &q->whitelist[q->n_whitelist]) < 0)
            return -EBADMSG;
        q->n_whitelist++;
    }
    return 0;
}

static int read_body(struct call_question *q, struct bytes body)
{
    uint64_t code = DISCONNECT_FORCE;
    struct bytes value;
    if (json_check(body, JSON_DEPTH_MAX, NULL) < 0 || json_type(body) != JSON_OBJECT)
        return -EBADMSG;
    buf_reserve(&q->memory, body.n);
    for (size_t i = 0; i < TEXTS; i++)
        if (read_text(q, json_member(body, texts[i].name), text_field(q, i)) < 0)
            return -EBADMSG;
    value = json_member(body, "code");
    if (!is_absent(value) && (!json_u64(value, &code) || code < 3000 || code > 4999))
        return -EBADMSG;
    q->code = (uint32_t)code;
    if (q->reason.n == 0)
        q->reason = bytes_str(disconnect_reason(q->code));
    return read_whitelist(q, json_member(body, "whitelist"));
}

static enum call_kind kind_of(struct bytes method)
{
    for (enum call_kind kind = CALL_DISCONNECT; kind <= CALL_INFO; kind++)
        if (bytes_is(method, methods[kind]))
            return kind;
    return 0;
}

int call_decode(struct call_question *q, const struct config *config, struct bytes method,
                struct bytes tenant, struct bytes body)
{
    *q = (struct call_question){.kind = kind_of(method), .config = config, .tenant = tenant};
    q->asker = tenant.n ? config_tenant(config, tenant) : NULL;
    if (q->kind == 0 || (tenant.n && !q->asker))
        return -ENOENT;
    bool about_users = q->kind == CALL_DISCONNECT || q->kind == CALL_UNSUBSCRIBE;
    if (read_body(q, body) < 0 ||
        (about_users && (tenant.n == 0 || (q->user.n == 0 && q->client.n == 0)))) {
        call_fini(q);
        return -EBADMSG;
    }
    return 0;
}

void call_fini(struct call_question *q)
{
    buf_fini(&q->memory);
}

bool call_means(const struct call_question *q, struct bytes tenant, struct bytes user,
                struct bytes client)
{
    if (!bytes_equal(q->tenant, tenant) || (q->user.n && !bytes_equal(q->user, user)) ||
        (q->client.n && !bytes_equal(q->client, client)))
        return false;
    for (size_t i = 0; i < q->n_whitelist; i++)
        if (bytes_equal(q->whitelist[i], client))
            return false;
    return true;
}

void call_answer_count(struct buf *into, uint64_t count)
{
    buf_append_str(into, "{\"count\":");
    buf_append_u64(into, count);
    buf_append_char(into, '}');
}

void call_answer_error(struct buf *into)
{
    buf_append_str(into, "{\"error\":100}");
}

void call_answer_info(struct buf *into, const struct call_info *info)
{
    buf_append_str(into, "{\"node\":{\"uid\":");
    json_append_string(into, info->uid);
    buf_append_str(into, ",\"name\":");
    json_append_string(into, info->name);
    buf_append_str(into, ",\"version\":");
    json_append_string(into, info->version);
    buf_printf(into,
               ",\"num_clients\":%llu,\"num_users\":%llu,\"num_subs\":%llu,\"num_channels\":%"
               "llu,\"uptime\":%llu}}",
               (unsigned long long)info->num_clients, (unsigned long long)info->num_users,
               (unsigned long long)info->num_subs, (unsigned long long)info->num_channels,
               (unsigned long long)info->uptime);
}

void call_channels_begin(struct call_channels *l, const struct call_question *q,
                         struct buf *into)
{
    *l = (struct call_channels){.q = q, .into = into, .start = into->n};
    buf_append_str(into, "{\"channels\":{");
}

void call_channels_add(struct call_channels *l, struct bytes full, uint64_t num_clients)
{
    struct bytes tenant, name;
    if (l->full || num_clients == 0 || !channel_split(full, &tenant, &name))
        return;
    if (l->q->asker && !bytes_equal(tenant, l->q->tenant))
        return;
    if (l->q->pattern.n &&
        !glob_match(l->q->pattern, config_spelling(l->q->config, l->q->asker, full)))
        return;
    if (l->n++)
        buf_append_char(l->into, ',');
    json_append_string(l->into, full);
    buf_append_str(l->into, ":{\"num_clients\":");
    buf_append_u64(l->into, num_clients);
    buf_append_char(l->into, '}');
    l->full = l->into->n - l->start > CALL_ANSWER_MAX;
}

void call_channels_end(struct call_channels *l)
{
    if (!l->full) {
        buf_append_str(l->into, "}}");
        return;
    }
    l->into->n = l->start;
    buf_append_str(l->into, "{\"full\":true}");
}
