#include "client_info.h"

#include "core/json.h"

static void member(struct buf *b, const char *key, struct bytes json)
{
    if (json.n == 0)
        return;
    buf_append_str(b, key);
    json_append_line(b, json);
}

void client_info_json(struct buf *b, const struct client_info *info)
{
    buf_append_str(b, "{\"user\":");
    json_append_string(b, info->user);
    buf_append_str(b, ",\"client\":");
    json_append_string(b, info->client);
    member(b, ",\"conn_info\":", info->conn_info);
    member(b, ",\"chan_info\":", info->chan_info);
    buf_append_char(b, '}');
}

static struct bytes text(struct bytes value, struct buf *memory)
{
    size_t start = memory->n;
    if (json_string(value, memory) < 0)
        memory->n = start;
    return bytes_of(memory->p + start, memory->n - start);
}

void client_info_read(struct bytes json, struct buf *memory, struct client_info *ret)
{
    struct json_iter it;
    struct bytes key, value;
    *ret = (struct client_info){0};
    json_object_each(&it, json, &key, &value)
    {
        if (json_key_is(key, "user"))
            ret->user = text(value, memory);
        else if (json_key_is(key, "client"))
            ret->client = text(value, memory);
        else if (json_key_is(key, "conn_info"))
            ret->conn_info = value;
        else if (json_key_is(key, "chan_info"))
            ret->chan_info = value;
    }
}
