/* How far the relay has come, in both of its measures:
 *
 *     by id   progress of (cell, shard): the highest id up to which Kafka has acknowledged
 *             everything of that shard that goes to that cell. Written to
 *             cellcast.relay_progress; tail by id goes on from there.
 *     by LSN  the end of the last transaction up to which everything is acknowledged in every
 *             cell. Confirmed to the replication slot; the stream goes on from there.
 *
 * The second is judged by the first: a transaction is through when for each of its shards the
 * ids up to its last one are acknowledged, whichever way (stream or tail) brought them. So a
 * streamed row that tail by id had brought before is dropped, and the LSN still waits for
 * Kafka. A cell that is parked on a shard holds no LSN back, and its progress moves with what is
 * read for it by id (parking.h). Transactions not through yet: at most MARK_TRANSACTIONS, beyond it the newest ones
 * count as one. */
#ifndef RELAY_MARK_H
#define RELAY_MARK_H

#include "message.h"
#include "wire/channel.h"

#define MARK_TRANSACTIONS 1024

struct mark_transaction {
    uint64_t end_lsn;      /* 0 while it is still being received */
    uint64_t shards;       /* bit n: last[n] is not known to be acknowledged */
    uint64_t last[SHARDS]; /* highest id seen of the shard */
};

struct mark {
    uint64_t released[SHARDS];   /* highest id that was released to the cells */
    struct list unacked[SHARDS]; /* struct message::mark_link, in the order of release */
    /* struct delivery::mark_link, in the order of release */
    struct list waiting[MESSAGE_CELLS_MAX][SHARDS];
    uint64_t parked[SHARDS];                    /* bits of cells: released ones are not theirs */
    uint64_t caught[MESSAGE_CELLS_MAX][SHARDS]; /* parked: read for it by id up to here */
    struct mark_transaction *ring; /* MARK_TRANSACTIONS, oldest at `first` */
    unsigned first, count;
    uint64_t seen[SHARDS]; /* highest id that the stream has brought */
    bool open;             /* the newest transaction has begun and not ended */
    bool counts;           /* a stream is up: there is an LSN to tell */
    uint64_t lsn;          /* everything up to it is acknowledged */
};

void mark_init(struct mark *m);
void mark_fini(struct mark *m); /* leaves the messages to their owner */
/* A new session: what is out is acknowledged some day and counts for nothing: it is read again.
 */
void mark_forget(struct mark *m);
/* Up to id there is nothing more of the shard to release: it was acknowledged in an earlier
 * session, or there are no such rows. What is unacknowledged must be below it. */
void mark_set(struct mark *m, unsigned shard, uint64_t id);

/* Routed, above everything that was released of its shard. */
void mark_release(struct mark *m, struct message *message);
void mark_acked(struct mark *m, struct delivery *d); /* harmless for one that was forgotten */
uint64_t mark_progress(const struct mark *m, unsigned cell, unsigned shard);
uint64_t mark_acknowledged(const struct mark *m, unsigned shard); /* the least of all cells */

/* The cell has the shard up to id, and from now on only what is read for it. What is still waiting
 * for the cell has to be acked, and counts for nothing. */
void mark_park(struct mark *m, unsigned cell, unsigned shard, uint64_t id);
/* Read for a parked cell, the message's only one; above what was read for it before. */
void mark_catch(struct mark *m, struct message *message);
void mark_caught(struct mark *m, unsigned cell, unsigned shard, uint64_t id); /* nothing more up to id */
/* What is released next is the cell's again. Harmless for one that is not parked. */
void mark_rejoin(struct mark *m, unsigned cell, unsigned shard);

/* The stream begins anew: transactions that were under way will come again. */
void mark_stream(struct mark *m, uint64_t start_lsn);
void mark_begin(struct mark *m);
void mark_saw(struct mark *m, unsigned shard, uint64_t id); /* a row of the open transaction */
void mark_commit(struct mark *m, uint64_t end_lsn);
/* Everything committed below wal_end has been received. */
void mark_idle(struct mark *m, uint64_t wal_end);
/* -> highest id of the shard since the stream began; 0: none */
uint64_t mark_seen(const struct mark *m, unsigned shard);
/* -> LSN to confirm; 0 while there is none */
uint64_t mark_lsn(struct mark *m);

#endif
