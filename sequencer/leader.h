/* What this process leads: the rows of cellcast.shard as they will stand once every batch in
 * flight is committed. */
#ifndef SEQUENCER_LEADER_H
#define SEQUENCER_LEADER_H

#include "core/buf.h"
#include "wire/channel.h"

#define IDENTITY_MAX 64

struct leader_shard {
    int64_t term;     /* that we took it with; 0: not ours */
    int64_t batch;    /* number of the newest batch, in flight included */
    uint64_t last_id; /* of the newest message, in flight included */
};

struct leader {
    uint64_t wanted;             /* bit n: --shards names shard n, or an operator did */
    uint64_t led;                /* bit n: shard n is ours */
    uint64_t epoch;              /* of the message log; 0: not known yet */
    char identity[IDENTITY_MAX]; /* of the server that we lead on, cellcast.identity() */
    struct leader_shard shards[SHARDS];
};

/* "0-31,40" -> 0, or -EINVAL */
int leader_parse_shards(const char *text, uint64_t *ret_mask);
/* The same back; nothing for 0. */
void leader_print_shards(uint64_t mask, struct buf *into);

static inline bool leader_has(const struct leader *l, unsigned shard)
{
    return l->led >> shard & 1;
}

#endif
