/* What libwebsockets keeps of a request's head, for what it does not tell: the headers whose names it has mistaken.
 *
 *     path NUL  argument NUL …  version NUL            in the order of the request: of a header that it knows by a number the value and a NUL; of
 *     value NUL  {name's length, value's length,       any other one, with big endian numbers of 16, 16 and 32 bits, what is in braces (since 4.0;
 *     offset of the next one} name : value             made sure of by tests/unit/gateway/process/tests_heads.py), its name in small letters
 *     …  8 NULs CR LF                                  the end; what is behind it is of older requests
 *
 * It does not look at what it takes for a name before the next colon. So it mistakes one that is followed by a space (RFC 9112 5.1), a line without a
 * colon or that goes on with the one before (5.2), and one that is the beginning of a name that it knows (run/http1.h): of the last kind, which clients
 * may send, the header behind it is gone. */
#ifndef GATEWAY_HEAD_H
#define GATEWAY_HEAD_H

#include "core/bytes.h"

/* kept: from the path on, at most as much as libwebsockets has room for. -> NULL, or why nobody can tell what the request is, and where it ends: 400 */
const char *head_fault(struct bytes kept);

#endif
