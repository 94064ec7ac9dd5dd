#include "message.h"

#include "core/json.h"
#include "wire/channel.h"
#include "wire/messages.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define OVERHEAD                                                                               \
    512 /* bytes counted beside the texts: structs, maps, the row's other columns */

static bool is_json_object(struct bytes text, int depth_max)
{
    return text.n == 0 || (json_check(text, depth_max, NULL) == 0 &&
                           json_type(json_trim(text)) == JSON_OBJECT);
}

static bool are_tags(struct bytes text)
{
    struct json_iter it;
    struct bytes key, value;
    if (!is_json_object(text, JSON_DEPTH_MAX))
        return false;
    json_object_each (&it, text, &key, &value) {
        if (json_type(value) != JSON_STRING)
            return false;
    }
    return true;
}

/* PostgreSQL's text holds neither a NUL nor what is no UTF-8; nor does JSON: what comes back as
 * it went has neither. */
static bool is_text(struct bytes text)
{
    struct buf json, back;
    buf_init(&json);
    buf_init(&back);
    json_append_string(&json, text);
    bool ok = json_string(buf_bytes(&json), &back) == 0 && bytes_equal(buf_bytes(&back), text);
    buf_fini(&json);
    buf_fini(&back);
    return ok;
}

static const char *after_refusal(struct bytes after, struct bytes tenant)
{
    struct bytes channel, of, name;
    uint64_t seq;
    unsigned n = 0;
    int answer;
    while ((answer = after_next(&after, &channel, &seq)) > 0) {
        if (++n > AFTER_MAX)
            return "after: more than 8 references";
        if (!channel_split(channel, &of, &name) || !bytes_equal(of, tenant))
            return "after: a reference to another tenant";
    }
    return answer < 0 ? "after: no list of channel@seq" : NULL;
}

const char *message_refusal(const struct message_fields *f)
{
    struct bytes tenant, name;
    if (!channel_split(f->channel, &tenant, &name) || !tenant_name_valid(tenant) ||
        !channel_name_valid(name))
        return "channel: no full name";
    if (f->data.n > DATA_MAX)
        return "data: more than 65536 bytes";
    if (f->format > FORMAT_MOST)
        return "format: unknown";
    int good = format_is_binary(f->format) ? 0 : json_check(f->data, JSON_DEPTH_MAX, NULL);
    if (good < 0)
        return good == -E2BIG ? "data: nested deeper than 128 levels" : "data: no JSON";
    if (f->tags.n > DATA_MAX || !are_tags(f->tags))
        return "tags: no JSON object of strings, or more than 65536 bytes";
    if (f->info.n > DATA_MAX || !is_json_object(f->info, JSON_DEPTH_MAX + 1)) /* conn_info lies in it */
        return "info: no JSON object, or more than 65536 bytes";
    if (f->key.n > KEY_MAX || (f->key.n && !is_text(f->key)))
        return "key: more than 255 bytes, or no UTF-8";
    if (f->shown >> 62)
        return "shown: no id";
    return after_refusal(f->after, tenant);
}

static struct bytes copy(char **at, struct bytes from)
{
    struct bytes to = bytes_of(*at, from.n);
    if (from.n)
        memcpy(*at, from.p, from.n);
    *at += from.n;
    return to;
}

struct message *message_new(const struct message_fields *f, int64_t now_ns)
{
    size_t n = f->channel.n + f->data.n + f->tags.n + f->info.n + f->after.n + f->key.n;
    struct message *m = malloc(sizeof *m + n);
    assert(m);
    *m = (struct message){
        .unsure = f->unsure,
        .format = f->format,
        .origin = f->origin,
        .counter = f->counter,
        .row = f->row,
        .shown = f->shown,
        .arrived_ns = now_ns,
        .size = n + OVERHEAD,
    };
    list_init(&m->place);
    list_init(&m->ask);
    list_init(&m->followers);
    char *at = m->text;
    m->channel = copy(&at, f->channel);
    m->data = copy(&at, f->data);
    m->tags = copy(&at, f->tags);
    m->info = copy(&at, f->info);
    m->after = copy(&at, f->after);
    m->key = copy(&at, f->key);
    m->need = message_next_need(m, NEED_RECEIPT);
    return m;
}

void message_free(struct message *m)
{
    assert(!list_is_linked(&m->place) && !list_is_linked(&m->ask) &&
           list_is_empty(&m->followers) && !m->head);
    free(m);
}

enum message_need message_next_need(const struct message *m, enum message_need from)
{
    if (from <= NEED_RECEIPT && m->unsure)
        return NEED_RECEIPT;
    if (from <= NEED_KEY && m->key.n)
        return NEED_KEY;
    if (from <= NEED_AFTER && m->after.n)
        return NEED_AFTER;
    return NEED_NOTHING;
}
