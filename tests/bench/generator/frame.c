#include "frame.h"

#include <errno.h>

#define FIN 0x80
#define MASKED 0x80
#define SIZE_16 126
#define SIZE_64 127
#define NO_CODE 1005

/* -> bytes of the header, 0 when it is not all there */
static size_t header(const unsigned char *p, size_t n, uint64_t *ret_size)
{
    if (n < 2)
        return 0;
    unsigned size = p[1] & 0x7f, extended = size == SIZE_16 ? 2 : size == SIZE_64 ? 8 : 0;
    if (n < 2 + extended)
        return 0;
    uint64_t v = extended ? 0 : size;
    for (unsigned i = 0; i < extended; i++)
        v = v << 8 | p[2 + i];
    *ret_size = v;
    return 2 + extended;
}

int frame_take(struct bytes *text, struct frame *ret_frame)
{
    const unsigned char *p = (const unsigned char *)text->p;
    uint64_t size = 0;
    size_t head = header(p, text->n, &size);
    if (text->n >= 2 && ((p[0] & 0xf0) != FIN || (p[0] & 0x0f) == 0 || (p[1] & MASKED)))
        return -EBADMSG;
    if (head == 0 || text->n - head < size)
        return 0;
    *ret_frame = (struct frame){p[0] & 0x0f, {text->p + head, size}};
    *text = bytes_of(text->p + head + size, text->n - head - size);
    return 1;
}

static void append_header(struct buf *into, uint8_t opcode, size_t size, uint8_t masked)
{
    buf_append_char(into, (char)(FIN | opcode));
    if (size < SIZE_16) {
        buf_append_char(into, (char)(masked | size));
    } else if (size < 65536) {
        buf_append_char(into, (char)(masked | SIZE_16));
        buf_append_char(into, (char)(size >> 8));
        buf_append_char(into, (char)size);
    } else {
        buf_append_char(into, (char)(masked | SIZE_64));
        for (int shift = 56; shift >= 0; shift -= 8)
            buf_append_char(into, (char)((uint64_t)size >> shift));
    }
}

void frame_append_masked(struct buf *into, uint8_t opcode, struct bytes payload)
{
    append_header(into, opcode, payload.n, MASKED);
    buf_append(into, "\0\0\0\0", 4);
    buf_append_bytes(into, payload);
}

void frame_append(struct buf *into, uint8_t opcode, struct bytes payload)
{
    append_header(into, opcode, payload.n, 0);
    buf_append_bytes(into, payload);
}

unsigned frame_close_code(struct bytes payload)
{
    const unsigned char *p = (const unsigned char *)payload.p;
    return payload.n < 2 ? NO_CODE : (unsigned)p[0] << 8 | p[1];
}
