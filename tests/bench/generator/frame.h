/* WebSocket frames (RFC 6455) as a client of a well-behaved server needs them: whole messages, unmasked inbound. */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include "core/buf.h"

enum frame_opcode { FRAME_TEXT = 1, FRAME_BINARY = 2, FRAME_CLOSE = 8, FRAME_PING = 9, FRAME_PONG = 10 };

struct frame {
    uint8_t opcode;
    struct bytes payload; /* a loan of the text that it was taken from */
};

/* Takes the first frame off the front of text.
 * -> 1, 0 (more bytes are needed; nothing was taken), -EBADMSG (fragmented, masked, or reserved bits) */
int frame_take(struct bytes *text, struct frame *ret_frame);
/* Masked with zeros: the server's CPU is the same, ours is saved. */
void frame_append_masked(struct buf *into, uint8_t opcode, struct bytes payload);
/* As a server sends it. */
void frame_append(struct buf *into, uint8_t opcode, struct bytes payload);
/* -> the code of a close frame's payload; 1005 when it has none */
unsigned frame_close_code(struct bytes payload);

#endif
