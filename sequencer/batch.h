/* One transaction: messages that were taken from the inbox together, their numbers, and the
 * parameters of cellcast.commit_batch. Numbers are chained: a batch builds on the one before
 * it, which need not be committed yet. */
#ifndef SEQUENCER_BATCH_H
#define SEQUENCER_BATCH_H

#include "inbox.h"
#include "leader.h"

struct pg_params;

struct batch {
    struct list link;     /* flow::flying, in order of sending */
    struct list messages; /* struct message::place, in order of their ids per shard */
    struct list touched;  /* struct head::touched, from batch_number to batch_params */
    size_t n;             /* messages */
    size_t bytes;         /* of their payload */
    size_t keys, rows;    /* of the messages: that have a key; that are from the outbox */
    uint64_t shards;      /* bit n: it holds a message of shard n */
    int64_t sent_ns;
    bool failed;                 /* rolled back, or its outcome is unknown */
    struct sequencer *sequencer; /* for its callback */
};

/* Takes what is ready, by turns. -> NULL when nothing is */
struct batch *batch_fill(struct inbox *i, size_t max_messages, size_t max_bytes);
/* Gives out seq and id and moves heads and shards on. now_ms: the database's clock. Call it
 * once, then batch_params. */
void batch_number(struct batch *b, struct leader *l, uint64_t now_ms);
/* In the order of cellcast.commit_batch. */
void batch_params(struct batch *b, const struct leader *l, struct pg_params *params);
void batch_free(struct batch *b); /* holds no message any more */

#endif
