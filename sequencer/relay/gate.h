/* The visibility gate. Decoded is not yet visible, nor on a synchronous standby: the WAL is
 * read before the committing backend has left the transaction, and a publisher that is told
 * "unknown" must not see its message delivered yet. A message is let through once its shard's
 * last_id, read in a plain snapshot, has reached its id, and its commit is on the synchronous
 * standbys' disks, if there must be any: a commit whose wait for them was cut short is visible
 * without. Within a shard they leave in the order in which they came; a shard waits for no
 * other. */
#ifndef RELAY_GATE_H
#define RELAY_GATE_H

#include "message.h"
#include "wire/channel.h"

#define LSN_EVERYWHERE UINT64_MAX

struct gate {
    struct list waiting[SHARDS]; /* struct message::gate_link, ids ascending */
    uint64_t occupied;           /* bit n: shard n has someone waiting */
    uint64_t last_id[SHARDS];    /* newest heard of */
    uint64_t standbys;           /* as gate_standbys says */
    uint64_t shut;               /* bit n: nothing of shard n may go, set by parking.c */
    size_t count;                /* messages waiting */
};

void gate_init(struct gate *g);
/* Forgets what it heard; nothing may be waiting. */
void gate_reset(struct gate *g);
void gate_add(struct gate *g, struct message *m);
/* What a snapshot said: last_id of one shard (never goes back within a session), and of the
 * standbys. */
void gate_heard(struct gate *g, unsigned shard, uint64_t last_id);
void gate_heard_standbys(struct gate *g, uint64_t standbys);
/* -> the next message that may go, the caller's from here; NULL when all that is left waits */
struct message *gate_take(struct gate *g);
/* -> any message that waits, whether it may go or not (a session ends); NULL when empty */
struct message *gate_drop(struct gate *g);
/* -> monotonic ns at which the longest waiting one was decoded; INT64_MAX when none waits */
int64_t gate_oldest_ns(const struct gate *g);

/* What the synchronous standbys have flushed together. names: setting
 * synchronous_standby_names; lsns: flush positions of the standbys that are sync or quorum,
 * decimal, descending, parted by spaces.
 * -> LSN_EVERYWHERE when names ask for none, 0 when fewer answer than are asked for */
uint64_t gate_standbys(struct bytes names, struct bytes lsns);

#endif
