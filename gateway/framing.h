/* From what is said on a connection (encoding.h) to the bytes of its transport, where it is a stream: an answer in
 * chunked coding, a chunk a write; to HTTP/1.0, as nginx speaks it unless told otherwise, in none: its end is the connection's.
 *
 *     LINES    {"id":1,"connect":{…}}\n       http_stream
 *              9 [9 bytes]                    the same in Protobuf: as it is
 *     EVENTS   data: {"id":1,"connect":{…}}\n\n   sse: Server-Sent Events, behind a first empty line
 *
 * On a one-way transport the pushes are bare: {"push":{"channel":…}} is {"channel":…}. */
#ifndef GATEWAY_FRAMING_H
#define GATEWAY_FRAMING_H

#include "transport.h"

#include "core/buf.h"

const char *framing_content_type(const struct transport *t, bool binary);
void framing_begin(struct buf *into, const struct transport *t, bool chunked); /* what stands before the first line */
/* messages: lines parted by \n, at least one; or binary. */
void framing_put(struct buf *into, const struct transport *t, struct bytes messages, bool binary, bool chunked);
void framing_end(struct buf *into, bool chunked); /* of the body */
/* A line as a one-way transport says it. */
struct bytes framing_bare(struct bytes line);
/* Takes the first line off. -> false when there is none */
bool framing_next_line(struct bytes *lines, struct bytes *ret_line);

#endif
