/* permessage-deflate (RFC 7692) without context takeover, so that what was compressed for one client is good for all of them,
 * and is put together from pieces that know nothing of each other:
 *
 *     message = pieces, each whole bytes:  segment   a text, compressed by itself
 *                                          stored    a text as it is
 *
 * One state to compress with and one to inflate with for the whole process (0.3 MB); none per connection. The only zlib. */
#ifndef GATEWAY_DEFLATE_H
#define GATEWAY_DEFLATE_H

#include "core/buf.h"

struct deflate;

struct deflate *deflate_new(int level); /* 1 to 9 */
void deflate_free(struct deflate *d);   /* NULL is fine */

/* Each appends a piece. */
void deflate_segment(struct deflate *d, struct bytes text, struct buf *into);
void deflate_stored(struct bytes text, struct buf *into);
/* Behind the last piece, which was a segment or not. */
void deflate_end(struct buf *message, bool segment_last);

/* A client's message. -> 0, -EMSGSIZE: it is longer than `most`, -EBADMSG; `into` then has a part of it */
int deflate_inflate(struct deflate *d, struct bytes message, size_t most, struct buf *into);

#endif
