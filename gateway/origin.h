/* Which pages may open a connection: the Origin header against the tenant's allowed_origins. */
#ifndef GATEWAY_ORIGIN_H
#define GATEWAY_ORIGIN_H

#include "config.h"

/* A request without the header (origin empty: not a browser) passes. Patterns match the whole
 * value, without regard to ASCII case; `*` stands for any run of characters. An empty list lets
 * no page in. */
bool origin_allowed(struct texts patterns, struct bytes origin);

#endif
