#include "protobuf.h"

#include <errno.h>

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
