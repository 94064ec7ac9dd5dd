/* How what is said on a connection is written: as lines of JSON, or in Protobuf (protocol.md 1). Where the two differ stands in
 * this one table and in files side by side, *_json.c and *_protobuf.c; everybody else names what is said and the encoding.
 *
 *     JSON       {"id":1,…}\n{"id":2,…}\n          a message ends with \n; a frame's last one has none
 *     Protobuf   9 [9 bytes] 13 [13 bytes]         its size stands in front of each message; frames are binary */
#ifndef GATEWAY_ENCODING_H
#define GATEWAY_ENCODING_H

#include "core/buf.h"

struct channel;
struct command;
struct frame;
struct push;
struct reply;
struct reply_subscribed;

enum encoding { ENCODING_JSON, ENCODING_PROTOBUF, ENCODINGS };

struct encoder {
    bool binary;    /* its frames are; those of clients that are not are no frames of it */
    char separator; /* that ends each message but a frame's last one; 0: none */
    /* Bytes of whole messages at the front, as many as fit into `most`, one at least. */
    size_t (*whole)(struct bytes messages, size_t most);
    int (*take_command)(struct bytes *frame, struct command *ret); /* command.h */
    void (*reply)(struct buf *b, const struct reply *r);           /* reply.h */
    void (*entry)(struct buf *b, struct bytes channel, const struct reply_subscribed *r);
    void (*push)(struct buf *b, const struct channel *c, bool full, const struct push *p);
    void (*publication)(struct buf *b, struct bytes json);         /* publication.h */
    void (*frame)(struct buf *b, const struct channel *c, bool full, const struct frame *f, struct bytes form, bool late); /* reply.h */
};

extern const struct encoder encoders[ENCODINGS];

#endif
