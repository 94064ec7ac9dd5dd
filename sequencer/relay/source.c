#include "source.h"

#include "core/clock.h"
#include "core/random.h"
#include "flow.h"
#include "pg/stream.h"
#include "run/log.h"

#include <assert.h>
#include <stdio.h>

#define SLOT_EVERY_NS (100 * NS_PER_MS) /* how often is asked who has the slot */
#define LOAD_EVERY_NS                                                                          \
    (500 * NS_PER_MS) /* loading that was refused (no schema yet) begins anew */
#define LAG_EVERY_NS                                                                           \
    (100 * NS_PER_MS) /* how often the server's position is asked for while streaming */

static const struct {
    const char *name;
    unsigned next; /* bits of the states that may follow */
} states[SOURCE_STATES] = {
    [SOURCE_AWAY] = {"away", 1 << SOURCE_LOADING},
    [SOURCE_LOADING] = {"loading",
                        1 << SOURCE_AWAY | 1 << SOURCE_STANDBY | 1 << SOURCE_TAILING},
    [SOURCE_STANDBY] = {"standby", 1 << SOURCE_AWAY | 1 << SOURCE_LOADING},
    [SOURCE_TAILING] = {"tailing",
                        1 << SOURCE_AWAY | 1 << SOURCE_STANDBY | 1 << SOURCE_JOINING},
    [SOURCE_JOINING] = {"joining",
                        1 << SOURCE_AWAY | 1 << SOURCE_TAILING | 1 << SOURCE_STREAMING},
    [SOURCE_STREAMING] = {"streaming",
                          1 << SOURCE_AWAY | 1 << SOURCE_TAILING | 1 << SOURCE_LAGGING},
    [SOURCE_LAGGING] = {"lagging",
                        1 << SOURCE_AWAY | 1 << SOURCE_TAILING | 1 << SOURCE_STREAMING},
};

void source_init(struct source *s)
{
    *s = (struct source){.state = SOURCE_AWAY};
}

const char *source_name(enum source_state state)
{
    return states[state].name;
}

bool source_tails(const struct source *s)
{
    return s->state == SOURCE_TAILING || s->state == SOURCE_JOINING ||
           s->state == SOURCE_LAGGING;
}

bool source_ready(const struct source *s)
{
    return s->state >= SOURCE_TAILING;
}

/* ---- states */

static void load(struct relay *r);
static void open_stream(struct relay *r);
static void close_stream(struct relay *r);

/* Unreleased messages may never have been committed on the server that answers next. Released
 * ones stay in the sink, and count for nothing: that server says itself how far they got. */
static void end_session(struct relay *r)
{
    close_stream(r);
    flow_drop_unreleased(r);
    parking_session_ends(r);
    mark_forget(&r->mark);
    gate_reset(&r->gate);
}

static void ask_slot(struct relay *r)
{
    struct source *s = &r->source;
    s->slot_ns = clock_mono_ns();
    s->pair_asked = store_ask_slot(r->store, s->stream_name) && s->state == SOURCE_JOINING;
}

static void enter(struct relay *r, enum source_state state)
{
    struct source *s = &r->source;
    switch (state) {
    case SOURCE_AWAY:
    case SOURCE_STANDBY:
        end_session(r);
        break;
    case SOURCE_LOADING:
        load(r);
        break;
    case SOURCE_TAILING:
        if (!s->stream)
            open_stream(r);
        flow_ask(r);
        break;
    case SOURCE_JOINING:
        s->join = JOIN_PAIR;
        ask_slot(r);
        break;
    case SOURCE_STREAMING:
    case SOURCE_LAGGING:
    case SOURCE_STATES:
        break;
    }
}

static void source_goto(struct relay *r, enum source_state state, const char *why)
{
    struct source *s = &r->source;
    enum source_state from = s->state;
    assert(states[from].next >> state & 1);
    s->state = state;
    r->metrics.source = state;
    if ((from == SOURCE_STREAMING && state == SOURCE_LAGGING) ||
        (from == SOURCE_LAGGING && state == SOURCE_STREAMING))
        log_debug("source", "from=%s to=%s why=\"%s\"", states[from].name, states[state].name,
                  why);
    else
        log_info("source", "from=%s to=%s why=\"%s\" outstanding=%zu", states[from].name,
                 states[state].name, why, r->outstanding);
    enter(r, state);
    source_pressure(r);
}

/* ---- the stream */

static void stream_up(void *owner, bool created, uint64_t start_lsn)
{
    struct relay *r = owner;
    r->metrics.streams_total++;
    if (created)
        r->metrics.slots_made_total++;
    wal_init(&r->wal);
    mark_stream(&r->mark, start_lsn);
    source_goto(r, SOURCE_JOINING, created ? "slot made, stream up" : "stream up");
}

static void stream_frame(void *owner, uint64_t lsn, struct bytes pgoutput)
{
    flow_frame(owner, pgoutput);
}

static void stream_keepalive(void *owner, uint64_t wal_end)
{
    struct relay *r = owner;
    mark_idle(&r->mark, wal_end);
}

/* A transaction that was cut short will come again, by one way or the other. */
static void stream_lost(struct relay *r, const char *why)
{
    if (r->source.state < SOURCE_JOINING)
        return;
    flow_drop_unreleased(r);
    source_goto(r, SOURCE_TAILING, why);
}

static void stream_down(void *owner, const char *why)
{
    stream_lost(owner, why);
}

static const struct pg_stream_handlers stream_handlers = {
    .up = stream_up, .frame = stream_frame, .keepalive = stream_keepalive, .down = stream_down};

static void open_stream(struct relay *r)
{
    struct source *s = &r->source;
    snprintf(s->stream_name, sizeof s->stream_name, RELAY_NAME " %08x-%u",
             (unsigned)random_u64(), ++s->streams);
    s->stream = pg_stream_new(r->process.loop, r->options.postgres, s->stream_name, s->slot,
                              false, RELAY_PUBLICATION, &stream_handlers, r);
    s->paused = true;
    pg_stream_pause(s->stream, true);
}

static void close_stream(struct relay *r)
{
    pg_stream_free(r->source.stream);
    r->source.stream = NULL;
    r->source.stream_name[0] = 0;
}

void source_broken(struct relay *r, const char *why)
{
    log_error("stream_broken", "why=\"%s\"; the stream begins anew", why);
    close_stream(r);
    stream_lost(r, why);
}

void source_fini(struct relay *r)
{
    close_stream(r);
}

void source_pressure(struct relay *r)
{
    struct source *s = &r->source;
    if (!s->stream)
        return;
    bool reads = s->state == SOURCE_STREAMING || s->state == SOURCE_LAGGING;
    bool paused = !reads || r->full || r->stopping;
    if (paused == s->paused)
        return;
    s->paused = paused;
    s->lag.lsn = 0; /* a pause is no fault of the stream */
    pg_stream_pause(s->stream, paused);
}

void source_confirm(struct relay *r)
{
    uint64_t lsn = mark_lsn(&r->mark);
    r->metrics.unacknowledged_transactions = r->mark.count;
    if (r->source.stream && r->source.state >= SOURCE_JOINING && lsn)
        pg_stream_confirm(r->source.stream, lsn);
}

/* ---- the plain connection */

static void load(struct relay *r)
{
    r->source.load_ns = clock_mono_ns();
    store_load_config(r->store); /* then progress, then who has the slot */
}

void source_up(struct relay *r)
{
    r->metrics.sessions_total++;
    source_goto(r, SOURCE_LOADING, "connected");
}

void source_down(struct relay *r, const char *why)
{
    if (r->source.state != SOURCE_AWAY)
        source_goto(r, SOURCE_AWAY, why);
}

void source_loaded(struct relay *r)
{
    store_ask_slot(r->store, r->source.stream_name);
}

/* Both connections must be to the same server: one that was cut off from its standby shows in
 * its WAL what the other one's last_id would let through. Whoever sees our stream's name in the
 * slot is on the same one. */
static void pair(struct relay *r, enum store_slot slot)
{
    if (!r->source.pair_asked) {
        ask_slot(r); /* that answer was older than the stream */
        return;
    }
    if (slot != STORE_SLOT_OURS) {
        log_error("not_paired", "the stream's slot is not seen on the plain connection: two "
                                "servers? both connect again");
        store_reset(r->store);
        return;
    }
    r->source.join = JOIN_WRITERS;
    store_wait_for_writers(r->store);
}

void source_slot(struct relay *r, enum store_slot slot, struct bytes name)
{
    enum source_state state = r->source.state;
    if (state == SOURCE_LOADING)
        snprintf(r->source.slot, sizeof r->source.slot, "%.*s", BYTES_FMT(name));
    if (state == SOURCE_LOADING && slot == STORE_SLOT_OTHERS)
        source_goto(r, SOURCE_STANDBY, "another relay has the slot");
    else if (state == SOURCE_LOADING)
        source_goto(r, SOURCE_TAILING, "loaded");
    else if (state == SOURCE_STANDBY && slot != STORE_SLOT_OTHERS)
        source_goto(r, SOURCE_LOADING, "the slot is free");
    else if (state == SOURCE_TAILING && slot == STORE_SLOT_OTHERS)
        source_goto(r, SOURCE_STANDBY, "another relay has the slot");
    else if (state == SOURCE_JOINING && r->source.join == JOIN_PAIR)
        pair(r, slot);
}

/* ---- joining */

void source_writers_gone(struct relay *r)
{
    struct source *s = &r->source;
    if (s->state != SOURCE_JOINING || s->join != JOIN_WRITERS)
        return;
    s->join = JOIN_HEADS;
    s->join_after = r->ask.number; /* one that is under way was asked for too early */
    flow_ask(r);
}

void source_joined(struct relay *r)
{
    struct source *s = &r->source;
    if (s->state != SOURCE_JOINING || s->join != JOIN_TAIL)
        return;
    for (unsigned shard = 0; shard < SHARDS; shard++)
        if (r->accepted[shard] < s->target[shard])
            return;
    source_goto(r, SOURCE_STREAMING, "the table is read up to where the stream begins");
    store_drop_spare_slot(r->store, s->slot);
}

static void aim(struct relay *r, const struct store_heads *heads)
{
    struct source *s = &r->source;
    if (s->join != JOIN_HEADS || r->ask.number <= s->join_after)
        return;
    memcpy(s->target, heads->last_id, sizeof s->target);
    s->join = JOIN_TAIL;
    source_joined(r);
}

/* ---- how far behind the stream is */

static void watch_lag(struct relay *r, int64_t now)
{
    struct source *s = &r->source;
    if (s->paused)
        return;
    bool reached = s->lag.lsn == 0 || pg_stream_received(s->stream) >= s->lag.lsn;
    if (reached) {
        s->lag.lsn = 0;
        if (s->state == SOURCE_LAGGING)
            source_goto(r, SOURCE_STREAMING, "caught up");
        if (now - s->lag.at_ns >= LAG_EVERY_NS)
            flow_ask(r);
    } else if (s->state == SOURCE_STREAMING &&
               now - s->lag.at_ns > r->options.lag_max * NS_PER_MS) {
        r->metrics.lagging_total++;
        source_goto(r, SOURCE_LAGGING, "the stream is behind");
    }
}

void source_heads(struct relay *r, const struct store_heads *heads)
{
    struct source *s = &r->source;
    if (s->state == SOURCE_JOINING)
        aim(r, heads);
    int64_t now = clock_mono_ns();
    if ((s->state == SOURCE_STREAMING || s->state == SOURCE_LAGGING) && !s->paused &&
        s->lag.lsn == 0 && now - s->lag.at_ns >= LAG_EVERY_NS) {
        s->lag.lsn = heads->flushed;
        s->lag.at_ns = now;
    }
}

/* ---- time */

void source_tick(struct relay *r, int64_t now)
{
    struct source *s = &r->source;
    bool slot_matters = s->state == SOURCE_STANDBY || s->state == SOURCE_TAILING ||
                        (s->state == SOURCE_JOINING && s->join == JOIN_PAIR && !s->pair_asked);
    if (s->state == SOURCE_LOADING && now - s->load_ns >= LOAD_EVERY_NS)
        load(r);
    if (slot_matters && now - s->slot_ns >= SLOT_EVERY_NS)
        ask_slot(r);
    if (s->state == SOURCE_JOINING && s->join == JOIN_WRITERS)
        store_wait_for_writers(r->store); /* unless it is under way: it may have been refused */
    if (source_tails(s) && !r->full && !r->stopping)
        flow_ask(r);
    if (s->state == SOURCE_STREAMING || s->state == SOURCE_LAGGING)
        watch_lag(r, now);
}
