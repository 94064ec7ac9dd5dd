/* The application's way in: rows of cellcast.outbox become messages of the inbox. The WAL wakes
 * us (a temporary slot; publication cellcast_outbox), a scan each second backs that up, each 50
 * ms while the stream is not up.
 *
 * A row is read by (shard, tenant, id), at most --outbox-rows of a tenant and --outbox-bytes in
 * all are held at a time, and never from `id > last`: transactions commit out of the order of
 * their ids. What is decoded from the WAL may not be visible yet: a wake that finds fewer rows
 * than were decoded looks again, after 1, 4, 16 and 64 ms. */
#ifndef SEQUENCER_OUTBOX_H
#define SEQUENCER_OUTBOX_H

#include "message.h"
#include "pg/pgoutput.h"

#include <ev.h>

struct sequencer;
struct pg_stream;

struct outbox {
    struct pg_stream *stream;
    bool stream_up;
    bool scanning; /* a scan is under way */
    bool again;    /* woken since it began, or while no batch could have taken its rows */
    uint64_t
        generation;    /* of lookups, when it began: rows read before a loss are not believed */
    int64_t owed;      /* rows decoded and not seen by a scan yet */
    uint32_t look_ms;  /* until the next look for them; 0: none */
    uint32_t relation; /* oid of the outbox in the stream, 0: not told yet */
    int shard_column;
    int64_t scanned_ns; /* when the newest scan began */
    ev_timer look, tick;
};

void outbox_init(struct sequencer *s);
void outbox_fini(struct sequencer *s);
void outbox_wake(struct sequencer *s); /* there may be rows */
void outbox_late(struct sequencer *s); /* call it each QUOTA_LATE_MS while rows wait for their quota */
bool outbox_is_cut_short(
    const struct sequencer *s); /* as much is held as may be: a commit makes room for more */
void outbox_delete(struct sequencer *s, const struct message *m); /* its key was used before */
void outbox_bury(struct sequencer *s, const struct message *m, uint32_t code, const char *why);

#endif
