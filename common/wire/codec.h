/* The one encoding of every message between our processes, on links and in Kafka: the fields of the message in
 * the order of its table, integers little-endian and fixed, `str` as u32 length and bytes. No tags, no padding.
 * A `str` may hold a list: the records of another table, one behind the other.
 *
 * A message is a field table (messages.h); from it come the struct, wire_put_NAME and wire_get_NAME:
 *
 *     #define SEQ_RESULT_FIELDS(F) F(u64, counter, "…") F(str, text, "…")
 *     WIRE_DECLARE(seq_result, SEQ_RESULT_FIELDS)
 *
 * Decoding borrows: every struct bytes points into the frame. A frame may be longer than its table: fields are only
 * ever added at the end, and a reader that does not know them skips them; a frame that ends early is -EBADMSG. */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include "core/buf.h"
#include "core/bytes.h"

#define WIRE_CTYPE_u8 uint8_t
#define WIRE_CTYPE_u32 uint32_t
#define WIRE_CTYPE_u64 uint64_t
#define WIRE_CTYPE_str struct bytes

void wire_put_u8(struct buf *b, uint8_t v);
void wire_put_u32(struct buf *b, uint32_t v);
void wire_put_u64(struct buf *b, uint64_t v);
void wire_put_str(struct buf *b, struct bytes v);
/* Each takes its value from the front of *in. -> false when `in` is too short */
bool wire_get_u8(struct bytes *in, uint8_t *ret);
bool wire_get_u32(struct bytes *in, uint32_t *ret);
bool wire_get_u64(struct bytes *in, uint64_t *ret);
bool wire_get_str(struct bytes *in, struct bytes *ret);

#define WIRE_FIELD(type, name, help) WIRE_CTYPE_##type name;
#define WIRE_PUT(type, name, help) wire_put_##type(b, m->name);
#define WIRE_GET(type, name, help)                                                                           \
    if (!wire_get_##type(&in, &m->name))                                                                     \
        return -EBADMSG;

/* wire_next_NAME takes one record off the front of a list. -> 1, 0 at the end, -EBADMSG */
#define WIRE_DECLARE(name, FIELDS)                                                                           \
    struct name {                                                                                            \
        FIELDS(WIRE_FIELD)                                                                                   \
    };                                                                                                       \
    void wire_put_##name(struct buf *b, const struct name *m);                                               \
    int wire_get_##name(struct bytes in, struct name *m);                                                    \
    int wire_next_##name(struct bytes *list, struct name *m);

#define WIRE_DEFINE(name, FIELDS)                                                                            \
    void wire_put_##name(struct buf *b, const struct name *m)                                                \
    {                                                                                                        \
        FIELDS(WIRE_PUT)                                                                                     \
    }                                                                                                        \
    static int take_##name(struct bytes *rest, struct name *m)                                               \
    {                                                                                                        \
        struct bytes in = *rest;                                                                             \
        FIELDS(WIRE_GET)                                                                                     \
        *rest = in;                                                                                          \
        return 0;                                                                                            \
    }                                                                                                        \
    int wire_get_##name(struct bytes in, struct name *m)                                                     \
    {                                                                                                        \
        return take_##name(&in, m);                                                                          \
    }                                                                                                        \
    int wire_next_##name(struct bytes *list, struct name *m)                                                 \
    {                                                                                                        \
        if (list->n == 0)                                                                                    \
            return 0;                                                                                        \
        int error = take_##name(list, m);                                                                    \
        return error < 0 ? error : 1;                                                                        \
    }

#endif
