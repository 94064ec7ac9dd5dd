#include "proxy_answer.h"

#include "base64.h"

#include "core/json.h"
#include "wire/proxy_option.h"

#include <errno.h>
#include <stddef.h>

#define REASON_MAX 123 /* bytes of a close reason; RFC 6455 5.5 */
#define MESSAGE_MAX 1024 /* bytes of an error's text */

enum field_type { TEXT, B64_JSON, JSON, OBJECT, ARRAY, I64, U64, FLAG };

#define FIELD(name, TYPE, member) {name, TYPE, offsetof(struct proxy_result, member)}

/* Of two that share a member the later one wins. */
static const struct field {
    const char *name;
    enum field_type type;
    size_t offset;
} fields[] = {
    FIELD("user", TEXT, user),
    FIELD("idempotency_key", TEXT, key),
    FIELD("info", JSON, info),
    FIELD("b64info", B64_JSON, info),
    FIELD("data", JSON, data),
    FIELD("b64data", B64_JSON, data),
    FIELD("tags", OBJECT, tags),
    FIELD("meta", OBJECT, meta),
    FIELD("override", OBJECT, override),
    FIELD("subs", OBJECT, subs),
    FIELD("channels", ARRAY, channels),
    FIELD("expire_at", I64, expire_at),
    FIELD("version", U64, version),
    FIELD("expired", FLAG, expired),
};

/* memory has room for all that is decoded: it does not move. */
static int read_text(struct buf *memory, struct bytes value, struct bytes *ret)
{
    size_t start = memory->n;
    if (json_string(value, memory) < 0)
        return -EBADMSG;
    *ret = bytes_of(memory->p + start, memory->n - start);
    return 0;
}

static int read_base64(struct buf *memory, struct bytes value, struct bytes *ret)
{
    struct bytes text;
    if (read_text(memory, value, &text) < 0)
        return -EBADMSG;
    if (text.n == 0)
        return 0;
    size_t start = memory->n;
    if (base64_decode(text, memory) < 0)
        return -EBADMSG;
    struct bytes decoded = bytes_of(memory->p + start, memory->n - start);
    if (json_check(decoded, JSON_DEPTH_MAX, NULL) < 0)
        return -EBADMSG;
    *ret = json_trim(decoded);
    return 0;
}

static int read_typed(struct bytes value, enum json_type type, struct bytes *ret)
{
    if (json_type(value) != type)
        return -EBADMSG;
    *ret = value;
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

static int read_field(struct proxy_answer *a, const struct field *f, struct bytes value)
{
    void *at = (char *)&a->result + f->offset;
    switch (f->type) {
    case TEXT:
        return read_text(&a->memory, value, at);
    case B64_JSON:
        return read_base64(&a->memory, value, at);
    case JSON:
        *(struct bytes *)at = value;
        return 0;
    case OBJECT:
        return read_typed(value, JSON_OBJECT, at);
    case ARRAY:
        return read_typed(value, JSON_ARRAY, at);
    case I64:
        return json_i64(value, at) ? 0 : -EBADMSG;
    case U64:
        return json_u64(value, at) ? 0 : -EBADMSG;
    case FLAG:
        return read_flag(value, at);
    }
    return -EBADMSG;
}

static int read_result(struct proxy_answer *a, struct bytes result, const char **ret_why)
{
    if (json_type(result) != JSON_OBJECT) {
        *ret_why = "result is no object";
        return -EBADMSG;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct bytes value = json_member(result, fields[i].name);
        if (json_is_absent(value) || read_field(a, &fields[i], value) == 0)
            continue;
        *ret_why = fields[i].name; /* what is wrong */
        return -EBADMSG;
    }
    return 0;
}

/* Cut where a character begins. */
static struct bytes cut(struct bytes text, size_t most)
{
    size_t n = text.n < most ? text.n : most;
    while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xC0) == 0x80)
        n--;
    return bytes_of(text.p, n);
}

/* {"code":…,TEXT:"…"}: what an error and a disconnect have in common. -> its code, 0: it is none */
static uint32_t read_code(struct proxy_answer *a, struct bytes object, const char *text, bool (*good)(uint64_t code), size_t most)
{
    uint64_t code;
    struct bytes value = json_member(object, text);
    if (json_type(object) != JSON_OBJECT || !json_u64(json_member(object, "code"), &code) || !good(code))
        return 0;
    if (!json_is_absent(value) && read_text(&a->memory, value, &a->text) < 0)
        return 0;
    a->text = cut(a->text, most);
    return (uint32_t)code;
}

static int read_error(struct proxy_answer *a, struct bytes error)
{
    struct bytes temporary = json_member(error, "temporary");
    a->error = read_code(a, error, "message", proxy_error_is_good, MESSAGE_MAX);
    if (a->error == 0 || (!json_is_absent(temporary) && read_flag(temporary, &a->temporary) < 0))
        return -EBADMSG;
    return 0;
}

static int read_envelope(struct proxy_answer *a, struct bytes body, const char **ret_why)
{
    struct bytes disconnect = json_member(body, "disconnect"), error = json_member(body, "error");
    if (!json_is_absent(disconnect)) {
        *ret_why = "disconnect is none: a code from 3000 to 4999 is wanted";
        a->disconnect = read_code(a, disconnect, "reason", proxy_disconnect_is_good, REASON_MAX);
        return a->disconnect ? 0 : -EBADMSG;
    }
    if (!json_is_absent(error)) {
        *ret_why = "error is none: a code from 1 to 65535 is wanted";
        return read_error(a, error);
    }
    return read_result(a, json_member(body, "result"), ret_why);
}

static bool transform(int status, struct texts transforms, struct proxy_answer *ret)
{
    struct proxy_transform t;
    for (size_t i = 0; i < transforms.n; i++) {
        if (!proxy_transform_read(transforms.items[i], &t) || (int)t.status != status)
            continue;
        *(t.outcome == PROXY_OUTCOME_DISCONNECT ? &ret->disconnect : &ret->error) = t.code;
        ret->temporary = t.outcome == PROXY_OUTCOME_TEMPORARY;
        ret->text = cut(t.text, t.outcome == PROXY_OUTCOME_DISCONNECT ? REASON_MAX : MESSAGE_MAX);
        return true;
    }
    return false;
}

int proxy_answer_read(int status, struct bytes body, struct texts transforms, struct proxy_answer *ret, const char **ret_why)
{
    *ret = (struct proxy_answer){0};
    if (status != 200) {
        *ret_why = "the status is not 200";
        return transform(status, transforms, ret) ? 0 : -EBADMSG;
    }
    int good = json_check(body, JSON_DEPTH_MAX + 2, NULL); /* data lies in the result, and that in the answer */
    if (good < 0 || json_type(body = json_trim(body)) != JSON_OBJECT) {
        *ret_why = good == -E2BIG ? "it has data that is nested deeper than 128 levels" : "it is no JSON object";
        return -EBADMSG;
    }
    buf_reserve(&ret->memory, 2 * body.n + 16); /* Base64 is decoded twice */
    return read_envelope(ret, body, ret_why);
}

void proxy_answer_fini(struct proxy_answer *a)
{
    buf_fini(&a->memory);
}
