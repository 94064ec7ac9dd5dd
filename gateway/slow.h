/* Clients that do not keep up: their socket took a write in part, and until it takes bytes again they are in
 * gateway::slow and cost a cursor per subscription, nothing else. What follows is said by the namespace (slow_reader,
 * decision 0014): read on from where the cursor stands, as far back as the retention; or go on with the newest
 * (conflate; only a subscription that was told no position, so that it is promised no other); ephemeral ones are passed
 * over (ephemeral.h). */
#ifndef GATEWAY_SLOW_H
#define GATEWAY_SLOW_H

#include "connection.h"

void slow_begins(struct connection *c); /* the socket is full */
/* It takes bytes again. One that is not slow is fine. */
void slow_ends(struct connection *c);
/* Moves its conflating cursors to just before the newest. */
void slow_conflate(struct connection *c);
void slow_skip(struct sub *s); /* that one alone, if it conflates */
/* The gauges slow_connections, slow_subscriptions and unread_bytes; and keeps to --unread-bytes. To be called every second. */
void slow_tick(struct gateway *g);

#endif
