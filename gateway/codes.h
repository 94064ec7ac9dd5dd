/* The table codes.def as names and texts. Error codes of replies are in errors.def. */
#ifndef GATEWAY_CODES_H
#define GATEWAY_CODES_H

#include <stdbool.h>
#include <stdint.h>

enum disconnect_code {
#define DISCONNECT(name, code, reason) DISCONNECT_##name = code,
#define UNSUBSCRIBE(name, code, reason)
#include "codes.def"
#undef DISCONNECT
#undef UNSUBSCRIBE
};

enum unsubscribe_code {
#define DISCONNECT(name, code, reason)
#define UNSUBSCRIBE(name, code, reason) UNSUBSCRIBE_##name = code,
#include "codes.def"
#undef DISCONNECT
#undef UNSUBSCRIBE
};

bool disconnect_comes_back(uint32_t code); /* SDKs connect again; protocol.md 9.1 */
const char *disconnect_reason(uint32_t code);  /* never empty; an application's own code is "disconnect" */
#define UNSUBSCRIBE_COMES_BACK 2500 /* from here on SDKs subscribe again; protocol.md 9.3 */

const char *unsubscribe_reason(uint32_t code); /* never empty */

#endif
