/* Where the messages come from at the moment.
 *
 *     away ─▶ loading ─▶ tailing ─▶ joining ─▶ streaming ◀─▶ lagging
 *                └─▶ standby ─▶ loading
 * The stream is lost: tailing again. The plain connection is lost: away.
 *
 * Two ways lead from PostgreSQL to here, each complete by itself: the replication stream, and
 * tail by id. Both bring the rows of a shard with ascending ids and without a gap, so one
 * number per shard (relay::accepted) joins them: what is not above it has been brought by the
 * other way. A stream that has just begun says nothing about what was committed before: it
 * stays paused (joining) until the table has been read up to where every shard stood after it
 * had begun. */
#ifndef RELAY_SOURCE_H
#define RELAY_SOURCE_H

#include "store.h"

#define SLOT_NAME_MAX 48 /* bytes with NUL */

struct pg_stream;
struct relay;

enum source_state {
    SOURCE_AWAY,    /* the plain connection is down */
    SOURCE_LOADING, /* configuration and progress are being read */
    SOURCE_STANDBY, /* another relay has the slot */
    SOURCE_TAILING, /* by id; the stream is on its way, maybe waits for open transactions */
    SOURCE_JOINING, /* by id; the stream stands by */
    SOURCE_STREAMING,
    SOURCE_LAGGING, /* both: the stream has fallen behind */
    SOURCE_STATES
};

enum source_join { JOIN_PAIR, JOIN_WRITERS, JOIN_HEADS, JOIN_TAIL };

struct source {
    enum source_state state;
    struct pg_stream *stream; /* from tailing on */
    char stream_name[48];     /* its application_name, new for each */
    char slot[SLOT_NAME_MAX]; /* of this session's streams: what it was called when it was free */
    unsigned streams;         /* made so far */
    bool paused;              /* as the stream was told */
    enum source_join join;    /* what joining waits for */
    bool pair_asked;          /* who has the slot was asked after the stream had come up */
    uint64_t join_after;      /* snapshots asked for later show all that will not be streamed */
    uint64_t target[SHARDS];  /* the table is read up to here before the stream goes on */
    int64_t slot_ns;          /* monotonic: slot asked about last */
    int64_t load_ns;          /* monotonic: loading begun last */
    struct {                  /* a position of the server: is the stream past it? */
        uint64_t lsn;         /* 0: it is, and the next one is due */
        int64_t at_ns;        /* monotonic: when it was heard of */
    } lag;
};

void source_init(struct source *s);
void source_fini(struct relay *r);
const char *source_name(enum source_state state);
bool source_tails(const struct source *s); /* rows are read by id */
bool source_ready(const struct source *s); /* messages come in, one way or the other */

/* What the store says. */
void source_up(struct relay *r);
void source_down(struct relay *r, const char *why);
void source_loaded(struct relay *r); /* progress has been read */
void source_slot(struct relay *r, enum store_slot slot, struct bytes name);
void source_writers_gone(struct relay *r);
void source_heads(struct relay *r, const struct store_heads *heads);

/* The stream makes no sense: another one. */
void source_broken(struct relay *r, const char *why);
/* Looks whether the table has been read far enough for the stream to go on. */
void source_joined(struct relay *r);
/* Pauses the stream, or lets it go on, as the state of things wants it. */
void source_pressure(struct relay *r);
void source_tick(struct relay *r, int64_t now_ns);
void source_confirm(struct relay *r);

#endif
