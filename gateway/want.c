#include "want.h"

#include "base64.h"
#include "config.h"

#include "core/json.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- overrides */

static const struct {
    const char *name;
    size_t offset; /* of a bool in struct namespace_options */
} overridable[] = {
#define OVERRIDABLE(name) {#name, offsetof(struct namespace_options, name)}
    OVERRIDABLE(presence),
    OVERRIDABLE(join_leave),
    OVERRIDABLE(force_push_join_leave),
    OVERRIDABLE(force_recovery),
    OVERRIDABLE(force_positioning),
#undef OVERRIDABLE
};
#define N_OVERRIDABLE (sizeof overridable / sizeof *overridable)

static int read_override(struct overrides *o, size_t i, struct bytes json)
{
    if (json_is_absent(json))
        return 0;
    enum json_type value = json_type(json_member(json, "value"));
    bool is_false = value == JSON_FALSE || value == JSON_NONE || value == JSON_NULL;
    if (json_type(json) != JSON_OBJECT || (value != JSON_TRUE && !is_false))
        return -EBADMSG;
    o->given |= (uint8_t)(1u << i);
    o->value |= (uint8_t)((value == JSON_TRUE) << i);
    return 0;
}

int overrides_read(struct overrides *ret, struct bytes json)
{
    struct overrides o = {0};
    if (!json_is_absent(json) && json_type(json) != JSON_OBJECT)
        return -EBADMSG;
    for (size_t i = 0; i < N_OVERRIDABLE; i++)
        if (read_override(&o, i, json_member(json, overridable[i].name)) < 0)
            return -EBADMSG;
    *ret = o;
    return 0;
}

void overrides_apply(const struct overrides *o, struct namespace_options *options)
{
    for (size_t i = 0; i < N_OVERRIDABLE; i++)
        if (o->given >> i & 1)
            *(bool *)((char *)options + overridable[i].offset) = o->value >> i & 1;
}

void since_epoch(struct since *s, struct bytes epoch)
{
    s->has_epoch = epoch.n > 0;
    if (!bytes_u64(epoch, &s->epoch))
        s->epoch = 0;
}

int since_read(struct since *s, struct bytes json)
{
    struct bytes offset = json_member(json, "offset"), epoch = json_member(json, "epoch");
    struct buf text = {0};
    if (json_type(json) != JSON_OBJECT || (!json_is_absent(offset) && !json_u64(offset, &s->offset)))
        return -EBADMSG;
    if (json_is_absent(epoch))
        return 0;
    int error = json_string(epoch, &text) < 0 ? -EBADMSG : 0;
    if (error == 0)
        since_epoch(s, buf_bytes(&text));
    buf_fini(&text);
    return error;
}

/* ---- the list */

void wants_fini(struct wants *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->items[i].texts);
    free(w->items);
    *w = (struct wants){0};
}

static struct bytes copy(char **at, struct bytes text)
{
    char *start = *at;
    *at = mempcpy(start, text.n ? text.p : "", text.n);
    return bytes_of(start, text.n);
}

struct want *wants_add(struct wants *w, const struct want *want)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 4;
        w->items = realloc(w->items, w->cap * sizeof *w->items);
        assert(w->items);
    }
    struct want *mine = &w->items[w->n++];
    *mine = *want;
    mine->texts = malloc(want->channel.n + want->info.n + want->data.n + 1);
    assert(mine->texts);
    char *at = mine->texts;
    mine->channel = copy(&at, want->channel);
    mine->info = copy(&at, want->info);
    mine->data = copy(&at, want->data);
    return mine;
}

/* ---- reading */

static int decode(struct bytes b64_json, struct buf *into)
{
    struct buf text = {0};
    int error = json_string(b64_json, &text) < 0 ? -EBADMSG : base64_decode(buf_bytes(&text), into);
    if (error == 0 && into->n)
        error = json_check(buf_bytes(into), JSON_DEPTH_MAX, NULL);
    buf_fini(&text);
    return error;
}

int want_read_json(struct bytes json, struct bytes b64_json, struct buf *into)
{
    struct buf decoded = {0};
    int error = json_is_absent(b64_json) ? 0 : decode(b64_json, &decoded);
    if (decoded.n)
        json = json_trim(buf_bytes(&decoded));
    if (error == 0 && !json_is_absent(json))
        json_append_line(into, json);
    buf_fini(&decoded);
    return error;
}

/* Members of one channel, into what is wanted. */
typedef int read_fn(struct want *want, struct bytes members, struct buf *info, struct buf *data);

static int read_nothing(struct want *want, struct bytes members, struct buf *info, struct buf *data)
{
    return 0;
}

static int read_granted(struct want *want, struct bytes members, struct buf *info, struct buf *data)
{
    if (want_read_json(json_member(members, "info"), json_member(members, "b64info"), info) < 0 ||
        want_read_json(json_member(members, "data"), json_member(members, "b64data"), data) < 0)
        return -EBADMSG;
    return overrides_read(&want->overrides, json_member(members, "override"));
}

static int read_asked(struct want *want, struct bytes members, struct buf *info, struct buf *data)
{
    struct bytes recover = json_member(members, "recover");
    enum json_type type = json_type(recover);
    if (json_is_absent(members))
        return 0;
    if (!json_is_absent(recover) && type != JSON_TRUE && type != JSON_FALSE)
        return -EBADMSG;
    want->since.recover = type == JSON_TRUE;
    return since_read(&want->since, members);
}

static int add(struct wants *w, struct bytes name, struct bytes members, read_fn *read)
{
    struct buf channel = {0}, info = {0}, data = {0};
    struct want want = {0};
    int error = w->n < WANTS_MAX && json_string(name, &channel) == 0 ? read(&want, members, &info, &data) : -EBADMSG;
    if (error == 0) {
        want.channel = buf_bytes(&channel);
        want.info = buf_bytes(&info);
        want.data = buf_bytes(&data);
        wants_add(w, &want);
    }
    buf_fini(&channel);
    buf_fini(&info);
    buf_fini(&data);
    return error;
}

int wants_read_channels(struct wants *w, struct bytes array)
{
    struct json_iter it;
    struct bytes name;
    if (!json_is_absent(array) && json_type(array) != JSON_ARRAY)
        return -EBADMSG;
    json_array_each(&it, array, &name)
        if (add(w, name, (struct bytes){0}, read_nothing) < 0)
            return -EBADMSG;
    return 0;
}

static int read_each(struct wants *w, struct bytes object, read_fn *read)
{
    struct json_iter it;
    struct bytes name, members;
    if (!json_is_absent(object) && json_type(object) != JSON_OBJECT)
        return -EBADMSG;
    json_object_each(&it, object, &name, &members)
        if ((!json_is_absent(members) && json_type(members) != JSON_OBJECT) || add(w, name, members, read) < 0)
            return -EBADMSG;
    return 0;
}

int wants_read_subs(struct wants *w, struct bytes object)
{
    return read_each(w, object, read_granted);
}

int wants_read_asked(struct wants *w, struct bytes object)
{
    return read_each(w, object, read_asked);
}
