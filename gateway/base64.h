/* Base64 (RFC 4648): the standard alphabet with padding for payloads (b64data, b64info), the
 * one for URLs without padding for tokens. Strict: no white space, no other padding than the
 * right one, no spare bits set. */
#ifndef GATEWAY_BASE64_H
#define GATEWAY_BASE64_H

#include "core/buf.h"

/* Each appends. -> 0, or -EBADMSG with nothing appended */
int base64_decode(struct bytes text, struct buf *into);
int base64url_decode(struct bytes text, struct buf *into);
void base64_encode(struct bytes data, struct buf *into);

#endif
