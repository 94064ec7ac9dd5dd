/* The application's way in: rows of cellcast.outbox become messages of the inbox. The WAL tells
 * of them (a temporary slot; publication cellcast_outbox), and they are fetched by their ids.
 * What is decoded may not be visible yet, for as long as a synchronous standby takes: it is looked
 * for again, after 1, 4, 16 and then each 64 ms, until it is held, or is not there although its
 * transaction is seen.
 *
 * What one session publishes after the other is to be held in that order, so nothing may be fetched
 * while there may be rows that nobody holds and nobody asks for. Then it is a scan that looks, which
 * finds them all: at the beginning, while the last one was cut, where more is told than may be held,
 * each 50 ms while the stream is not up, and each second to be sure. A commit that waits for its standby is told and can't be
 * seen: who takes its shard meanwhile has remembered its transaction (xids.h), and scans until that is seen. It reads by (shard,
 * tenant, id), at most --outbox-rows of a tenant and --outbox-bytes in all are held at a time,
 * and never from `id > last`: transactions commit out of the order of their ids. It walks over
 * all rows that have gone since the oldest transaction of the database began, so beside a long
 * one the scan of each second takes a hundredth of the time at most (decision 0036). */
#ifndef SEQUENCER_OUTBOX_H
#define SEQUENCER_OUTBOX_H

#include "message.h"
#include "pg/pgoutput.h"
#include "xids.h"

#include <ev.h>

struct sequencer;
struct pg_stream;

#define OUTBOX_TOLD_MAX 256

struct outbox_told {
    int64_t row;
    uint32_t xid; /* of its transaction */
};

struct outbox {
    struct pg_stream *stream;
    bool stream_up;
    bool asking;   /* a scan or a fetch is under way */
    bool again;    /* a scan is wanted, since the last one began */
    bool look_now; /* for those that are told, since the last question began */
    uint64_t
        generation;    /* of lookups, when it began: rows read before a loss are not believed */
    size_t held;    /* rows then */
    bool held_late; /* some were left out, since they wait for their quota */
    bool cut;    /* the last scan did not return all, or did not return */
    bool strange; /* the stream is new: rows may have been committed that it does not tell, and that can't be seen yet */
    bool strange_asked; /* the question that is under way says up to which transaction */
    bool took, took_asked; /* shards: what is in `foreign` may be theirs */
    struct outbox_told told[OUTBOX_TOLD_MAX]; /* decoded and not held yet */
    size_t n_told, told_asked; /* told_asked, unseen_asked: when the question that is under way began */
    struct xids unseen; /* with rows beyond those, that no scan has seen yet */
    size_t unseen_asked;
    bool more_asked;
    struct xids foreign; /* with rows of shards that others lead: who takes these was told of them before */
    bool foreign_asked;
    uint32_t xid; /* that is being decoded */
    bool fresh;   /* it has some */
    uint32_t look_ms;  /* until the next look for them; 0: none */
    uint32_t relation; /* oid of the outbox in the stream, 0: not told yet */
    int shard_column, id_column;
    int64_t scanned_ns; /* when the newest scan began */
    int64_t scan_ns;    /* how long it took */
    ev_timer look, tick;
};

void outbox_init(struct sequencer *s);
void outbox_fini(struct sequencer *s);
void outbox_wake(struct sequencer *s);  /* there may be rows */
void outbox_took(struct sequencer *s);  /* shards; call it before outbox_wake */
void outbox_second(struct sequencer *s); /* call it each second, whoever leads */
void outbox_go_on(struct sequencer *s); /* a batch has landed: with what waited for that */
void outbox_late(struct sequencer *s); /* call it each QUOTA_LATE_MS while rows wait for their quota */
bool outbox_is_cut_short(
    const struct sequencer *s); /* as much is held as may be: a commit makes room for more */
void outbox_delete(struct sequencer *s, const struct message *m); /* its key was used before */
void outbox_bury(struct sequencer *s, const struct message *m, uint32_t code, const char *why);

/* ---- between outbox.c and outbox_stream.c */

extern const struct pg_stream_handlers outbox_stream_handlers; /* owner: struct sequencer */
void outbox_look(struct sequencer *s); /* for those that are told */
void outbox_tick(struct sequencer *s); /* a scan, unless there was one */
void outbox_unseen(struct outbox *o, uint32_t xid); /* it has a row that is not told */

#endif
