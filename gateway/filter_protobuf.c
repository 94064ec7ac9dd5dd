/* A filter in Protobuf, as the JSON that filter.c reads. Nodes within nodes are bytes in client.proto, since protobuf-c would
 * follow them as deep as a stranger likes. */
#include "client.pb-c.h"
#include "filter.h"

#include "core/json.h"

#include <errno.h>

#define DEPTH_MAX 100 /* the most that --filter-depth can be */

static void member(struct buf *into, const char *key)
{
    buf_append_str(into, into->p[into->n - 1] == '{' ? "\"" : ",\"");
    buf_append_str(into, key);
    buf_append_str(into, "\":");
}

static void text(struct buf *into, const char *key, ProtobufCBinaryData value)
{
    if (value.len == 0)
        return;
    member(into, key);
    json_append_string(into, bytes_of(value.data, value.len));
}

static void texts(struct buf *into, size_t n, const ProtobufCBinaryData *values)
{
    member(into, "vals");
    for (size_t i = 0; i < n; i++) {
        buf_append_char(into, i ? ',' : '[');
        json_append_string(into, bytes_of(values[i].data, values[i].len));
    }
    buf_append_char(into, ']');
}

static int node(struct bytes message, int depth, struct buf *into);

static int nodes(struct buf *into, const Pb__FilterNode *n, int depth)
{
    int error = 0;
    member(into, "nodes");
    for (size_t i = 0; i < n->n_nodes && error == 0; i++) {
        buf_append_char(into, i ? ',' : '[');
        error = node(bytes_of(n->nodes[i].data, n->nodes[i].len), depth + 1, into);
    }
    buf_append_char(into, ']');
    return error;
}

static int node(struct bytes message, int depth, struct buf *into)
{
    Pb__FilterNode *n = depth < DEPTH_MAX ? pb__filter_node__unpack(NULL, message.n, (const uint8_t *)message.p) : NULL;
    int error = n ? 0 : -EBADMSG;
    if (!n)
        return error;
    buf_append_char(into, '{');
    text(into, "op", n->op);
    text(into, "key", n->key);
    text(into, "cmp", n->cmp);
    text(into, "val", n->val);
    if (n->n_vals)
        texts(into, n->n_vals, n->vals);
    if (n->n_nodes)
        error = nodes(into, n, depth);
    buf_append_char(into, '}');
    pb__filter_node__free_unpacked(n, NULL);
    return error;
}

void filter_from_protobuf(struct bytes message, struct buf *into)
{
    if (node(message, 0, into) == 0)
        return;
    buf_clear(into);
    buf_append_str(into, "null");
}
