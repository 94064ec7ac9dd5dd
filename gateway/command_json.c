#include "command.h"

#include "core/json.h"

#include <errno.h>
#include <stddef.h>

#define LINE_DEPTH (JSON_DEPTH_MAX + 2) /* a payload lies in its command's body, and that in the line */

enum field_type { TEXT, RAW, U64, I64, OBJECT, FLAG, SINCE, ASKED };

#define ON(kind) (1u << COMMAND_##kind)
#define ON_CHANNEL                                                                                           \
    (ON(SUBSCRIBE) | ON(UNSUBSCRIBE) | ON(PUBLISH) | ON(PRESENCE) | ON(PRESENCE_STATS) | ON(HISTORY) |         \
     ON(SUB_REFRESH))
#define FIELD(kinds, name, TYPE, member) {kinds, name, TYPE, offsetof(struct command, member)}

static const struct field {
    uint32_t kinds;
    const char *name;
    enum field_type type;
    size_t offset;
} fields[] = {
    FIELD(ON_CHANNEL, "channel", TEXT, channel),
    FIELD(ON(CONNECT) | ON(SUBSCRIBE) | ON(REFRESH) | ON(SUB_REFRESH), "token", TEXT, token),
    FIELD(ON(PUBLISH) | ON(SEND) | ON(RPC) | ON(CONNECT) | ON(SUBSCRIBE), "data", RAW, data),
    FIELD(ON(SUBSCRIBE), "recover", FLAG, recover),
    FIELD(ON(SUBSCRIBE), "offset", U64, offset),
    FIELD(ON(SUBSCRIBE), "epoch", TEXT, epoch),
    FIELD(ON(SUBSCRIBE), "flag", I64, flag),
    FIELD(ON(SUBSCRIBE), "join_leave", FLAG, join_leave),
    FIELD(ON(SUBSCRIBE), "positioned", FLAG, positioned),
    FIELD(ON(SUBSCRIBE), "recoverable", FLAG, recoverable),
    FIELD(ON(SUBSCRIBE), "delta", TEXT, delta),
    FIELD(ON(SUBSCRIBE), "tf", OBJECT, filter),
    FIELD(ON(SUBSCRIBE) | ON(PUBLISH) | ON(SUB_REFRESH), "type", I64, type),
    FIELD(ON(HISTORY), "limit", I64, limit),
    FIELD(ON(HISTORY), "reverse", FLAG, reverse),
    FIELD(ON(HISTORY), "since", SINCE, has_since),
    FIELD(ON(RPC), "method", TEXT, method),
    FIELD(ON(CONNECT), "subs", ASKED, asked),
    FIELD(ON(CONNECT), "name", TEXT, name),
    FIELD(ON(CONNECT), "version", TEXT, version),
    FIELD(ON(CONNECT), "headers", OBJECT, headers),
};

static const char *const kinds[COMMAND_KINDS] = {
    [COMMAND_CONNECT] = "connect",
    [COMMAND_SUBSCRIBE] = "subscribe",
    [COMMAND_UNSUBSCRIBE] = "unsubscribe",
    [COMMAND_PUBLISH] = "publish",
    [COMMAND_PRESENCE] = "presence",
    [COMMAND_PRESENCE_STATS] = "presence_stats",
    [COMMAND_HISTORY] = "history",
    [COMMAND_PING] = "ping",
    [COMMAND_SEND] = "send",
    [COMMAND_RPC] = "rpc",
    [COMMAND_REFRESH] = "refresh",
    [COMMAND_SUB_REFRESH] = "sub_refresh",
};

/* Decoded text is never longer than the line, for which `text` has room: its memory does not move. */
static int read_text(struct command *c, struct bytes value, struct bytes *ret)
{
    size_t start = c->text.n;
    if (json_string(value, &c->text) < 0)
        return -EBADMSG;
    *ret = bytes_of(c->text.p + start, c->text.n - start);
    return 0;
}

static int read_flag(struct bytes value, bool *ret)
{
    enum json_type type = json_type(value);
    if (type != JSON_TRUE && type != JSON_FALSE)
        return -EBADMSG;
    *ret = type == JSON_TRUE;
    return 0;
}

static int read_since(struct command *c, struct bytes object)
{
    struct bytes offset = json_member(object, "offset"), epoch = json_member(object, "epoch");
    if (json_type(object) != JSON_OBJECT)
        return -EBADMSG;
    c->has_since = true;
    if (offset.n && json_type(offset) != JSON_NULL && !json_u64(offset, &c->offset))
        return -EBADMSG;
    if (epoch.n && json_type(epoch) != JSON_NULL)
        return read_text(c, epoch, &c->epoch);
    return 0;
}

static int read_field(struct command *c, const struct field *f, struct bytes value)
{
    void *at = (char *)c + f->offset;
    switch (f->type) {
    case TEXT:
        return read_text(c, value, at);
    case RAW: /* its null is a value */
    case OBJECT:
        *(struct bytes *)at = value;
        return 0;
    case U64:
        return json_u64(value, at) ? 0 : -EBADMSG;
    case I64:
        return json_i64(value, at) ? 0 : -EBADMSG;
    case FLAG:
        return read_flag(value, at);
    case SINCE:
        return read_since(c, value);
    case ASKED:
        return wants_read_asked(at, value);
    }
    return -EBADMSG;
}

static const struct field *find_field(enum command_kind kind, struct bytes key)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].kinds & 1u << kind && json_key_is(key, fields[i].name))
            return &fields[i];
    return NULL;
}

static int read_body(struct command *c, struct bytes body)
{
    struct json_iter it;
    struct bytes key, value;
    if (json_type(body) != JSON_OBJECT)
        return -EBADMSG;
    json_object_each(&it, body, &key, &value)
    {
        const struct field *f = find_field(c->kind, key);
        bool null = json_type(value) == JSON_NULL && !(f && f->type == RAW);
        if (f && !null && read_field(c, f, value) < 0)
            return -EBADMSG;
    }
    return 0;
}

static int read_id(struct bytes value, uint32_t *ret_id)
{
    uint64_t id;
    if (json_type(value) == JSON_NULL)
        return 0;
    if (!json_u64(value, &id) || id > UINT32_MAX)
        return -EBADMSG;
    *ret_id = (uint32_t)id;
    return 0;
}

/* The first kind in the order of the table wins, whatever their order in the line. */
static int read_line(struct command *c, struct bytes line, struct bytes *ret_body)
{
    struct json_iter it;
    struct bytes key, value;
    if (json_type(line) != JSON_OBJECT)
        return -EBADMSG;
    json_object_each(&it, line, &key, &value)
    {
        if (json_key_is(key, "id") && read_id(value, &c->id) < 0)
            return -EBADMSG;
        if (json_type(value) == JSON_NULL)
            continue;
        for (enum command_kind k = 1; k < COMMAND_KINDS; k++) {
            if (!json_key_is(key, kinds[k]) || (c->kind && c->kind < k))
                continue;
            c->kind = k;
            *ret_body = value;
        }
    }
    return 0;
}

/* Commands are parted by single \n, one more allowed at the end of a frame. An empty line is no command. */
static struct bytes take_line(struct bytes *frame)
{
    const char *end = memchr(frame->p, '\n', frame->n);
    size_t n = end ? (size_t)(end - frame->p) : frame->n, used = n + (end ? 1 : 0);
    struct bytes line = bytes_of(frame->p, n);
    *frame = bytes_of(frame->p + used, frame->n - used);
    return line;
}

/* c->kind is set, if it is known. -> 0, -EBADMSG: c is done with */
static int finish(struct command *c, struct bytes body, struct command *ret)
{
    if (c->kind && read_body(c, body) < 0) {
        command_fini(c);
        return -EBADMSG;
    }
    *ret = *c;
    return 0;
}

static int read_command(struct bytes line, struct command *ret)
{
    struct command c = {.data_is_json = true};
    struct bytes body = {0};
    buf_reserve(&c.text, line.n);
    if (read_line(&c, line, &body) == 0)
        return finish(&c, body, ret);
    command_fini(&c);
    return -EBADMSG;
}

/* Of a line that is too deep. What it is too deep in has not been looked at as a whole: it is to be the data of a command whose client can be
 * told so, or what nobody reads. -> 0, -EBADMSG */
static int check_depth(struct command *c)
{
    bool tells = c->kind == COMMAND_PUBLISH || c->kind == COMMAND_RPC;
    bool shallow = (c->filter.n == 0 || json_check(c->filter, JSON_DEPTH_MAX, NULL) == 0) &&
                   (c->headers.n == 0 || json_check(c->headers, JSON_DEPTH_MAX, NULL) == 0);
    c->too_deep = c->data.n && json_check(c->data, command_depth_max(c), NULL) < 0;
    if (c->too_deep)
        c->data = (struct bytes){0};
    return shallow && (tells || !c->too_deep) ? 0 : -EBADMSG;
}

static int read_deep_command(struct bytes line, struct command *ret)
{
    struct command c;
    if (read_command(line, &c) < 0)
        return -EBADMSG;
    if (check_depth(&c) < 0) {
        command_fini(&c);
        return -EBADMSG;
    }
    *ret = c;
    return 0;
}

int command_take_json(struct bytes *frame, struct command *ret)
{
    struct bytes rest = *frame, line = take_line(&rest);
    int good = json_check(line, LINE_DEPTH, NULL);
    if (good < 0 && good != -E2BIG)
        return -EBADMSG;
    line = json_trim(line);
    if ((good == 0 ? read_command(line, ret) : read_deep_command(line, ret)) < 0)
        return -EBADMSG;
    *frame = rest;
    return 0;
}

int command_take_connect(struct bytes request, struct command *ret)
{
    struct command c = {.kind = COMMAND_CONNECT, .data_is_json = true};
    if (json_check(request, JSON_DEPTH_MAX + 1, NULL) < 0)
        return -EBADMSG;
    buf_reserve(&c.text, request.n);
    return finish(&c, json_trim(request), ret);
}
