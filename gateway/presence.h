/* Who is in a channel, as a worker told it, as JSON of replies and of the HTTP API; and how much of it is asked for at once:
 * the namespace's presence_limit. What is longer is asked for in pages, each by what the one before names as `next`. */
#ifndef GATEWAY_PRESENCE_H
#define GATEWAY_PRESENCE_H

#include "config.h"
#include "core/buf.h"
#include "ops.h"

#define PRESENCE_TOO_LONG 130 /* errors.def */

/* Clients in an answer: presence_limit, or fewer when fewer are asked for (0: as many as may be). */
uint32_t presence_limit(const struct config_namespace *ns, int64_t asked);

/* "presence":{"CLIENT":INFO,…} */
void presence_put_list(struct buf *b, const struct ops_presence *answer);
/* "num_clients":2,"num_users":1 */
void presence_put_counts(struct buf *b, uint32_t clients, uint32_t users);
/* The same, and "num_users_at_most":true where users were added */
void presence_put_stats(struct buf *b, const struct ops_presence *answer);
/* Both, and "next":"…" while there are more */
void presence_put_page(struct buf *b, const struct ops_presence *answer);

#endif
