#include "call.h"

#include "codes.h"
#include "core/json.h"
#include "glob.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static const char *const methods[] = {
    [CALL_DISCONNECT] = "disconnect",
    [CALL_UNSUBSCRIBE] = "unsubscribe",
    [CALL_SUBSCRIBE] = "subscribe",
    [CALL_REFRESH] = "refresh",
    [CALL_CONNECTIONS] = "connections",
    [CALL_CHANNELS] = "channels",
    [CALL_INFO] = "info",
};

/* Fields of a body, in the order in which they are written: texts, and JSON as it stands. */
struct field {
    const char *name;
    size_t offset;
};
#define FIELD(name) {#name, offsetof(struct call_question, name)}
static const struct field texts[] = {FIELD(user),    FIELD(client),  FIELD(session), FIELD(channel),
                                     FIELD(pattern), FIELD(reason), FIELD(cursor)};
static const struct field values[] = {FIELD(info), FIELD(data), FIELD(override), FIELD(recover_since)};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct bytes *field_of(struct call_question *q, const struct field *f)
{
    return (struct bytes *)((char *)q + f->offset);
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

static void put_number(struct buf *into, const char *name, uint64_t number)
{
    if (number == 0)
        return;
    begin_member(into, name);
    buf_append_u64(into, number);
}

static void put_fields(struct buf *into, struct call_question *q)
{
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct bytes text = *field_of(q, &texts[i]);
        if (text.n == 0)
            continue;
        begin_member(into, texts[i].name);
        json_append_string(into, text);
    }
    for (size_t i = 0; i < COUNT(values); i++) {
        struct bytes value = *field_of(q, &values[i]);
        if (value.n == 0)
            continue;
        begin_member(into, values[i].name);
        json_append_line(into, value);
    }
}

void call_encode(struct buf *into, const struct call_question *q)
{
    buf_append_char(into, '{');
    put_fields(into, (struct call_question *)q);
    put_number(into, "code", q->code);
    put_number(into, "expire_at", (uint64_t)q->expire_at);
    put_number(into, "limit", q->limit);
    if (q->expired) {
        begin_member(into, "expired");
        buf_append_str(into, "true");
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

/* Decoded into q->memory, which has room for all of it from the start, so that slices stay. */
static int read_text(struct call_question *q, struct bytes value, struct bytes *ret)
{
    size_t start = q->memory.n;
    if (json_is_absent(value))
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
    size_t n = 0;
    if (json_is_absent(array))
        return 0;
    if (json_type(array) != JSON_ARRAY)
        return -EBADMSG;
    json_array_each (&it, array, &item)
        n++;
    q->whitelist = calloc(n + 1, sizeof *q->whitelist);
    assert(q->whitelist);
    json_array_each (&it, array, &item) {
        if (json_type(item) != JSON_STRING || read_text(q, item, &q->whitelist[q->n_whitelist]) < 0)
            return -EBADMSG;
        q->n_whitelist++;
    }
    return 0;
}

/* At most `max`; absent leaves *ret. */
static int read_number(struct bytes body, const char *name, uint64_t max, uint64_t *ret)
{
    struct bytes value = json_member(body, name);
    uint64_t number;
    if (json_is_absent(value))
        return 0;
    if (!json_u64(value, &number) || number > max)
        return -EBADMSG;
    *ret = number;
    return 0;
}

static int read_want(struct call_question *q)
{
    q->want = (struct want){.channel = q->channel, .info = q->info, .data = q->data, .expire_at = q->expire_at};
    if (overrides_read(&q->want.overrides, q->override) < 0)
        return -EBADMSG;
    q->want.since.recover = q->recover_since.n > 0;
    return q->recover_since.n ? since_read(&q->want.since, q->recover_since) : 0;
}

static int read_fields(struct call_question *q, struct bytes body)
{
    for (size_t i = 0; i < COUNT(texts); i++)
        if (read_text(q, json_member(body, texts[i].name), field_of(q, &texts[i])) < 0)
            return -EBADMSG;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct bytes value = json_member(body, values[i].name);
        *field_of(q, &values[i]) = json_is_absent(value) ? bytes_of(NULL, 0) : value;
    }
    return read_want(q);
}

static int read_body(struct call_question *q, struct bytes body)
{
    uint64_t code = DISCONNECT_FORCE, expire_at = 0, limit = CALL_PAGE_MOST;
    if (json_check(body, JSON_DEPTH_MAX + 1, NULL) < 0 || json_type(body) != JSON_OBJECT)
        return -EBADMSG;
    buf_reserve(&q->memory, body.n);
    if (read_number(body, "code", 4999, &code) < 0 || code < 3000 ||
        read_number(body, "expire_at", INT64_MAX, &expire_at) < 0 ||
        read_number(body, "limit", CALL_PAGE_MOST, &limit) < 0)
        return -EBADMSG;
    q->code = (uint32_t)code;
    q->expire_at = (int64_t)expire_at;
    q->limit = (uint32_t)limit;
    q->paged = !json_is_absent(json_member(body, "limit"));
    q->expired = json_type(json_member(body, "expired")) == JSON_TRUE;
    if (read_fields(q, body) < 0)
        return -EBADMSG;
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
    bool about_users = q->kind < CALL_CONNECTIONS;
    if (read_body(q, body) < 0 ||
        (about_users && (tenant.n == 0 || (q->user.n == 0 && q->client.n == 0 && q->session.n == 0)))) {
        call_fini(q);
        return -EBADMSG;
    }
    return 0;
}

void call_fini(struct call_question *q)
{
    free(q->whitelist);
    buf_fini(&q->memory);
}

static bool is_or_any(struct bytes asked, struct bytes its)
{
    return asked.n == 0 || bytes_equal(asked, its);
}

bool call_means(const struct call_question *q, const struct call_who *who)
{
    if (!bytes_equal(q->tenant, who->tenant) || !is_or_any(q->user, who->user) || !is_or_any(q->client, who->client) ||
        !is_or_any(q->session, who->session))
        return false;
    for (size_t i = 0; i < q->n_whitelist; i++)
        if (bytes_equal(q->whitelist[i], who->client))
            return false;
    return true;
}

bool call_lists(const struct call_question *q, const struct call_who *who)
{
    return is_or_any(q->tenant, who->tenant) && is_or_any(q->user, who->user);
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

/* ---- connections */

void call_page_begin(struct call_page *p, const struct call_question *q, struct buf *into)
{
    *p = (struct call_page){.q = q, .into = into, .start = into->n};
    buf_append_str(into, "{\"connections\":{");
}

static void put_member(struct buf *into, const char *name, struct bytes text)
{
    if (text.n == 0)
        return;
    begin_member(into, name);
    json_append_string(into, text);
}

bool call_page_add(struct call_page *p, const struct call_connection *c)
{
    struct buf *into = p->into;
    p->more = p->n == p->q->limit || into->n - p->start > CALL_PAGE_BYTES;
    if (p->more)
        return false;
    if (p->n++)
        buf_append_char(into, ',');
    json_append_string(into, c->who.client);
    buf_append_str(into, ":{");
    put_member(into, "app_name", c->app_name);
    put_member(into, "app_version", c->app_version);
    put_member(into, "transport", c->transport);
    put_member(into, "protocol", c->protocol);
    put_member(into, "user", c->who.user);
    if (!p->q->asker)
        put_member(into, "tenant", c->who.tenant);
    begin_member(into, "state");
    buf_append_str(into, "{\"channels\":{");
    return true;
}

void call_page_channel(struct call_page *p, struct bytes full)
{
    struct buf *into = p->into;
    if (into->n - p->start > CALL_PAGE_BYTES + CALL_ENTRY_BYTES)
        return;
    if (into->p[into->n - 1] != '{')
        buf_append_char(into, ',');
    json_append_string(into, config_spelling(p->q->config, p->q->asker, full));
    buf_append_str(into, ":{}");
}

void call_page_close(struct call_page *p)
{
    buf_append_str(p->into, "}}}");
}

void call_page_end(struct call_page *p)
{
    buf_append_str(p->into, p->more ? "},\"more\":true}" : "}}");
}

/* ---- channels */

void call_channels_begin(struct call_channels *l, const struct call_question *q, size_t most, struct buf *into)
{
    *l = (struct call_channels){.q = q, .into = into, .start = into->n, .most = most};
    buf_append_str(into, "{\"channels\":{");
}

bool call_channels_lists(const struct call_question *q, struct bytes full)
{
    struct bytes tenant, name;
    return channel_split(full, &tenant, &name) && (!q->asker || bytes_equal(tenant, q->tenant)) &&
           bytes_order(full, q->cursor) > 0 &&
           (q->pattern.n == 0 || glob_match(q->pattern, config_spelling(q->config, q->asker, full)));
}

static bool has_a_page(const struct call_channels *l)
{
    return l->n == l->q->limit || l->into->n - l->start > CALL_PAGE_BYTES;
}

void call_channels_add(struct call_channels *l, struct bytes full, uint64_t num_clients)
{
    if (l->full || num_clients == 0 || !call_channels_lists(l->q, full))
        return;
    l->full = l->q->paged && has_a_page(l);
    if (l->full)
        return;
    if (l->n++)
        buf_append_char(l->into, ',');
    json_append_string(l->into, full);
    buf_append_str(l->into, ":{\"num_clients\":");
    buf_append_u64(l->into, num_clients);
    buf_append_char(l->into, '}');
    l->full = !l->q->paged && l->into->n - l->start > l->most;
}

void call_channels_end(struct call_channels *l)
{
    if (l->full && !l->q->paged) {
        l->into->n = l->start;
        buf_append_str(l->into, CTL_ANSWER_FULL);
        return;
    }
    buf_append_str(l->into, l->full ? "},\"more\":true}" : "}}");
}
