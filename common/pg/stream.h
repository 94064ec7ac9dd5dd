/* Logical replication as a reader on the loop: slot, START_REPLICATION with pgoutput version 1 (binary columns),
 * frames to a handler, positions confirmed by the owner. Reconnects by itself with backoff.
 *
 * The owner confirms the keepalives' wal_end too whenever nothing of its own is open: else an idle slot holds WAL, and
 * a server that shuts down waits for it (after a second the stream lets go of such a server by itself, not while it is
 * paused). A slot that is in use by another process is waited for; one that the server has invalidated is dropped and
 * made anew (created). */
#ifndef PG_STREAM_H
#define PG_STREAM_H

#include "core/buf.h"

#include <ev.h>

struct pg_stream;

struct pg_stream_handlers {
    /* Streaming begins. created: the slot is new, so what was committed before `start_lsn` will not come. Only its
     * maker is told so: one that may be killed just then keeps a record of its own of how far it came. */
    void (*up)(void *owner, bool created, uint64_t start_lsn);
    void (*frame)(void *owner, uint64_t lsn, struct bytes pgoutput); /* one pgoutput message; borrowed */
    void (*keepalive)(void *owner, uint64_t wal_end);                /* everything committed below it has been sent */
    void (*down)(void *owner, const char *why); /* once for each up, and once for a first try that failed */
};

/* temporary: the slot goes with the connection (its owner misses what is committed while it is away); each
 * connection's slot gets a name of its own, `slot` and a random end. slot: at most 53 bytes.
 * Making a slot waits for every open transaction of the server; the owner must be able to work meanwhile. */
struct pg_stream *pg_stream_new(struct ev_loop *loop, const char *conninfo, const char *name, const char *slot,
                                bool temporary, const char *publication, const struct pg_stream_handlers *handlers,
                                void *owner);
void pg_stream_free(struct pg_stream *s);
void pg_stream_confirm(struct pg_stream *s, uint64_t lsn); /* sent with the next status, at once when the server asks, else each 200 ms when changed and each 10 s */
void pg_stream_pause(struct pg_stream *s, bool paused);    /* back-pressure: reads nothing, still answers for itself */
uint64_t pg_stream_received(const struct pg_stream *s);    /* newest wal_end seen */

#endif
