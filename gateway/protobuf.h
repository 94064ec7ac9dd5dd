/* What the parts that speak Protobuf share: sizes in front of messages, and messages of client.proto put into a buffer.
 * protobuf-c is known here and in *_protobuf.c alone. */
#ifndef GATEWAY_PROTOBUF_H
#define GATEWAY_PROTOBUF_H

#include "core/buf.h"

#include <protobuf-c/protobuf-c.h>

#define UVARINT_MAX 10 /* bytes of one */

/* Seven bits a byte, the least first. -> bytes written at `at` */
static inline size_t uvarint_write(char *at, uint64_t v)
{
    size_t n = 0;
    for (; v > 0x7f; v >>= 7)
        at[n++] = (char)(v | 0x80);
    at[n++] = (char)v;
    return n;
}
static inline size_t uvarint_size(uint64_t v)
{
    return (size_t)(70 - __builtin_clzll(v | 1)) / 7;
}

/* The next message behind its size. -> 1, 0 at the end, -EBADMSG when it is not whole */
int protobuf_take(struct bytes *frame, struct bytes *ret);
/* Before a stranger's message is unpacked: in linear time, as deep as the type's messages have messages. Of two occurrences of a single
 * message protobuf-c makes one, and copies what is repeated in it each time: 32,000 of them take it a second.
 * -> 0, -EBADMSG: a message is there twice that can be there once, or what is there is not whole */
int protobuf_check(struct bytes message, const ProtobufCMessageDescriptor *type);
void protobuf_put(struct buf *b, const ProtobufCMessage *m);       /* the message alone */
void protobuf_put_sized(struct buf *b, const ProtobufCMessage *m); /* behind its size */

static inline ProtobufCBinaryData protobuf_bytes(struct bytes b) /* a loan */
{
    return (ProtobufCBinaryData){.len = b.n, .data = (uint8_t *)(uintptr_t)b.p};
}

#endif
