#include "protobuf.h"

#include <assert.h>
#include <errno.h>

#define FIELD_HEAD_MAX 5 /* bytes of a field's number and kind, or of its length: protobuf-c takes no more */

/* -> bytes read, 0 when there is none */
static size_t uvarint_read(struct bytes in, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < in.n && i < UVARINT_MAX; i++) {
        uint8_t byte = (uint8_t)in.p[i];
        v |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte & 0x80)
            continue;
        *ret = v;
        return i + 1;
    }
    return 0;
}

int protobuf_take(struct bytes *frame, struct bytes *ret)
{
    uint64_t size;
    if (frame->n == 0)
        return 0;
    size_t head = uvarint_read(*frame, &size);
    if (head == 0 || size > frame->n - head)
        return -EBADMSG;
    *ret = bytes_of(frame->p + head, size);
    *frame = bytes_of(frame->p + head + size, frame->n - head - size);
    return 1;
}

/* ---- before it is unpacked */

struct field {
    uint32_t number;
    struct bytes value; /* of what has a length; otherwise empty */
};

static bool take_bytes(struct bytes *rest, size_t n, struct bytes *ret)
{
    if (n > rest->n)
        return false;
    *ret = bytes_of(rest->p, n);
    *rest = bytes_of(rest->p + n, rest->n - n);
    return true;
}

static bool take_uvarint(struct bytes *rest, size_t most, uint64_t *ret)
{
    struct bytes taken;
    size_t n = uvarint_read(*rest, ret);
    return n > 0 && n <= most && take_bytes(rest, n, &taken);
}

static bool take_field(struct bytes *rest, struct field *ret)
{
    uint64_t head, value;
    struct bytes fixed;
    if (!take_uvarint(rest, FIELD_HEAD_MAX, &head))
        return false;
    *ret = (struct field){.number = (uint32_t)(head >> 3)};
    switch (head & 7) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return take_uvarint(rest, UVARINT_MAX, &value);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return take_bytes(rest, 8, &fixed);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return take_uvarint(rest, FIELD_HEAD_MAX, &value) && take_bytes(rest, value, &ret->value);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return take_bytes(rest, 4, &fixed);
    default: /* groups */
        return false;
    }
}

int protobuf_check(struct bytes message, const ProtobufCMessageDescriptor *type)
{
    struct field f;
    uint64_t seen = 0; /* a bit for each field of the type that is a single message */
    assert(type->n_fields <= 64);
    while (message.n) {
        if (!take_field(&message, &f))
            return -EBADMSG;
        const ProtobufCFieldDescriptor *d = protobuf_c_message_descriptor_get_field(type, f.number);
        if (!d || d->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        uint64_t bit = d->label == PROTOBUF_C_LABEL_REPEATED ? 0 : 1ull << (d - type->fields);
        if (seen & bit || protobuf_check(f.value, d->descriptor) < 0)
            return -EBADMSG;
        seen |= bit;
    }
    return 0;
}

/* ---- put into a buffer */

static void put(struct buf *b, const ProtobufCMessage *m, size_t size)
{
    buf_reserve(b, size);
    b->n += protobuf_c_message_pack(m, (uint8_t *)b->p + b->n);
    b->p[b->n] = 0;
}

void protobuf_put(struct buf *b, const ProtobufCMessage *m)
{
    put(b, m, protobuf_c_message_get_packed_size(m));
}

void protobuf_put_sized(struct buf *b, const ProtobufCMessage *m)
{
    char head[UVARINT_MAX];
    size_t size = protobuf_c_message_get_packed_size(m);
    buf_append(b, head, uvarint_write(head, size));
    put(b, m, size);
}
