/* Publications in Protobuf. */
#include "base64.h"
#include "client.pb-c.h"
#include "client_info.h"
#include "protobuf.h"
#include "publication.h"

#include "core/json.h"

#include <assert.h>
#include <stdlib.h>

/* Memory of what is decoded: never longer than the JSON that it comes from, so that it does not move. */
struct decoded {
    struct buf memory;
    Pb__ClientInfo info;
    Pb__Tag *tags;
};

static ProtobufCBinaryData text(struct decoded *d, struct bytes value)
{
    size_t start = d->memory.n;
    if (json_string(value, &d->memory) < 0)
        d->memory.n = start;
    return protobuf_bytes(bytes_of(d->memory.p + start, d->memory.n - start));
}

static ProtobufCBinaryData binary(struct decoded *d, struct bytes value)
{
    size_t start = d->memory.n;
    if (base64_decode(bytes_of(value.p + 1, value.n - 2), &d->memory) < 0)
        d->memory.n = start;
    return protobuf_bytes(bytes_of(d->memory.p + start, d->memory.n - start));
}

static Pb__ClientInfo *info(struct decoded *d, struct bytes json)
{
    struct client_info read;
    client_info_read(json, &d->memory, &read);
    pb__client_info__init(&d->info);
    d->info.user = protobuf_bytes(read.user);
    d->info.client = protobuf_bytes(read.client);
    d->info.conn_info = protobuf_bytes(read.conn_info);
    d->info.chan_info = protobuf_bytes(read.chan_info);
    return &d->info;
}

static size_t count(struct bytes object)
{
    struct json_iter it;
    struct bytes key, value;
    size_t n = 0;
    json_object_each(&it, object, &key, &value)
        n++;
    return n;
}

static void tags(struct decoded *d, Pb__Publication *p, struct bytes object)
{
    struct json_iter it;
    struct bytes key, value;
    size_t n = count(object);
    d->tags = calloc(n, sizeof *d->tags + sizeof *p->tags);
    assert(d->tags || n == 0);
    p->tags = (Pb__Tag **)&d->tags[n];
    json_object_each(&it, object, &key, &value)
    {
        Pb__Tag *tag = &d->tags[p->n_tags];
        pb__tag__init(tag);
        tag->key = text(d, key);
        tag->value = text(d, value);
        p->tags[p->n_tags++] = tag;
    }
}

static void member(struct decoded *d, Pb__Publication *p, struct bytes key, struct bytes value)
{
    if (json_key_is(key, "data"))
        p->data = protobuf_bytes(value);
    else if (json_key_is(key, "b64data"))
        p->data = binary(d, value);
    else if (json_key_is(key, "offset"))
        json_u64(value, &p->offset);
    else if (json_key_is(key, "info"))
        p->info = info(d, value);
    else if (json_key_is(key, "tags"))
        tags(d, p, value);
    else if (json_key_is(key, "epoch"))
        p->epoch = text(d, value);
}

struct bytes publication_payload(struct bytes json, struct buf *memory)
{
    struct bytes encoded = json_member(json, "b64data");
    if (encoded.n < 2)
        return json_member(json, "data");
    buf_clear(memory);
    if (base64_decode(bytes_of(encoded.p + 1, encoded.n - 2), memory) < 0)
        buf_clear(memory);
    return buf_bytes(memory);
}

void publication_protobuf(struct buf *into, struct bytes json, const struct bytes *delta)
{
    Pb__Publication p = PB__PUBLICATION__INIT;
    struct decoded d = {0};
    struct json_iter it;
    struct bytes key, value;
    buf_reserve(&d.memory, json.n);
    json_object_each(&it, json, &key, &value)
        member(&d, &p, key, value);
    p.delta = delta != NULL;
    if (delta)
        p.data = protobuf_bytes(*delta);
    protobuf_put(into, &p.base);
    free(d.tags);
    buf_fini(&d.memory);
}
