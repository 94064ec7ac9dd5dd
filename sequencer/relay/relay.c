#include "relay.h"

#include "core/clock.h"
#include "flow.h"
#include "kafka/access.h"
#include "page.h"
#include "run/log.h"

#include <errno.h>

#define CONFIG_EVERY_NS NS_PER_S
#define PROGRESS_EVERY_NS NS_PER_S
#define PROGRESS_SHARE 20 /* of the time, that writing it takes at most is one in so many: decision 0036 */
#define REFUSED_EVERY_NS                                                                       \
    NS_PER_S        /* of what is asked twenty times a second, one line is enough */
#define LEAVE_S 0.3 /* the confirmed position is sent within 0.2 s */

/* ---- configuration */

static void on_config_begin(void *owner, int64_t version, struct bytes lanes)
{
    struct relay *r = owner;
    r->metrics.config_loads_total++;
    cells_begin(&r->cells, version, lanes, &r->change);
}

static void on_config_cell(void *owner, struct bytes name, struct bytes topic,
                           int64_t partitions, struct bytes tenants)
{
    struct relay *r = owner;
    int error = cells_put(&r->cells, &r->change, name, topic, partitions, tenants);
    if (error == -ENOSPC)
        log_error("cells_full", "cell=%.*s most=%d; nothing is sent to it", BYTES_FMT(name),
                  MESSAGE_CELLS_MAX);
    else if (error < 0)
        log_error("cell_invalid", "cell=%.*s topic=%.*s partitions=%lld; nothing is sent to it",
                  BYTES_FMT(name), BYTES_FMT(topic), (long long)partitions);
}

static void forget_written(struct relay *r, unsigned cell)
{
    for (unsigned shard = 0; shard < SHARDS; shard++)
        r->written[cell][shard] = r->writing[cell][shard] = -1;
}

static void drop_cell(struct relay *r, unsigned n)
{
    log_info("cell_gone", "cell=%s", r->cells.cell[n].name);
    topics_forget(r->topics, n);
    sink_drop(&r->sink, n);
    parking_forget(r, n);
    forget_written(r, n);
}

static void make_cell(struct relay *r, unsigned n)
{
    const struct cell *cell = &r->cells.cell[n];
    log_info("cell", "cell=%s topic=%s partitions=%d lanes=%d", cell->name, cell->topic,
             cell->partitions, cell->total - cell->partitions);
    if (r->change.moved >> n & 1)
        sink_close(&r->sink, n);
    else if (!(r->sink.used >> n & 1))
        sink_add_cell(&r->sink, n, cell);
    topics_want(r->topics, n, cell);
}

static void on_config_end(void *owner)
{
    struct relay *r = owner;
    for (uint64_t left = r->change.gone; left; left &= left - 1)
        drop_cell(r, (unsigned)__builtin_ctzll(left));
    for (uint64_t left = r->change.made; left; left &= left - 1)
        make_cell(r, (unsigned)__builtin_ctzll(left));
    cells_end(&r->cells, &r->change);
    r->config_stale = false;
    if (r->source.state == SOURCE_LOADING)
        store_load_progress(r->store);
}

static void on_topic_made(void *owner, unsigned n, const char *topic, int32_t total)
{
    struct relay *r = owner;
    struct cell *cell = &r->cells.cell[n];
    if (!(r->cells.used >> n & 1) || strcmp(cell->topic, topic) != 0 ||
        cell->total != total)
        return;
    log_info("topic_there", "cell=%s topic=%s partitions=%d", cell->name, topic, total);
    cell->there = total;
    sink_open(&r->sink, n);
}

/* ---- progress */

/* A row for a cell that is being read into `written` first; see on_progress_end. */
static void on_progress(void *owner, struct bytes name, unsigned shard, uint64_t id)
{
    struct relay *r = owner;
    int cell = cells_find(&r->cells, name);
    if (cell >= 0)
        r->written[cell][shard] = (int64_t)id;
}

static uint64_t most_written(const struct relay *r, unsigned shard)
{
    int64_t most = 0;
    for (uint64_t left = r->cells.used; left; left &= left - 1) {
        int64_t id = r->written[__builtin_ctzll(left)][shard];
        if (id > most)
            most = id;
    }
    return (uint64_t)most;
}

/* The session goes on from the least that a cell has, without those that are parked, since they
 * were before or are so far behind that the others would get too much again. A cell without a row has not been sent to
 * before: progress is written for all cells at once, so nothing of what it needs is older than
 * the others' rows. */
static void on_progress_end(void *owner)
{
    struct relay *r = owner;
    if (r->source.state != SOURCE_LOADING)
        return;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        uint64_t most = most_written(r, shard);
        int64_t least = INT64_MAX;
        for (uint64_t left = r->cells.used; left; left &= left - 1) {
            unsigned cell = (unsigned)__builtin_ctzll(left);
            int64_t id = r->written[cell][shard];
            if (id >= 0 && !parking_loaded(r, cell, shard, (uint64_t)id, most) && id < least)
                least = id;
        }
        r->accepted[shard] = least == INT64_MAX ? most : (uint64_t)least;
        mark_set(&r->mark, shard, r->accepted[shard]);
    }
    memset(r->parking.remembered, 0, sizeof r->parking.remembered);
    source_loaded(r);
}

static void on_progress_written(void *owner)
{
    struct relay *r = owner;
    memcpy(r->written, r->writing, sizeof r->written);
    r->progress_took_ns = clock_mono_ns() - r->progress_ns;
}

/* ---- other answers of the store */

static void on_up(void *owner)
{
    source_up(owner);
}

static void on_down(void *owner, const char *why)
{
    struct relay *r = owner;
    for (unsigned n = 0; n < MESSAGE_CELLS_MAX; n++)
        forget_written(r, n);
    source_down(r, why);
}

static void on_heads(void *owner, const struct store_heads *heads)
{
    flow_heads(owner, heads);
}

static void on_row(void *owner, uint64_t above, const struct row *row, uint64_t lsn)
{
    flow_row(owner, above, row, lsn);
}

static void on_rows_end(void *owner, unsigned shard, uint64_t above, uint64_t upto, bool all)
{
    flow_rows_end(owner, shard, above, upto, all);
}

static void on_bad_row(void *owner, uint64_t above, unsigned shard, uint64_t id)
{
    flow_bad_row(owner, above, shard, id);
}

static void on_catch_row(void *owner, const struct row *row)
{
    parking_row(owner, row);
}

static void on_catch_end(void *owner, bool all)
{
    parking_end(owner, all);
}

static void on_slot(void *owner, enum store_slot slot, struct bytes name)
{
    source_slot(owner, slot, name);
}

static void on_writers_gone(void *owner)
{
    source_writers_gone(owner);
}

static void on_refused(void *owner, const char *question, const char *sqlstate,
                       const char *message)
{
    struct relay *r = owner;
    int64_t now = clock_mono_ns();
    if (now - r->refused_ns < REFUSED_EVERY_NS)
        return;
    r->refused_ns = now;
    log_warn("query_refused", "question=%s sqlstate=%s message=\"%s\"; asked again", question,
             sqlstate, message);
}

static const struct store_handlers store_handlers = {
    .up = on_up,
    .down = on_down,
    .heads = on_heads,
    .config_begin = on_config_begin,
    .config_cell = on_config_cell,
    .config_end = on_config_end,
    .progress = on_progress,
    .progress_end = on_progress_end,
    .progress_written = on_progress_written,
    .row = on_row,
    .rows_end = on_rows_end,
    .bad_row = on_bad_row,
    .catch_row = on_catch_row,
    .catch_end = on_catch_end,
    .slot = on_slot,
    .writers_gone = on_writers_gone,
    .refused = on_refused,
};

/* ---- leaving */

static void on_leave(struct ev_loop *loop, ev_timer *timer, int events)
{
    ev_break(loop, EVBREAK_ALL);
}

void relay_stop(void *owner)
{
    struct relay *r = owner;
    r->stopping = true;
    r->stop_ns = clock_mono_ns() + r->options.drain * NS_PER_MS;
    log_info("drain", "outstanding=%zu wait_ms=%lld", r->outstanding,
             (long long)r->options.drain);
}

static void finish(struct relay *r, int64_t now)
{
    if (ev_is_active(&r->leave) || (r->outstanding > 0 && now < r->stop_ns))
        return;
    log_info("drained", "left=%zu; what is left is read again at the next start",
             r->outstanding);
    flow_write_progress(r);
    source_confirm(r);
    ev_timer_set(&r->leave, LEAVE_S, 0.);
    ev_timer_start(r->process.loop, &r->leave);
}

/* ---- the loop */

static void on_turn(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct relay *r = prepare->data;
    flow_turn(r);
    if (r->stopping)
        finish(r, clock_mono_ns());
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct relay *r = timer->data;
    int64_t now = clock_mono_ns();
    source_tick(r, now);
    parking_tick(r, now);
    if (now - r->config_ns >= CONFIG_EVERY_NS) {
        r->config_ns = now;
        flow_ask(r); /* every snapshot tells the configuration's version */
    }
    if (now - r->progress_ns >= PROGRESS_EVERY_NS &&
        now - r->progress_ns >= PROGRESS_SHARE * r->progress_took_ns) {
        r->progress_ns = now;
        flow_write_progress(r);
    }
}

static void on_ask_later(struct ev_loop *loop, ev_timer *timer, int events)
{
    flow_ask(timer->data);
}

int relay_init(struct relay *r, struct buf *ret_error)
{
    struct ev_loop *loop = r->process.loop;
    list_init(&r->open);
    wal_init(&r->wal);
    gate_init(&r->gate);
    mark_init(&r->mark);
    cells_init(&r->cells);
    source_init(&r->source);
    for (unsigned n = 0; n < MESSAGE_CELLS_MAX; n++)
        forget_written(r, n);
    ev_prepare_init(&r->turn, on_turn);
    ev_timer_init(&r->tick, on_tick, 0., (double)r->options.tail_poll / 1000);
    ev_init(&r->ask.later, on_ask_later);
    ev_init(&r->leave, on_leave);
    r->turn.data = r->tick.data = r->ask.later.data = r->leave.data = r;

    int error = kafka_access_read(r->options.kafka_config, ret_error);
    if (error < 0)
        return error;
    sink_init(&r->sink, loop, r->options.kafka, RELAY_NAME, NULL, &flow_sink_handlers, r);
    error = admin_new(loop, r->options.admin, page_answer, r, &r->admin, ret_error);
    if (error < 0)
        return error;
    r->topics = topics_new(loop, r->options.kafka, (int)r->options.topic_replication,
                           r->options.topic_retention, on_topic_made, r);
    r->store = store_new(loop, r->options.postgres, RELAY_NAME, RELAY_SLOT, &store_handlers, r);
    ev_prepare_start(loop, &r->turn);
    ev_timer_start(loop, &r->tick);
    return 0;
}

void relay_run(struct relay *r)
{
    ev_run(r->process.loop, 0);
}

void relay_fini(struct relay *r)
{
    struct ev_loop *loop = r->process.loop;
    ev_prepare_stop(loop, &r->turn);
    ev_timer_stop(loop, &r->tick);
    ev_timer_stop(loop, &r->ask.later);
    ev_timer_stop(loop, &r->leave);
    source_fini(r);
    store_free(r->store);
    topics_free(r->topics);
    admin_free(r->admin);
    flow_drop_unreleased(r);
    sink_fini(&r->sink);
    mark_fini(&r->mark);
    cells_fini(&r->cells);
}
