#include "canary.h"

#include "core/clock.h"
#include "core/json.h"
#include "core/random.h"
#include "run/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what gateways listen to */

static void send_listen(const struct canary *c, struct child *gateway)
{
    struct ctl_canary m = {.listen = buf_bytes(&c->listen)};
    struct buf body;
    if (c->listen.n == 0)
        return;
    buf_init(&body);
    wire_put_ctl_canary(&body, &m);
    child_send(gateway, CTL_CANARY, buf_bytes(&body));
    buf_fini(&body);
}

void canary_greeted(struct canary *c, struct child *gateway)
{
    send_listen(c, gateway);
}

static void list_channels(struct canary *c)
{
    char channel[CANARY_CHANNEL_MAX];
    buf_clear(&c->listen);
    for (unsigned i = 0; i < c->lanes.n; i++) {
        const struct canary_lane *lane = &c->lanes.lane[i];
        for (unsigned k = 0; k < lane->n; k++) {
            canary_channel(c->cell->options->cell, lane->numbers[k], channel);
            struct ctl_channel one = {.channel = bytes_str(channel)};
            wire_put_ctl_channel(&c->listen, &one);
        }
    }
}

static void set_pace(struct canary *c)
{
    double seconds = c->cell->options->canary / 1000.;
    ev_timer_stop(c->cell->loop, &c->tick);
    c->tick.repeat = seconds / (c->lanes.n ? c->lanes.n : 1);
    ev_timer_again(c->cell->loop, &c->tick);
}

void canary_replan(struct canary *c)
{
    struct child *g;
    if (c->cell->plan.generation == 0 || c->lanes.generation == c->cell->plan.generation)
        return;
    canary_lanes_choose(&c->lanes, &c->cell->plan, c->cell->options->cell);
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        memset(c->flights[i].past, 0, sizeof c->flights[i].past);
        c->flights[i].known = false;
    }
    list_channels(c);
    for cell_each_gateway (g, c->cell)
        send_listen(c, g);
    set_pace(c);
}

/* ---- publishing */

/* One gateway after another, ready ones first. -> NULL when none can hear */
static struct child *next_publisher(struct canary *c)
{
    const struct crew *crew = &c->cell->crews[ROLE_GATEWAY];
    struct child *spare = NULL;
    for (unsigned i = 0; i < crew->made; i++) {
        unsigned at = (c->next_gateway + i) % crew->made;
        struct child *g = crew->at[at];
        if (!child_can_hear(g) || g->state == CHILD_DRAINING || g->state == CHILD_REPLACING)
            continue;
        if (g->state == CHILD_UP) {
            c->next_gateway = at + 1;
            return g;
        }
        spare = spare ? spare : g;
    }
    return spare;
}

static void publish(struct canary *c, const struct canary_lane *lane)
{
    struct canary_flights *f = &c->flights[lane->worker - 1];
    struct child *gateway = next_publisher(c);
    char channel[CANARY_CHANNEL_MAX], data[128];
    f->published = gateway && lane->n;
    if (!f->published)
        return;
    memmove(f->past + 1, f->past, sizeof f->past - sizeof *f->past);
    f->past[0] = (struct canary_flight){++c->n, lane->numbers[f->next++ % lane->n]};
    canary_channel(c->cell->options->cell, f->past[0].number, channel);
    snprintf(data, sizeof data, "{\"run\":\"%s\",\"n\":%" PRIu64 ",\"sent_us\":%" PRIu64 "}",
             c->run, c->n, clock_real_us());
    struct ctl_canary m = {.channel = bytes_str(channel), .data = bytes_str(data)};
    struct buf body;
    buf_init(&body);
    wire_put_ctl_canary(&body, &m);
    child_send(gateway, CTL_CANARY, buf_bytes(&body));
    buf_fini(&body);
    c->metrics->canaries_published_total++;
}

/* -> whether it is a supervisor's; run: its, of this one or another */
static bool read_canary(struct bytes data, struct buf *run, uint64_t *ret_n, uint64_t *ret_us)
{
    return json_check(data, 2, NULL) == 0 && json_type(data) == JSON_OBJECT && json_string(json_member(data, "run"), run) == 0 &&
           json_u64(json_member(data, "n"), ret_n) && json_u64(json_member(data, "sent_us"), ret_us);
}

/* ---- asking the table */

static bool is_ours(const struct canary *c, struct bytes data, uint64_t *ret_n)
{
    struct buf run = {0};
    uint64_t sent_us;
    bool ours = read_canary(data, &run, ret_n, &sent_us) && bytes_is(buf_bytes(&run), c->run);
    buf_fini(&run);
    return ours;
}

static void on_answer(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct canary_flights *f = ctx;
    uint64_t n = 0;
    f->asking = false;
    f->known = status == PG_OK;
    f->committed = f->relayed = false;
    if (status != PG_OK || pg_rows(r) != 1)
        return;
    f->committed = is_ours(f->canary, pg_bytes(r, 0, 0), &n) && n >= f->asked_n;
    f->relayed = f->committed && pg_bool(r, 0, 1);
}

/* Compares the payload, not clocks: the head of the channel is that canary or a later one of this run. */
static void ask(struct canary *c, struct canary_flights *f)
{
    const struct canary_flight *oldest = &f->past[FLIGHTS_KEPT - 1];
    char channel[CANARY_CHANNEL_MAX];
    canary_channel(c->cell->options->cell, oldest->number, channel);
    pg_add_text(c->params, bytes_str(channel));
    pg_add_text(c->params, bytes_str(c->cell->options->cell));
    f->asking = true;
    f->asked_n = oldest->n;
    pg_query(c->config->pg,
             "SELECT m.data, coalesce(p.id >= h.id, false) FROM cellcast.channel_head h "
             "JOIN cellcast.message m ON m.channel = h.channel AND m.epoch = h.epoch "
             "AND m.seq = h.seq AND m.id = h.id "
             "LEFT JOIN cellcast.relay_progress p ON p.cell = $2 AND p.shard = h.shard "
             "WHERE h.channel = $1 ORDER BY h.epoch DESC, h.era DESC LIMIT 1",
             c->params, on_answer, f);
}

/* ---- pairs */

static bool is_fresh(const struct canary *c, uint32_t worker, unsigned gateway, int64_t now_ns)
{
    int64_t seen = c->seen_ns[worker - 1][gateway - 1];
    return seen && now_ns - seen <= c->cell->options->canary_patience * NS_PER_MS;
}

/* Gateways that do not see this worker's canaries; *ret_others: some do. */
static unsigned count_stale(const struct canary *c, uint32_t worker, int64_t now_ns,
                            bool *ret_others)
{
    struct child *g;
    unsigned stale = 0, fresh = 0;
    for cell_each_gateway (g, c->cell) {
        if (!cell_counts(c->cell, g))
            continue;
        bool is = is_fresh(c, worker, g->slot, now_ns);
        fresh += is;
        stale += !is;
    }
    *ret_others = fresh > 0;
    return stale;
}

static bool others_seen(const struct canary *c, uint32_t worker, int64_t now_ns)
{
    for (unsigned i = 0; i < c->lanes.n; i++) {
        bool seen;
        if (c->lanes.lane[i].worker == worker)
            continue;
        count_stale(c, c->lanes.lane[i].worker, now_ns, &seen);
        if (seen)
            return true;
    }
    return false;
}

static void ask_if_stuck(struct canary *c, const struct canary_lane *lane, int64_t now_ns)
{
    struct canary_flights *f = &c->flights[lane->worker - 1];
    bool others;
    if (count_stale(c, lane->worker, now_ns, &others) == 0 || others) {
        f->known = false; /* what was answered in an earlier fault says nothing about the next one */
        return;
    }
    if (f->past[FLIGHTS_KEPT - 1].n == 0 || f->asking)
        return;
    if (!config_postgres_away(c->config, now_ns))
        ask(c, f);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct canary *c = w->data;
    if (c->lanes.n == 0 || !c->cell->started)
        return;
    const struct canary_lane *lane = &c->lanes.lane[c->next_lane++ % c->lanes.n];
    ask_if_stuck(c, lane, clock_mono_ns());
    publish(c, lane);
}

/* What they saw before they were scaled away does not count. */
void canary_spare(struct canary *c, unsigned gateways, unsigned workers, int64_t now_ns)
{
    for (unsigned w = 0; w < SLOTS_MAX; w++)
        for (unsigned g = 0; g < SLOTS_MAX; g++)
            if (w >= workers || g >= gateways)
                c->seen_ns[w][g] = now_ns;
}

void canary_spare_replaced(struct canary *c, int64_t now_ns)
{
    const struct cell *cell = c->cell;
    struct child *g;
    for (unsigned i = 0; i < cell->crews[ROLE_WORKER].wanted; i++) {
        struct child *w = cell_worker(cell, i);
        for cell_each_gateway (g, cell) {
            bool away = g->state == CHILD_REPLACING || (w && w->state == CHILD_REPLACING);
            if (away && is_fresh(c, i + 1, g->slot, now_ns))
                c->seen_ns[i][g->slot - 1] = now_ns;
        }
    }
}

/* ---- seeing */

static void record(struct histogram *h, uint64_t from_us, uint64_t to_us)
{
    if (from_us && to_us)
        histogram_record(h, (int64_t)(to_us - from_us));
}

static void record_hops(struct supervisor_metrics *m, const struct publication *p,
                        uint64_t published_us, uint64_t seen_us)
{
    record(&m->canary_commit_seconds, published_us, p->committed_us);
    record(&m->canary_relay_seconds, p->committed_us, p->relayed_us);
    record(&m->canary_kafka_seconds, p->relayed_us, p->consumed_us);
    record(&m->canary_worker_seconds, p->consumed_us, p->sent_us);
    record(&m->canary_gateway_seconds, p->sent_us, seen_us);
    record(&m->canary_whole_seconds, published_us, seen_us);
}

/* It came the whole way. */
static void arrived(struct canary *c, uint32_t partition, const struct child *gateway, uint64_t n, int64_t now_ns)
{
    unsigned worker = c->cell->plan.owners[partition] - 1, slot = gateway->slot - 1;
    c->seen_ns[worker][slot] = now_ns;
    if (n > c->proof.above)
        c->proof.seen[worker][slot / 64] |= 1ull << slot % 64;
}

/* Somebody else publishes them now. Those of the process that was here before are older, and come soon after the start if at all. */
static void strange(struct canary *c, struct bytes run, uint64_t published_us, int64_t now_ns)
{
    int64_t patience_ns = c->cell->options->canary_patience * NS_PER_MS, age_us = (int64_t)(clock_real_us() - published_us);
    if (now_ns - c->began_ns < 2 * patience_ns || llabs(age_us) > patience_ns / NS_PER_US)
        return;
    c->metrics->strange_canaries_total++;
    if (episode_happens(&c->strange, now_ns))
        log_error("cell_twice", "run=%.*s cell=%s another supervisor runs this cell, or another installation has its topic: their messages mix",
                  BYTES_FMT(run), c->cell->options->cell);
}

int canary_seen(struct canary *c, struct child *gateway, struct bytes body, int64_t now_ns)
{
    struct ctl_canary_seen m;
    struct publication p;
    struct buf run = {0};
    uint64_t n, published_us;
    if (wire_get_ctl_canary_seen(body, &m) < 0 || wire_get_publication(m.publication, &p) < 0)
        return -EBADMSG;
    const struct plan *plan = &c->cell->plan;
    bool canary = plan->generation && read_canary(p.data, &run, &n, &published_us);
    if (canary && !bytes_is(buf_bytes(&run), c->run)) {
        strange(c, buf_bytes(&run), published_us, now_ns);
    } else if (canary) {
        if (p.relayed_us)
            arrived(c, channel_place(m.channel).partition_hash % plan->hashed, gateway, n, now_ns);
        c->metrics->canaries_seen_total++;
        record_hops(c->metrics, &p, published_us, m.seen_us);
    }
    buf_fini(&run);
    return 0;
}

/* ---- a proof */

void canary_prove(struct canary *c)
{
    c->proof = (struct canary_proof){.above = c->n};
}

static bool lane_proved(const struct canary *c, uint32_t worker)
{
    struct child *g;
    bool any = false;
    for cell_each_gateway (g, c->cell) {
        if (!cell_counts(c->cell, g))
            continue;
        if (!(c->proof.seen[worker - 1][(g->slot - 1) / 64] >> (g->slot - 1) % 64 & 1))
            return false;
        any = true;
    }
    return any;
}

bool canary_proved(const struct canary *c)
{
    for (unsigned i = 0; i < c->lanes.n; i++)
        if (!lane_proved(c, c->lanes.lane[i].worker))
            return false;
    return c->lanes.n > 0;
}

/* ---- telling */

/* A sequencer that is away is known to the gateways alone. */
static const struct child *unready_gateway(const struct canary *c, enum hop hop)
{
    const struct child *g;
    if (hop != HOP_PUBLISH && hop != HOP_COMMIT)
        return NULL;
    for cell_each_gateway (g, c->cell)
        if (cell_counts(c->cell, g) && g->state != CHILD_UP)
            return g;
    return NULL;
}

static int64_t *stuck_gauge(struct supervisor_metrics *m, enum hop hop)
{
#define HOP_GAUGE(name, text) &m->stuck_##text,
    int64_t *gauges[] = {HOPS(HOP_GAUGE)};
    return gauges[hop];
}

static void put_why(const struct canary *c, uint32_t worker, const struct child *gateway,
                    bool others_see, int64_t now_ns, struct buf *why)
{
    const struct canary_flights *f = &c->flights[worker - 1];
    const struct child *w = cell_worker(c->cell, worker - 1);
    const char *because;
    struct hop_evidence e = {
        .no_publisher = !f->published,
        .others_see = others_see,
        .others_seen = others_seen(c, worker, now_ns),
        .postgres_away = config_postgres_away(c->config, now_ns),
        .kafka_away = !kafka_watch_up(c->kafka),
        .worker_unready = !w || w->state != CHILD_UP,
        .table_known = f->known && !config_postgres_away(c->config, now_ns),
        .committed = f->committed,
        .relayed = f->relayed,
    };
    enum hop hop = hop_stuck(&e, &because);
    ++*stuck_gauge(c->metrics, hop);
    const struct child *who = hop == HOP_GATEWAY  ? gateway
                              : hop == HOP_WORKER ? w
                                                  : unready_gateway(c, hop);
    struct buf text;
    buf_init(&text);
    buf_printf(&text, "canary of worker-%u does not reach %s: %s", worker,
               others_see ? gateway->name : "any gateway", because);
    if (who)
        buf_printf(&text, "; %s is %s%s%.*s", who->name, child_state_name(who->state),
                   who->why.n ? ": " : "", BYTES_FMT(buf_bytes(&who->why)));
    buf_printf(why, "%s{\"hop\":\"%s\",\"text\":", why->n ? "," : "", hop_name(hop));
    json_append_string(why, buf_bytes(&text));
    buf_append_char(why, '}');
    buf_fini(&text);
}

static bool lane_ready(const struct canary *c, uint32_t worker, int64_t now_ns, struct buf *why)
{
    struct child *g;
    bool others;
    if (count_stale(c, worker, now_ns, &others) == 0)
        return others;
    if (!others) {
        put_why(c, worker, NULL, false, now_ns, why);
        return false;
    }
    for cell_each_gateway (g, c->cell)
        if (cell_counts(c->cell, g) && !is_fresh(c, worker, g->slot, now_ns))
            put_why(c, worker, g, true, now_ns, why);
    return false;
}

bool canary_ready(const struct canary *c, int64_t now_ns, struct buf *why)
{
    bool ready = c->lanes.n > 0;
    for (enum hop hop = 0; hop < HOP_COUNT; hop++)
        *stuck_gauge(c->metrics, hop) = 0;
    for (unsigned i = 0; i < c->lanes.n; i++)
        if (!lane_ready(c, c->lanes.lane[i].worker, now_ns, why))
            ready = false;
    return ready;
}

void canary_put_pairs(const struct canary *c, int64_t now_ns, struct buf *into)
{
    struct child *g;
    const char *comma = "";
    buf_append_char(into, '[');
    for (unsigned i = 0; i < c->lanes.n; i++) {
        uint32_t worker = c->lanes.lane[i].worker;
        for cell_each_gateway (g, c->cell) {
            int64_t seen = c->seen_ns[worker - 1][g->slot - 1];
            if (!cell_counts(c->cell, g))
                continue;
            buf_printf(into, "%s{\"worker\":%u,\"gateway\":%u,\"seen_ms_ago\":", comma, worker,
                       g->slot);
            if (seen)
                buf_printf(into, "%lld}", (long long)((now_ns - seen) / NS_PER_MS));
            else
                buf_append_str(into, "null}");
            comma = ",";
        }
    }
    buf_append_char(into, ']');
}

/* ---- life */

void canary_init(struct canary *c, struct cell *cell, struct config *config,
                 const struct kafka_watch *kafka, struct supervisor_metrics *metrics)
{
    *c = (struct canary){.cell = cell, .config = config, .kafka = kafka, .metrics = metrics};
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        c->flights[i].canary = c;
    c->began_ns = clock_mono_ns();
    snprintf(c->run, sizeof c->run, "%016" PRIx64, random_u64());
    buf_init(&c->listen);
    c->params = pg_params_new();
    ev_init(&c->tick, on_tick);
    c->tick.data = c;
}

void canary_fini(struct canary *c)
{
    ev_timer_stop(c->cell->loop, &c->tick);
    pg_params_free(c->params);
    buf_fini(&c->listen);
}
