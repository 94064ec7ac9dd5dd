/* Until when a connection is good, and what its client is shown as to others, while it lives: by a fresh token (verb_refresh)
 * or by the application (/api/refresh). */
#ifndef GATEWAY_REFRESH_H
#define GATEWAY_REFRESH_H

#include "connection.h"

/* expire_at: s since 1970, not over; 0: never. info: conn_info, one line of JSON; empty: as before. tell: by a push */
void refresh_terms(struct connection *c, int64_t expire_at, struct bytes info, bool tell);

#endif
