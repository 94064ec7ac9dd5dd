/* The history call of clients and of the HTTP API: what of a channel's log a caller is shown.
 * Visible are the newest history_limit publications that are not older than history_ttl (both
 * of the namespace; one of them 0, or an ephemeral namespace, is error 108, which permission.h answers before).
 * Recovery is another thing and reaches farther.
 *
 * A call is one to a few ops_read, one after the other: forward reads must first know the head. So many calls are under way
 * at once (--histories-max); further ones wait, tenants in turn, for --ask-timeout at most: then error 111. */
#ifndef GATEWAY_HISTORY_H
#define GATEWAY_HISTORY_H

#include "config.h"
#include "ops.h"

#include "core/fair_queue.h"

struct history_query {
    int64_t limit;  /* as the caller said; 0: only the position; below 0 or above
                       --history-messages: as many as that */
    bool has_since; /* forward: seq above since_seq; reverse: below it */
    uint64_t since_seq;
    struct bytes since_epoch; /* as text; empty: whichever is current; another one: 112 */
    bool reverse;             /* newest first */
    uint64_t now_ms;          /* ms since 1970, for history_ttl */
};

struct history;

/* The calls of a gateway. */
struct histories {
    uint32_t under_way;
    struct fair_queue waiting; /* struct history::place, by tenant */
};

/* What is wrong with the query by itself. -> 0, 107 (reverse since 0), 112 (since_epoch is no
 * epoch of ours) */
uint32_t history_check(const struct history_query *q);
/* For a query that history_check passed. done: as for ops_read (exactly once, never from inside
 * the call; the object is gone when it is called), with code 0, 100, 111 or 112; publications in the
 * order asked for; `more` is not used. channel and q may go after the call. */
struct history *history_read(struct gateway *g, const struct config_channel *channel,
                             const struct history_query *q, ops_range_fn *done, void *ctx);
void history_cancel(struct history *h); /* only before done was called; NULL is fine */

#endif
