/* The body of a request in chunked coding (RFC 9112 7.1), taken apart as it comes. Strict: lines end with CRLF alone, so that nobody in
 * front of us sees another end of the body. Extensions and trailers are passed over. */
#ifndef GATEWAY_CHUNKED_H
#define GATEWAY_CHUNKED_H

#include "core/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define CHUNKED_LINE_MAX 4096     /* bytes of a chunk's line with its extensions */
#define CHUNKED_TRAILERS_MAX 8192 /* bytes of all trailers */
#define CHUNKED_SIZE_DIGITS 15    /* hexadecimal, of a chunk's length */

struct chunked { /* zeroed: at the beginning */
    enum chunked_state {
        CHUNKED_SIZE,      /* in a chunk's length */
        CHUNKED_EXTENSION, /* behind it, up to the line's end */
        CHUNKED_LINE_END,  /* its LF has to come */
        CHUNKED_DATA,      /* `left` bytes have to come */
        CHUNKED_DATA_CR,
        CHUNKED_DATA_LF,
        CHUNKED_TRAILER,   /* at the beginning of a line behind the last chunk */
        CHUNKED_IN_TRAILER,
        CHUNKED_TRAILER_END,
        CHUNKED_LAST_LF,
        CHUNKED_COMPLETE,
        CHUNKED_BROKEN,
    } state;
    uint64_t left;   /* of the chunk, bytes */
    unsigned digits; /* of its length, so far */
    unsigned line;   /* bytes of the line, or of the trailers, so far */
};

/* Takes from *in what it can, at least a byte when there is one and the body is neither complete nor broken. -> bytes of the body, borrowed from it; may be empty */
struct bytes chunked_take(struct chunked *c, struct bytes *in);

#endif
