/* The links to the sequencers: each publish goes to the one that leads its channel's shard, and is kept until its result
 * (pending.h). When a link comes up, or a shard moves, what is unanswered is sent again in its first order before
 * anything new, so that the sequencer sees the counters of a shard ascend. */
#ifndef GATEWAY_SEQ_LINK_H
#define GATEWAY_SEQ_LINK_H

#include "ops.h"

struct seq_links;

/* addresses: host:port, parted by commas. Dials each. */
struct seq_links *seq_links_new(struct gateway *g, const char *addresses);
void seq_links_free(struct seq_links *s);

/* Keeps a copy. ops_publish_done is called with the ticket once: with the result, or 100 after --publish-timeout (the
 * outcome is unknown then). -> 0, or -ENOBUFS when too many wait (nothing is kept, nobody called) */
int seq_publish(struct seq_links *s, uint64_t ticket, const struct ops_publish *what);
bool seq_linked(const struct seq_links *s); /* one at least said welcome; a standby that is away is no fault */
uint32_t seq_pending(const struct seq_links *s);
void seq_links_look(struct seq_links *s); /* run/link.h's link_look, for each */

#endif
