#include "api_params.h"

#include "want.h"

#include "core/json.h"

#include <assert.h>

static const char *const names[] = {
#define API_FIELD(name) #name,
    API_FIELDS(API_FIELD)
#undef API_FIELD
};

/* The last one of a name wins, as in most parsers. null is as good as absent, but as a payload
 * it is a value. */
void api_fields_find(struct api_op *op)
{
    struct json_iter it;
    struct bytes key, value;
    json_object_each (&it, op->params, &key, &value) {
        for (size_t i = 0; i < API_N_FIELDS; i++)
            if (json_key_is(key, names[i]))
                op->fields[i] = i != API_data && json_is_absent(value) ? bytes_of(NULL, 0) : value;
    }
}

/* All texts of an op go into one buffer, which first gets room for the longest that they can
 * become (a decoded text is not longer than its JSON, and Base64 decoded a second time not
 * either), so that earlier slices stay. */
static void make_room(struct api_op *op)
{
    if (op->memory.cap == 0)
        buf_reserve(&op->memory, 2 * op->params.n + 16);
}

bool api_item(struct api_op *op, struct bytes item, struct bytes *ret)
{
    make_room(op);
    size_t start = op->memory.n, cap = op->memory.cap;
    if (json_string(item, &op->memory) < 0)
        return false;
    assert(op->memory.cap == cap);
    *ret = bytes_of(op->memory.p + start, op->memory.n - start);
    return true;
}

bool api_text(struct api_op *op, enum api_field field, struct bytes *ret)
{
    struct bytes value = op->fields[field];
    if (value.n == 0 || api_item(op, value, ret))
        return true;
    api_op_malformed(op, names[field]);
    return false;
}

bool api_bool(struct api_op *op, enum api_field field, bool *ret)
{
    struct bytes value = op->fields[field];
    enum json_type type = json_type(value);
    if (type == JSON_TRUE || type == JSON_FALSE)
        *ret = type == JSON_TRUE;
    else if (value.n) {
        api_op_malformed(op, names[field]);
        return false;
    }
    return true;
}

bool api_i64(struct api_op *op, enum api_field field, int64_t *ret)
{
    struct bytes value = op->fields[field];
    if (value.n == 0 || json_i64(value, ret))
        return true;
    api_op_malformed(op, names[field]);
    return false;
}

bool api_u64(struct api_op *op, enum api_field field, uint64_t *ret)
{
    struct bytes value = op->fields[field];
    if (value.n == 0 || json_u64(value, ret))
        return true;
    api_op_malformed(op, names[field]);
    return false;
}

static bool nested(struct api_op *op, enum api_field field, enum json_type type,
                   struct bytes *ret)
{
    struct bytes value = op->fields[field];
    if (value.n == 0)
        return true;
    if (json_type(value) != type) {
        api_op_malformed(op, names[field]);
        return false;
    }
    *ret = value;
    return true;
}

bool api_object(struct api_op *op, enum api_field field, struct bytes *ret)
{
    return nested(op, field, JSON_OBJECT, ret);
}

bool api_array(struct api_op *op, enum api_field field, struct bytes *ret)
{
    return nested(op, field, JSON_ARRAY, ret);
}

bool api_json(struct api_op *op, enum api_field field, enum api_field b64_field, struct bytes *ret)
{
    make_room(op);
    size_t start = op->memory.n, cap = op->memory.cap;
    if (want_read_json(op->fields[field], op->fields[b64_field], &op->memory) < 0) {
        api_op_malformed(op, names[b64_field]);
        return false;
    }
    assert(op->memory.cap == cap);
    if (op->memory.n > start)
        *ret = bytes_of(op->memory.p + start, op->memory.n - start);
    return true;
}

uint32_t api_resolve(struct api_op *op, const struct config_tenant *asker, struct bytes spelling, struct config_channel *ret)
{
    uint32_t code = config_resolve(op->call->config, asker, spelling, ret);
    if (code == 107)
        api_op_detail(op, "channel: 1 to %d printable ASCII characters without space", CHANNEL_MAX);
    else if (code == 103)
        api_op_detail(op, "channel: it is another tenant's than the key's");
    else if (code == 102)
        api_op_detail(op, "channel: its tenant has no such namespace (what stands before the first colon)");
    return code;
}

bool api_channel(struct api_op *op, struct config_channel *ret)
{
    struct bytes spelling = {0};
    if (!api_text(op, API_channel, &spelling))
        return false;
    uint32_t code = api_resolve(op, op->call->tenant, spelling, ret);
    if (code)
        api_op_finish(op, code);
    return code == 0;
}
