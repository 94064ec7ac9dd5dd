/* All channels that somebody on this gateway listens to, and which of them somebody may be behind on. */
#ifndef GATEWAY_HUB_H
#define GATEWAY_HUB_H

#include "gateway.h"

struct channel *hub_find(const struct gateway *g, struct bytes full); /* -> NULL when nobody listens */
struct channel *hub_find_hashed(const struct gateway *g, struct bytes full, uint64_t hash); /* hash_bytes(full) */
/* The channel; a new one is asked for at its worker. */
struct channel *hub_open(struct gateway *g, struct bytes full);
/* A listener is gone; after the last one the channel lingers, then it is given up. */
void hub_release(struct channel *c);
void hub_give_up(struct wheel_timer *t); /* struct channel_extras::linger */
/* The configuration is another one, or the channel is new: what of it a channel goes by, but for `ephemeral`. */
void hub_configure(struct channel *c);
/* Its subscribers are walked by the next flushes, at once or a moment later (batch.h). */
void hub_dirty(struct channel *c);
void hub_news(struct channel *c); /* the same, since its head has moved */
/* What is below a removal goes, unless somebody whose cursor is in the ring has yet to be told of it: then it is looked at again
 * when all have had their turn. */
void hub_forget_removed(struct channel *c);
void hub_queue(struct channel *c); /* the same for one that is in no list */

#endif
