/* The table errors.def, asked. An unknown code is answered as 100. */
#ifndef GATEWAY_ERROR_H
#define GATEWAY_ERROR_H

#include "core/buf.h"

const char *error_message(uint32_t code);
bool error_temporary(uint32_t code);
int error_http(uint32_t code); /* status in the transport error mode of the API */
/* Appends {"code":107,"message":"bad request"}, with "temporary":true where it is and
 * with_temporary is set (replies to clients have it, the HTTP API has not). */
void error_json(struct buf *into, uint32_t code, bool with_temporary);

#endif
