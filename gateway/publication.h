/* A publication as the JSON of the client protocol and of the HTTP API (protocol.md 2,
 * Publication), which is also what its Protobuf is made from (publication_protobuf.c):
 *     {"data":…,"offset":7,"info":{…},"tags":{…,"id":"…","after":"…"}}
 * in one line. The payload is the publisher's bytes; only raw line breaks between its tokens
 * become spaces. */
#ifndef GATEWAY_PUBLICATION_H
#define GATEWAY_PUBLICATION_H

#include "core/buf.h"
#include "wire/messages.h"

/* Binary payloads (format_is_binary) have no place in JSON: they are shown as "b64data" instead of
 * "data". offset is left out when seq is 0; with_epoch adds "epoch" (the first publication of
 * an epoch carries it). -> where one more tag could stand (bytes from the start of `into`); 0 when
 * there are none */
size_t publication_json(struct buf *into, const struct publication *p, bool with_epoch);
/* The same in Protobuf, from what publication_json made: bytes where it shows b64data, tags as a map, info as ClientInfo.
 * delta: what stands in place of the payload, so that it is no whole one; or NULL. */
void publication_protobuf(struct buf *into, struct bytes json, const struct bytes *delta);
/* Its payload, as a client of that encoding has it: a slice of json, or decoded into `memory`. */
struct bytes publication_payload(struct bytes json, struct buf *memory);

#endif
