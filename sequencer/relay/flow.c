/* The way of a message, from top to bottom:
 *
 *   1. it comes in        from the stream (flow_frame) or from the table (flow_row)
 *   2. it is accepted     once: what the other way brought before is dropped
 *   3. it is let through  by the gate, when it is visible and safe
 *   4. it is routed       to the cells of its tenant, and handed to Kafka
 *   5. it is acknowledged and the marks move: the slot's position, the progress by id
 *
 * A cell whose topic takes nothing is set aside at step 4 and reads by itself what it lacks
 * (parking.c).
 *
 * Steps 3 to 5 are taken for all that came in during a loop turn at its end (flow_turn). */
#include "flow.h"

#include "core/clock.h"
#include "run/log.h"

#define MANY 256 /* messages that are not let wait for the end of their transaction */
#define WARN_NS (10 * NS_PER_S)
#define INVISIBLE_NS (5 * NS_PER_S) /* from commit to visible; longer is worth a warning */

/* ---- 1. It comes in. */

static struct message *accept_row(struct relay *r, const struct row *row, uint64_t lsn,
                                  int64_t committed_us);
static void tail(struct relay *r);
static void judge_pressure(struct relay *r);
static void warn_awaited(struct relay *r, const struct store_heads *heads);

static void stream_row(struct relay *r, const struct row *row)
{
    /* Ids of a shard ascend in the log; were it otherwise, the lower one would be taken for a
     * repeat below. */
    if (mark_seen(&r->mark, row->shard) >= row->id) {
        r->metrics.disorder_total++;
        log_error("disorder", "shard=%u id=%llu comes after a higher one of its shard; skipped",
                  row->shard, (unsigned long long)row->id);
        return;
    }
    mark_saw(&r->mark, row->shard, row->id);
    struct message *m = accept_row(r, row, 0, r->wal.committed_us);
    if (!m)
        return;
    r->metrics.streamed_total++;
    histogram_record(&r->metrics.decode_seconds, (int64_t)clock_real_us() - m->committed_us);
    list_append(&r->open, &m->open_link);
    judge_pressure(r); /* not at the turn's end: a turn has hundreds of frames */
}

/* lsn: the end of its transaction's commit, or where the log stood later. */
static void close_transaction(struct relay *r, uint64_t lsn)
{
    struct message *m;
    while ((m = list_first(&r->open, struct message, open_link))) {
        m->lsn = lsn;
        list_remove(&m->open_link);
    }
}

void flow_frame(struct relay *r, struct bytes pgoutput)
{
    struct row row;
    switch (wal_read(&r->wal, pgoutput, &row)) {
    case WAL_NOTHING:
        break;
    case WAL_BEGIN:
        mark_begin(&r->mark);
        break;
    case WAL_ROW:
        stream_row(r, &row);
        break;
    case WAL_COMMIT:
        mark_commit(&r->mark, r->wal.end_lsn);
        close_transaction(r, r->wal.end_lsn);
        break;
    case WAL_BAD_ROW:
        if (r->metrics.bad_rows_total++ == 0)
            log_error("bad_row",
                      "column=%s of cellcast.message makes no sense; skipped, further ones are "
                      "only counted",
                      r->wal.why);
        break;
    case WAL_BROKEN:
        source_broken(r, r->wal.why);
        break;
    }
}

void flow_row(struct relay *r, uint64_t above, const struct row *row, uint64_t lsn)
{
    /* Between question and answer the shard may have been set back: then these rows begin above
     * a gap. */
    if (r->accepted[row->shard] < above || !source_tails(&r->source))
        return;
    if (accept_row(r, row, lsn, 0))
        r->metrics.tailed_total++;
}

void flow_bad_row(struct relay *r, uint64_t above, unsigned shard, uint64_t id)
{
    r->metrics.bad_rows_total++;
    log_error("bad_row", "shard=%u id=%llu makes no sense; skipped", shard,
              (unsigned long long)id);
    if (r->accepted[shard] >= above && r->accepted[shard] < id)
        r->accepted[shard] = id;
}

void flow_rows_end(struct relay *r, unsigned shard, uint64_t above, uint64_t upto, bool all)
{
    if (r->accepted[shard] < above || !source_tails(&r->source))
        return;
    if (all && r->accepted[shard] < upto) {
        /* Ids up to here that have no row: dropped with their partition, or never written. */
        r->accepted[shard] = upto;
        if (list_is_empty(&r->gate.waiting[shard]))
            mark_set(&r->mark, shard, upto);
    }
    source_joined(r);
    tail(r);
}

/* ---- 2. It is accepted. */

static struct message *accept_row(struct relay *r, const struct row *row, uint64_t lsn,
                                  int64_t committed_us)
{
    if (row->id <= r->accepted[row->shard]) {
        r->metrics.repeats_total++;
        return NULL;
    }
    struct message *m = message_new(row);
    m->lsn = lsn;
    m->committed_us = committed_us;
    m->decoded_ns = clock_mono_ns();
    r->accepted[row->shard] = row->id;
    r->n_accepted++;
    r->outstanding++;
    r->outstanding_bytes += m->bytes;
    gate_add(&r->gate, m);
    return m;
}

static void forget(struct relay *r, struct message *m)
{
    r->outstanding--;
    r->outstanding_bytes -= m->bytes;
    message_free(m);
}

void flow_drop_unreleased(struct relay *r)
{
    struct message *m;
    while ((m = gate_drop(&r->gate))) {
        list_remove(&m->open_link);
        forget(r, m);
    }
    for (unsigned shard = 0; shard < SHARDS; shard++)
        r->accepted[shard] = r->mark.released[shard];
}

/* ---- 3. It is let through. */

void flow_ask(struct relay *r)
{
    /* Who reads by id wants all of them. */
    if (!store_ask_heads(r->store, r->source.state == SOURCE_STREAMING ? r->gate.occupied : ~0ull))
        return;
    r->ask.number++;
    r->ask.fruitless++;
    r->ask.accepted = r->n_accepted;
    r->metrics.gate_queries_total++;
    ev_timer_stop(r->process.loop, &r->ask.later);
}

/* Most transactions come within a turn or two, and are asked for when they are whole: what goes to
 * Kafka together costs it one request. */
static bool comes_more(const struct relay *r)
{
    return r->wal.open && r->source.state == SOURCE_STREAMING && !r->source.paused &&
           r->gate.count < MANY;
}

/* While something waits a new snapshot is asked for as soon as the last one has come; a commit
 * that takes its time (a synchronous standby) is asked after less and less often, down to every
 * 20 ms. */
static void ask_for_waiting(struct relay *r)
{
    if (r->gate.count == 0 || r->config_stale || ev_is_active(&r->ask.later) || comes_more(r))
        return;
    if (r->ask.fruitless < 8 || r->ask.accepted != r->n_accepted) {
        flow_ask(r);
        return;
    }
    unsigned ms = r->ask.fruitless < 28 ? r->ask.fruitless - 7 : 20;
    ev_timer_set(&r->ask.later, ms / 1000., 0.);
    ev_timer_start(r->process.loop, &r->ask.later);
}

/* A transaction of which nothing more is read because too much is outstanding must not wait for
 * its own end. Only what was flushed has been decoded, so where the log stands now is beyond
 * it. */
static void close_by_snapshot(struct relay *r, const struct store_heads *heads)
{
    if (r->source.paused && r->ask.accepted == r->n_accepted)
        close_transaction(r, heads->flushed);
}

void flow_heads(struct relay *r, const struct store_heads *heads)
{
    for (unsigned shard = 0; shard < SHARDS; shard++)
        if (heads->shards >> shard & 1)
            gate_heard(&r->gate, shard, heads->last_id[shard]);
    gate_heard_standbys(&r->gate, heads->standbys);
    close_by_snapshot(r, heads);
    /* The snapshot that shows a message shows the configuration that held when it was
     * committed: a message of a tenant that has just been added does not go nowhere. */
    r->config_stale = heads->config_version != r->cells.version;
    if (r->config_stale)
        store_load_config(r->store);
    uint64_t confirmed = mark_lsn(&r->mark);
    r->metrics.slot_lag_bytes =
        confirmed && heads->flushed > confirmed ? (int64_t)(heads->flushed - confirmed) : 0;
    source_heads(r, heads);
    warn_awaited(r, heads);
    tail(r);
}

/* ---- 4. It is routed. */

static void release(struct relay *r, struct message *m)
{
    histogram_record(&r->metrics.visible_seconds,
                     (clock_mono_ns() - m->decoded_ns) / NS_PER_US);
    list_remove(&m->open_link);
    uint64_t cells = cells_of(&r->cells, m->row.tenant);
    message_route(m, cells & ~r->mark.parked[m->row.shard], lanes_of(&r->cells.lanes, m->row.channel));
    mark_release(&r->mark, m);
    if (m->n_deliveries == 0) {
        r->metrics.homeless_total += cells == 0;
        forget(r, m);
        return;
    }
    for (unsigned i = 0; i < m->n_deliveries; i++)
        sink_add(&r->sink, &m->deliveries[i]);
}

static void release_all(struct relay *r)
{
    struct message *m;
    while (!r->config_stale && (m = gate_take(&r->gate))) {
        r->ask.fruitless = 0;
        release(r, m);
    }
}

/* ---- 5. It is acknowledged. */

/* One delivery less; the message goes with the last. */
static void settle(struct relay *r, struct delivery *d)
{
    struct message *m = d->message;
    mark_acked(&r->mark, d);
    if (m->catching) {
        parking_acked(r, d);
        message_free(m);
    } else if (m->unacked == 0) {
        forget(r, m);
    }
}

static void on_acked(void *owner, struct delivery *d)
{
    struct relay *r = owner;
    struct message *m = d->message;
    r->parking.goes |= 1ull << d->cell;
    if (d->handed_ns)
        histogram_record(&r->metrics.kafka_seconds,
                         (clock_mono_ns() - d->handed_ns) / NS_PER_US);
    if (m->unacked == 1 && m->committed_us > 0)
        histogram_record(&r->metrics.latency_seconds,
                         (int64_t)clock_real_us() - m->committed_us);
    settle(r, d);
}

static void on_given_back(void *owner, struct delivery *d)
{
    settle(owner, d);
}

static void on_lost(void *owner, unsigned cell, const char *why)
{
    struct relay *r = owner;
    r->metrics.producer_restarts_total++;
    log_warn("producer_lost",
             "cell=%s why=\"%s\" pending=%llu; a new one sends again what is not acknowledged",
             r->cells.cell[cell].name, why, (unsigned long long)r->sink.cells[cell].count);
}

static void on_refused(void *owner, struct delivery *d, bool stub, const char *why)
{
    struct relay *r = owner;
    r->metrics.refusals_total++;
    if (stub)
        r->metrics.stubs_total++;
    /* of a batch that is refused as a whole, one line */
    log_line(ev_is_active(&r->sink.cells[d->cell].renew) ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "record_refused",
             "cell=%s channel=%.*s seq=%llu bytes=%zu stub=%s why=\"%s\"",
             r->cells.cell[d->cell].name, BYTES_FMT(d->message->row.channel),
             (unsigned long long)d->message->row.seq, d->message->bytes, stub ? "yes" : "no",
             why);
}

static void on_doubt(void *owner, unsigned cell)
{
    struct relay *r = owner;
    sink_close(&r->sink, cell);
    topics_want(r->topics, cell, &r->cells.cell[cell]);
}

const struct sink_handlers flow_sink_handlers = {.acked = on_acked,
                                                 .given_back = on_given_back,
                                                 .lost = on_lost,
                                                 .refused = on_refused,
                                                 .doubt = on_doubt};

void flow_write_progress(struct relay *r)
{
    unsigned n = 0;
    if (!store_is_up(r->store) || store_is_writing(r->store) || !source_ready(&r->source))
        return;
    memcpy(r->writing, r->written, sizeof r->writing);
    for (uint64_t left = r->cells.used; left; left &= left - 1) {
        unsigned cell = (unsigned)__builtin_ctzll(left);
        for (unsigned shard = 0; shard < SHARDS; shard++) {
            int64_t id = (int64_t)mark_progress(&r->mark, cell, shard);
            if (id <= r->written[cell][shard])
                continue;
            r->writing[cell][shard] = id;
            store_add_progress(r->store, r->cells.cell[cell].name, shard, (uint64_t)id);
            n++;
        }
    }
    if (n > 0 && store_write_progress(r->store))
        r->metrics.progress_writes_total++;
}

/* ---- The turn. */

static bool has_room(const struct relay *r)
{
    return r->outstanding < (size_t)r->options.outstanding_max &&
           r->outstanding_bytes < (size_t)r->options.outstanding_bytes;
}

/* Full until a quarter is free again: a stream that is stopped and started for each message is
 * slow. */
static void judge_pressure(struct relay *r)
{
    bool was = r->full;
    if (!has_room(r))
        r->full = true;
    else if (r->outstanding <= (size_t)r->options.outstanding_max * 3 / 4 &&
             r->outstanding_bytes <= (size_t)r->options.outstanding_bytes * 3 / 4)
        r->full = false;
    if (r->full && !was)
        r->metrics.pauses_total++;
    source_pressure(r);
}

/* The bounds hold also when every row is as large as a row can be. */
static unsigned rows_at_once(const struct relay *r)
{
    size_t rows = (size_t)r->options.outstanding_max - r->outstanding;
    size_t by_bytes =
        ((size_t)r->options.outstanding_bytes - r->outstanding_bytes) / ROW_BYTES_MAX;
    if (rows > by_bytes)
        rows = by_bytes;
    return rows > 512 ? 512 : rows < 1 ? 1 : (unsigned)rows;
}

/* Tail by id: the next shard whose last_id is above what was accepted, one question at a time.
 */
static void tail(struct relay *r)
{
    if (!source_tails(&r->source) || r->full || r->stopping || !has_room(r))
        return;
    for (unsigned i = 0; i < SHARDS; i++) {
        unsigned shard = (r->tail_next + i) % SHARDS;
        if (r->gate.last_id[shard] <= r->accepted[shard])
            continue;
        if (store_read_rows(r->store, shard, r->accepted[shard], r->gate.last_id[shard],
                            rows_at_once(r)))
            r->tail_next = (shard + 1) % SHARDS;
        return;
    }
}

/* With `*` a commit waits until the relay has confirmed it, and the relay confirms nothing that
 * is not visible. */
static void warn_awaited(struct relay *r, const struct store_heads *heads)
{
    int64_t now = clock_mono_ns();
    if (!heads->awaited || now - r->awaited_ns < WARN_NS)
        return;
    r->awaited_ns = now;
    log_error("awaited", "synchronous_standby_names makes commits wait for a logical "
                         "replication slot, maybe for ever; "
                         "name the standbys in it instead of *");
}

static void warn_invisible(struct relay *r, int64_t now)
{
    int64_t oldest = gate_oldest_ns(&r->gate);
    if (oldest == INT64_MAX || now - oldest < INVISIBLE_NS || now - r->invisible_ns < WARN_NS)
        return;
    r->invisible_ns = now;
    log_warn("not_visible",
             "messages=%zu oldest_ms=%lld; their commit is in the WAL and not visible, or not "
             "on the "
             "synchronous standbys (seen only with the rights of pg_monitor)",
             r->gate.count, (long long)((now - oldest) / NS_PER_MS));
}

void flow_turn(struct relay *r)
{
    release_all(r);
    sink_flush(&r->sink);
    source_confirm(r);
    judge_pressure(r);
    ask_for_waiting(r);
    tail(r);
    parking_turn(r);
    if (r->gate.count > 0)
        warn_invisible(r, clock_mono_ns());
}
