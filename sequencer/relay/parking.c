#include "parking.h"

#include "core/clock.h"
#include "relay.h"
#include "run/log.h"
#include "wire/id.h"

#include <assert.h>

#define FULL_NS (500 * NS_PER_MS) /* that long one cell may keep the others from being read */
#define JOIN_NS (100 * NS_PER_MS) /* that long the last question may keep a shard shut */
#define ALL_CELLS UINT64_MAX

/* ---- who is parked */

static uint64_t parked_somewhere(const struct relay *r)
{
    uint64_t cells = 0;
    for (unsigned shard = 0; shard < SHARDS; shard++)
        cells |= r->mark.parked[shard];
    return cells;
}

static uint64_t parked_everywhere(const struct relay *r)
{
    uint64_t cells = ALL_CELLS;
    for (unsigned shard = 0; shard < SHARDS; shard++)
        cells &= r->mark.parked[shard];
    return cells;
}

static bool is_recorded(const struct relay *r, unsigned n)
{
    for (unsigned shard = 0; shard < SHARDS; shard++)
        if (r->written[n][shard] < 0)
            return false;
    return true;
}

/* The topic of another cell has taken something while this one's took nothing. */
static bool others_go(const struct relay *r, unsigned n, int64_t now)
{
    int64_t recent = now - r->options.park_after * NS_PER_MS / 2;
    for (uint64_t left = r->sink.used & ~(1ull << n); left; left &= left - 1)
        if (r->sink.cells[__builtin_ctzll(left)].acked_ns > recent)
            return true;
    return false;
}

static bool others_wait(const struct relay *r, unsigned n)
{
    for (uint64_t left = r->sink.used & ~(1ull << n); left; left &= left - 1) {
        unsigned other = (unsigned)__builtin_ctzll(left);
        if (r->sink.cells[other].count == 0 && sink_goes(&r->sink, other))
            return true;
    }
    return false;
}

/* -> why the cell is to be parked; NULL: it is not */
static const char *reason(const struct relay *r, unsigned n, int64_t now)
{
    const struct parking *p = &r->parking;
    uint64_t live = r->sink.cells[n].count - p->cell[n].count;
    if (live == 0 || !is_recorded(r, n))
        return NULL;
    if (sink_stalled_ns(&r->sink, n, now) >= r->options.park_after * NS_PER_MS &&
        others_go(r, n, now))
        return "its topic acknowledges nothing";
    if (p->full_ns && now - p->full_ns >= FULL_NS && live >= r->outstanding / 2 &&
        others_wait(r, n))
        return "it alone keeps the others from being read";
    return NULL;
}

static void open_gate(struct relay *r)
{
    struct parking *p = &r->parking;
    if (p->question.joining)
        r->gate.shut &= ~(1ull << p->question.shard);
    p->question.joining = false;
}

static void drop_question(struct relay *r, unsigned n)
{
    struct parking *p = &r->parking;
    if (!p->question.asked || p->question.cell != n)
        return;
    p->question.counts = false;
    open_gate(r);
}

/* What is on its way to the topic is forgotten and will be read again by id. The topic is looked
 * for again, and made if it is gone. */
static void set_aside(struct relay *r, unsigned n)
{
    struct parking *p = &r->parking;
    const struct cell *cell = &r->cells.cell[n];
    drop_question(r, n);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        mark_park(&r->mark, n, shard, mark_progress(&r->mark, n, shard));
        p->near[shard] &= ~(1ull << n);
    }
    p->cells |= 1ull << n;
    p->goes &= ~(1ull << n);
    sink_clear(&r->sink, n);
    topics_want(r->topics, n, cell);
}

static void park(struct relay *r, unsigned n, const char *why, int64_t now)
{
    struct parking_cell *c = &r->parking.cell[n];
    log_error("cell_parked", "cell=%s why=\"%s\" stalled_ms=%lld pending=%llu; the others go on",
              r->cells.cell[n].name, why,
              (long long)(sink_stalled_ns(&r->sink, n, now) / NS_PER_MS),
              (unsigned long long)r->sink.cells[n].count);
    r->metrics.parked_total++;
    if (!(r->parking.cells >> n & 1)) {
        c->since_ns = now;
        c->caught_up = 0;
    }
    set_aside(r, n);
}

void parking_tick(struct relay *r, int64_t now)
{
    struct parking *p = &r->parking;
    if (!r->full)
        p->full_ns = 0;
    else if (!p->full_ns)
        p->full_ns = now;
    if (p->question.joining && now - p->question.at_ns > JOIN_NS)
        open_gate(r);
    uint64_t everywhere = parked_everywhere(r);
    for (uint64_t left = r->cells.used; left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctzll(left);
        if (everywhere >> n & 1) {
            if (sink_stalled_ns(&r->sink, n, now) >= r->options.park_after * NS_PER_MS)
                set_aside(r, n);
            continue;
        }
        const char *why = reason(r, n, now);
        if (why)
            park(r, n, why, now);
    }
}

/* ---- what they lack */

static unsigned room(const struct relay *r, unsigned n)
{
    const struct parking_cell *c = &r->parking.cell[n];
    unsigned most = r->parking.goes >> n & 1 ? PARKING_WINDOW : PARKING_PROBE;
    size_t by_bytes = c->bytes < PARKING_BYTES ? (PARKING_BYTES - c->bytes) / ROW_BYTES_MAX : 0;
    if (c->count >= most)
        return 0;
    unsigned rows = most - (unsigned)c->count;
    return rows < by_bytes ? rows : (unsigned)by_bytes;
}

static void rejoin(struct relay *r, unsigned n, unsigned shard)
{
    struct parking *p = &r->parking;
    mark_rejoin(&r->mark, n, shard);
    if (parked_somewhere(r) >> n & 1)
        return;
    p->cells &= ~(1ull << n);
    log_info("cell_rejoined", "cell=%s parked_ms=%lld caught_up=%llu", r->cells.cell[n].name,
             (long long)((clock_mono_ns() - p->cell[n].since_ns) / NS_PER_MS),
             (unsigned long long)p->cell[n].caught_up);
}

static void ask(struct relay *r, unsigned n, unsigned shard, unsigned rows)
{
    struct parking *p = &r->parking;
    uint64_t upto = r->mark.released[shard];
    if (!store_catch_up(r->store, r->cells.cell[n].name, shard, r->mark.caught[n][shard], upto,
                        rows))
        return;
    p->question.asked = p->question.counts = true;
    p->question.joining = p->near[shard] >> n & 1;
    p->question.cell = n;
    p->question.shard = shard;
    p->question.upto = upto;
    p->question.at_ns = clock_mono_ns();
    if (p->question.joining)
        r->gate.shut |= 1ull << shard;
}

/* -> true: a question is under way, or can't be asked */
static bool look(struct relay *r, unsigned n, unsigned shard)
{
    if (!(r->mark.parked[shard] >> n & 1))
        return false;
    if (r->mark.caught[n][shard] >= r->mark.released[shard]) {
        if (r->parking.goes >> n & 1)
            rejoin(r, n, shard);
        return false;
    }
    unsigned rows = room(r, n);
    if (rows == 0)
        return false;
    ask(r, n, shard, rows);
    return true;
}

void parking_turn(struct relay *r)
{
    struct parking *p = &r->parking;
    if (!p->cells || p->question.asked || r->stopping || r->config_stale || !source_ready(&r->source))
        return;
    for (unsigned i = 0; i < MESSAGE_CELLS_MAX * SHARDS; i++) {
        unsigned at = (p->next + i) % (MESSAGE_CELLS_MAX * SHARDS);
        unsigned n = at / SHARDS, shard = at % SHARDS;
        if (!(p->cells >> n & 1) || !sink_goes(&r->sink, n)) {
            i += SHARDS - 1 - shard;
            continue;
        }
        if (look(r, n, shard)) {
            p->next = at + 1;
            return;
        }
    }
}

void parking_row(struct relay *r, const struct row *row)
{
    struct parking *p = &r->parking;
    unsigned n = p->question.cell;
    if (!p->question.counts || row->shard != p->question.shard ||
        row->id <= r->mark.caught[n][row->shard])
        return;
    struct message *m = message_new(row);
    m->catching = true;
    m->decoded_ns = clock_mono_ns();
    message_route(m, 1ull << n, lanes_of(&r->cells.lanes, m->row.channel));
    mark_catch(&r->mark, m);
    p->cell[n].count++;
    p->cell[n].bytes += m->bytes;
    p->cell[n].caught_up++;
    r->metrics.caught_up_total++;
    sink_add(&r->sink, m->deliveries);
}

void parking_end(struct relay *r, bool all)
{
    struct parking *p = &r->parking;
    unsigned n = p->question.cell, shard = p->question.shard;
    p->question.asked = false;
    open_gate(r);
    if (!p->question.counts)
        return;
    if (all)
        mark_caught(&r->mark, n, shard, p->question.upto);
    uint64_t bit = 1ull << n;
    p->near[shard] = all ? p->near[shard] | bit : p->near[shard] & ~bit;
    look(r, n, shard); /* before anything else is let through: it may stand where the others do */
}

void parking_acked(struct relay *r, struct delivery *d)
{
    struct parking_cell *c = &r->parking.cell[d->cell];
    assert(d->message->catching && c->count > 0);
    c->count--;
    c->bytes -= d->message->bytes;
}

/* ---- sessions */

bool parking_loaded(struct relay *r, unsigned n, unsigned shard, uint64_t id, uint64_t top)
{
    struct parking *p = &r->parking;
    uint64_t behind = id_ms(top) - id_ms(id);
    bool was = p->remembered[shard] >> n & 1;
    if (!was && behind <= 2 * (uint64_t)r->options.park_after)
        return false;
    mark_park(&r->mark, n, shard, id);
    p->near[shard] &= ~(1ull << n);
    if (p->cells >> n & 1)
        return true;
    if (!was)
        log_warn("cell_behind",
                 "cell=%s behind_ms=%llu; it is caught up by id, the others go on",
                 r->cells.cell[n].name, (unsigned long long)behind);
    p->cells |= 1ull << n;
    if (!was || !p->cell[n].since_ns) {
        p->cell[n].since_ns = clock_mono_ns();
        p->cell[n].caught_up = 0;
    }
    return true;
}

void parking_session_ends(struct relay *r)
{
    struct parking *p = &r->parking;
    open_gate(r);
    for (unsigned shard = 0; shard < SHARDS; shard++)
        p->remembered[shard] |= r->mark.parked[shard];
    p->question.asked = p->question.counts = false;
    p->cells = 0;
}

void parking_forget(struct relay *r, unsigned n)
{
    struct parking *p = &r->parking;
    drop_question(r, n);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        mark_rejoin(&r->mark, n, shard);
        p->remembered[shard] &= ~(1ull << n);
        p->near[shard] &= ~(1ull << n);
    }
    p->cells &= ~(1ull << n);
    p->goes &= ~(1ull << n);
}

int64_t parking_lag_ms(const struct relay *r, unsigned n, int64_t now)
{
    int64_t oldest = now;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        const struct delivery *d =
            list_first(&r->mark.waiting[n][shard], struct delivery, mark_link);
        if (d && !d->message->catching && d->message->decoded_ns < oldest)
            oldest = d->message->decoded_ns;
    }
    if (r->parking.cells >> n & 1 && r->parking.cell[n].since_ns < oldest)
        oldest = r->parking.cell[n].since_ns - r->options.park_after * NS_PER_MS;
    return (now - oldest) / NS_PER_MS;
}
