/* What the relay asks PostgreSQL on its plain connection; the replication stream is another
 * one. Each question has at most one answer outstanding, and is not asked again meanwhile (the
 * functions then answer false). Results come through the handlers, from the loop. When the
 * connection goes, what was asked is never answered: `down` says so for all. */
#ifndef RELAY_STORE_H
#define RELAY_STORE_H

#include "gate.h"
#include "row.h"

#include <ev.h>

struct store;

/* One snapshot: which messages are visible, how far the log is safe, which configuration holds
 * for both. */
struct store_heads {
    uint64_t shards;          /* bit n: last_id[n] was there */
    uint64_t last_id[SHARDS]; /* highest id committed and visible */
    uint64_t flushed;         /* LSN up to which the server's log is on its disk */
    uint64_t standbys;        /* as gate_standbys */
    int64_t config_version;
    bool
        awaited; /* commits wait for the reader of a logical slot: a setting that must not be */
};

enum store_slot { STORE_SLOT_FREE, STORE_SLOT_OURS, STORE_SLOT_OTHERS };

struct store_handlers {
    void (*up)(void *owner);
    void (*down)(void *owner, const char *why);
    void (*heads)(void *owner, const struct store_heads *heads);
    /* Configuration: begin, each cell, end. */
    /* lanes: channel and number in turn, parted by one space */
    void (*config_begin)(void *owner, int64_t version, struct bytes lanes);
    void (*config_cell)(void *owner, struct bytes name, struct bytes topic, int64_t partitions,
                        struct bytes tenants);
    void (*config_end)(void *owner);
    /* Progress as written: each row, then the end. */
    void (*progress)(void *owner, struct bytes cell, unsigned shard, uint64_t id);
    void (*progress_end)(void *owner);
    void (*progress_written)(void *owner);
    /* Rows of one shard above `above`, up to `upto`, each with an LSN at or above the end of
     * its commit. all: there are no further ones up to upto. */
    void (*row)(void *owner, uint64_t above, const struct row *row, uint64_t lsn);
    void (*rows_end)(void *owner, unsigned shard, uint64_t above, uint64_t upto, bool all);
    void (*bad_row)(void *owner, uint64_t above, unsigned shard, uint64_t id);
    /* Rows for a parked cell, as asked for by store_catch_up. all: there are no further ones; false
     * as well when the question was refused. */
    void (*catch_row)(void *owner, const struct row *row);
    void (*catch_end)(void *owner, bool all);
    /* name: of the slot that is to be used by who finds it free */
    void (*slot)(void *owner, enum store_slot slot, struct bytes name);
    void (*writers_gone)(void *owner);
    void (*refused)(void *owner, const char *question, const char *sqlstate,
                    const char *message);
};

/* slot: the slot's name without the database's number */
struct store *store_new(struct ev_loop *loop, const char *conninfo, const char *name,
                        const char *slot, const struct store_handlers *handlers, void *owner);
void store_free(struct store *s);
bool store_is_up(const struct store *s);
void store_reset(struct store *s); /* closes and connects again */

/* Each: -> true when asked; false while down or while the last one is not answered */
bool store_ask_heads(struct store *s, uint64_t shards); /* bit n: where shard n stands is wanted */
bool store_load_config(struct store *s);
bool store_load_progress(struct store *s);
bool store_read_rows(struct store *s, unsigned shard, uint64_t above, uint64_t upto,
                     unsigned limit);
/* The same for one cell: only rows of tenants that it hosts. Rows that make no sense are left out. */
bool store_catch_up(struct store *s, const char *cell, unsigned shard, uint64_t above,
                    uint64_t upto, unsigned limit);
/* Who has the replication slot of the database that this connection is to, under either of its
 * names: asked again when our stream is up, it proves that both are to the same server. ours:
 * application_name of our walsender; "": we have none. */
bool store_ask_slot(struct store *s, const char *ours);
/* Drops the slot of the other name, if there is one that nobody reads: it would hold WAL back. */
bool store_drop_spare_slot(struct store *s, const char *used);
/* Asks until every transaction that may have been writing messages when it was called first has
 * ended, then says writers_gone. Read from the lock table: such a transaction holds a lock on
 * cellcast.shard until it has become visible, and an application's long transaction holds none.
 */
bool store_wait_for_writers(struct store *s);
/* Progress to write: add what changed, then write. */
void store_add_progress(struct store *s, const char *cell, unsigned shard, uint64_t id);
bool store_write_progress(struct store *s);
bool store_is_writing(const struct store *s);

#endif
