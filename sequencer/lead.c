#include "lead.h"

#include "core/clock.h"
#include "core/random.h"
#include "gateways.h"
#include "run/log.h"
#include "sequencer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define STAND_BY_MS 250 /* between two looks whether the leader's backend lives */
#define EAGER_MS 25     /* the same, when a peer's link has just gone down */
#define REST_MIN_MS 20
#define REST_MAX_MS 1000

static const char take_over_sql[] =
    "SELECT shard, epoch, leader_term, batch, last_id, undisturbed, identity, clock_ms "
    "FROM cellcast.take_over($1, $2, $3::bigint[], $4)";
static const char hand_over_sql[] = "SELECT cardinality(cellcast.hand_over($1, $2, $3, $4))";

const char *phase_name(enum phase p)
{
    static const char *const names[] = {
        [AWAY] = "away",       [TAKING] = "taking",
        [LEADING] = "leading", [STANDING_BY] = "standing_by",
        [HALTED] = "halted",   [RESTING] = "resting",
        [LEAVING] = "leaving",
    };
    return names[p];
}

static bool may_go(enum phase from, enum phase to)
{
    static const uint8_t moves[] = {
#define TO(phase) (1u << (phase))
        [AWAY] = TO(TAKING) | TO(LEAVING),
        [TAKING] = TO(LEADING) | TO(STANDING_BY) | TO(RESTING) | TO(AWAY) | TO(LEAVING),
        [LEADING] = TO(HALTED) | TO(AWAY) | TO(LEAVING),
        [STANDING_BY] = TO(TAKING) | TO(AWAY) | TO(LEAVING),
        [HALTED] = TO(RESTING) | TO(TAKING) | TO(AWAY) | TO(LEAVING),
        [RESTING] = TO(TAKING) | TO(AWAY) | TO(LEAVING),
        [LEAVING] = 0,
#undef TO
    };
    return moves[from] >> to & 1;
}

static void take(struct sequencer *s, uint64_t shards);

static uint32_t until_next_look(const struct sequencer *s)
{
    return peers_just_lost_one(s->peers, clock_mono_ns()) ? EAGER_MS : STAND_BY_MS;
}

static void rest(struct sequencer *s, uint32_t ms)
{
    ev_timer_stop(s->loop, &s->lead.retry);
    ev_timer_set(&s->lead.retry, ms / 1000.0, 0);
    ev_timer_start(s->loop, &s->lead.retry);
}

/* The one function that changes the phase; what begins with a phase begins here. */
static void lead_goto(struct sequencer *s, enum phase to)
{
    struct lead *l = &s->lead;
    enum phase from = l->phase;
    assert(may_go(from, to));
    log_debug("phase", "from=%s to=%s", phase_name(from), phase_name(to));
    l->phase = to;
    ev_timer_stop(s->loop, &l->retry);
    if (from == LEADING && !l->failing)
        l->lost_ns = clock_mono_ns();
    if (to == TAKING)
        take(s, s->leader.wanted);
    if (to == STANDING_BY)
        rest(s, until_next_look(s));
    if (to == RESTING)
        rest(s, backoff_next(&l->backoff, random_u64()));
    if (to == LEADING && s->leader.led != s->leader.wanted)
        rest(s, until_next_look(s));
    /* A batch that failed says nothing of leadership yet: HALTED to LEADING is mostly
     * milliseconds. */
    if (to == LEADING || to == AWAY || to == STANDING_BY || to == LEAVING)
        gateways_announce(s->gateways);
}

/* ---- taking */

static void shard_taken(struct sequencer *s, const struct pg_result *r, int row)
{
    struct leader *l = &s->leader;
    unsigned n = (unsigned)pg_i64(r, row, 0) & (SHARDS - 1);
    l->epoch = (uint64_t)pg_i64(r, row, 1);
    l->shards[n] = (struct leader_shard){
        .term = pg_i64(r, row, 2),
        .batch = pg_i64(r, row, 3),
        .last_id = (uint64_t)pg_i64(r, row, 4),
    };
    l->led |= 1ULL << n;
    s->lead.given &= ~(1ULL << n);
    id_clock_gave(&s->clock, l->shards[n].last_id);
}

static void server_seen(struct sequencer *s, const struct pg_result *r)
{
    struct bytes identity = pg_bytes(r, 0, 6);
    if (!bytes_is(identity, s->leader.identity))
        id_clock_forget(&s->clock);
    snprintf(s->leader.identity, sizeof s->leader.identity, "%.*s", BYTES_FMT(identity));
    sequencer_clock(s, pg_i64(r, 0, 7), s->lead.asked_ns);
}

/* Somebody else led shards of ours in between. What we hold of gateways may have been committed
 * there, and what still lies in our sockets, too: gateways send all of it again over fresh
 * links. A takeover raises the term by one. Raised by more, one of our own had its answer lost,
 * and the row does not tell any more who led before that one. */
static bool was_disturbed(const struct leader *before, uint64_t asked,
                          const struct pg_result *r)
{
    uint64_t undisturbed = 0;
    for (int i = 0; i < pg_rows(r); i++) {
        unsigned n = (unsigned)pg_i64(r, i, 0) & (SHARDS - 1);
        if (pg_bool(r, i, 5) && pg_i64(r, i, 2) == before->shards[n].term + 1)
            undisturbed |= 1ULL << n;
    }
    return (before->led & asked & ~undisturbed) != 0;
}

static void taken(struct sequencer *s, const struct pg_result *r)
{
    struct leader *l = &s->leader;
    uint64_t before = l->led;
    bool disturbed = was_disturbed(l, s->lead.asked, r);
    uint64_t given = s->lead.given;
    l->led &= ~s->lead.asked;
    for (int i = 0; i < pg_rows(r); i++)
        shard_taken(s, r, i);
    if (pg_rows(r) > 0)
        server_seen(s, r);
    heads_forget_shards(&s->inbox.heads, l->led & ~before); /* of an earlier time here */
    if (l->led & ~before)
        outbox_took(s);
    s->lead.force = false;
    s->lead.returned |= given & ~s->lead.given;
    if (given & ~s->lead.given) /* what still lies in our sockets may have been committed by the one whom they were given to */
        gateways_drop(s->gateways);
    if (disturbed) {
        s->metrics.fenced_total++;
        log_warn("fenced",
                 "led=%016" PRIx64 " now=%016" PRIx64
                 " gateways send again what was not answered",
                 before, l->led);
        flow_forget(s);
    }
    if (pg_rows(r) > 0) {
        s->metrics.takeovers_total++;
        log_info("took_over",
                 "shards=%016" PRIx64 " now=%016" PRIx64 " of=%016" PRIx64 " epoch=%" PRIu64,
                 l->led & ~before, l->led, l->wanted, l->epoch);
    }
}

static void on_taken(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    struct lead *l = &s->lead;
    l->asking = false;
    if (status == PG_LOST || (l->phase != TAKING && l->phase != LEADING))
        return;
    l->reached = true;
    if (status == PG_REFUSED) {
        log_error("takeover_refused", "sqlstate=%s why=\"%s\"%s", pg_sqlstate(r), pg_message(r),
                  fault_is_schema(pg_sqlstate(r)) ? " do: cellcast-sequencer --migrate" : "");
        if (l->phase == TAKING)
            lead_goto(s, RESTING);
        else
            rest(s, until_next_look(s));
        return;
    }
    taken(s, r);
    bool changed = l->phase == TAKING || pg_rows(r) > 0;
    if (l->phase == TAKING && l->asked != s->leader.wanted) {
        take(
            s,
            s->leader.wanted); /* this was for some more of them, asked before a batch failed */
        return;
    }
    if (l->phase == TAKING)
        lead_goto(s, s->leader.led ? LEADING : STANDING_BY);
    else if (s->leader.led != s->leader.wanted)
        rest(s, until_next_look(s));
    if (l->again && s->leader.led != s->leader.wanted)
        rest(s, 1);
    if (!changed)
        return;
    gateways_announce(s->gateways);
    flow_sift(s);
    s->lead.returned = 0;
    sequencer_check_reader(s);
}

/* Whom the taking leaves alone: null is everybody whose backend lives. */
static void add_spared(struct sequencer *s, struct pg_params *p)
{
    int64_t holders[PEERS_MAX], now_ns = clock_mono_ns();
    bool named = peers_are_configured(s->peers) ? peers_are_settled(s->peers, now_ns)
                                                : s->lead.force;
    if (!named) {
        pg_add_null(p);
        return;
    }
    unsigned n = peers_spared(s->peers, now_ns, holders);
    pg_array_open(p, PG_ARRAY_I64);
    for (unsigned i = 0; i < n; i++)
        pg_array_i64(p, holders[i]);
    pg_array_close(p);
}

static void add_shards(struct pg_params *p, uint64_t shards)
{
    pg_array_open(p, PG_ARRAY_I16);
    for (unsigned n = 0; n < SHARDS; n++)
        if (shards >> n & 1)
            pg_array_i16(p, (int16_t)n);
    pg_array_close(p);
}

static void take(struct sequencer *s, uint64_t shards)
{
    s->lead.again = s->lead.asking;
    if (s->lead.asking)
        return;
    struct pg_params *p = s->params;
    add_shards(p, shards);
    pg_add_i64(p, s->lead.holder);
    add_spared(s, p);
    pg_add_bool(p, s->options->synchronous_failover);
    s->lead.asked = shards;
    s->lead.asking = true;
    s->lead.asked_ns = clock_mono_ns();
    pg_query(s->writer, take_over_sql, p, on_taken, s);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int events)
{
    struct sequencer *s = w->data;
    if (s->lead.phase == LEADING)
        take(s, s->leader.wanted & ~s->leader.led);
    else
        lead_goto(s, TAKING);
}

void lead_look(struct sequencer *s)
{
    uint64_t missing = s->leader.wanted & ~s->leader.led;
    s->lead.again |= s->lead.phase == TAKING;
    if (s->lead.phase == STANDING_BY)
        lead_goto(s, TAKING);
    else if (s->lead.phase == LEADING && missing)
        take(s, missing);
}

/* ---- shards that move */

void lead_claim(struct sequencer *s, uint64_t shards)
{
    s->leader.wanted |= shards;
    s->lead.claimed |= shards;
    lead_ask(s);
    lead_look(s);
}

void lead_ask(struct sequencer *s)
{
    bool leads = s->lead.phase == LEADING || s->lead.phase == STANDING_BY;
    s->lead.claimed &= ~lead_mask(s);
    if (s->lead.claimed && leads)
        peers_ask(s->peers, s->lead.claimed, pg_backend_pid(s->writer));
}

static void on_handed_over(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    if (status == PG_REFUSED)
        log_warn("hand_over_refused", "sqlstate=%s why=\"%s\"", pg_sqlstate(r), pg_message(r));
    if (status == PG_OK)
        s->metrics.handed_over_total += (uint64_t)pg_i64(r, 0, 0);
    /* Where it failed the rows are still ours, and the next look takes them back. */
    gateways_tell_peers(s->gateways);
    if (s->lead.phase == LEADING)
        rest(s, STAND_BY_MS);
}

/* From here on none of theirs is sent; what flies is committed, or not, before the rows go, and
 * answered. Gateways hear at once that we don't lead the shards, and send what is unanswered to
 * the one who will. */
void lead_give(struct sequencer *s, uint64_t shards, const char *peer, int64_t holder, int32_t pid)
{
    shards &= s->leader.led;
    if (s->lead.phase != LEADING || !shards)
        return;
    log_info("handing_over", "shards=%016" PRIx64 " to=%s", shards, peer);
    s->leader.led &= ~shards;
    s->lead.given |= shards;
    s->lead.claimed &= ~shards;
    struct pg_params *p = s->params;
    add_shards(p, shards);
    pg_add_i64(p, s->lead.holder);
    pg_add_i64(p, holder);
    pg_add_i32(p, pid);
    pg_query(s->writer, hand_over_sql, p, on_handed_over, s);
    gateways_announce(s->gateways);
    flow_sift(s);
}

/* ---- what happens to it */

void lead_init(struct sequencer *s)
{
    s->lead = (struct lead){.phase = AWAY, .force = true, .lost_ns = clock_mono_ns()};
    s->lead.holder = (int64_t)random_u64();
    backoff_init(&s->lead.backoff, REST_MIN_MS, REST_MAX_MS);
    ev_timer_init(&s->lead.retry, on_retry, 0, 0);
    s->lead.retry.data = s;
}

void lead_fini(struct sequencer *s)
{
    ev_timer_stop(s->loop, &s->lead.retry);
}

void lead_connected(struct sequencer *s)
{
    if (s->lead.phase == AWAY)
        lead_goto(s, TAKING);
}

void lead_disconnected(struct sequencer *s)
{
    s->lead.asking = false;
    if (s->lead.phase != LEAVING && s->lead.phase != AWAY)
        lead_goto(s, AWAY);
}

void lead_halt(struct sequencer *s, enum fault f)
{
    if (s->lead.phase != LEADING)
        return;
    s->lead.fault = f;
    lead_goto(s, HALTED);
    s->lead.failing |= f == FAULT_PASSING;
}

void lead_again(struct sequencer *s)
{
    if (s->lead.phase == HALTED)
        lead_goto(s, s->lead.fault == FAULT_DATA ? TAKING : RESTING);
}

void lead_leave(struct sequencer *s)
{
    lead_goto(s, LEAVING);
}

void lead_worked(struct sequencer *s)
{
    s->lead.failing = false;
    backoff_reset(&s->lead.backoff);
}

uint64_t lead_mask(const struct sequencer *s)
{
    switch (s->lead.phase) {
    case LEADING:
    case HALTED:
    case RESTING:
        return s->leader.led;
    default:
        return 0;
    }
}

bool lead_has_given(const struct sequencer *s, unsigned shard)
{
    return s->lead.given >> shard & 1;
}

bool lead_may_accept(const struct sequencer *s, unsigned shard, int64_t now_ns)
{
    if (s->lead.phase == LEADING)
        return leader_has(&s->leader, shard);
    if (s->lead.phase == STANDING_BY || s->lead.phase == LEAVING ||
        !(s->leader.wanted >> shard & 1))
        return false;
    return now_ns - s->lead.lost_ns <= s->options->outage_grace * NS_PER_MS;
}
