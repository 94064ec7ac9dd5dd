#include "sequencer.h"

#include "gateways.h"
#include "page.h"

#include "core/clock.h"
#include "run/log.h"
#include "wire/id.h"
#include "wire/newest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LEAVE_S 5.0 /* from SIGTERM to the end */

/* A commit is acknowledged: it must have reached the disk, and the standby where there is one,
 * whatever the database's default says. */
static const char writer_setup[] = BY_INDEX
    "SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');"
    "SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = "
    "off;"
    "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_session_timeout = 0";
static const char reader_setup[] = BY_INDEX
    "SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = "
    "off;"
    "SET statement_timeout = 0; SET idle_session_timeout = 0";

/* ---- the database's clock */

void sequencer_clock(struct sequencer *s, int64_t database_ms, int64_t asked_ns)
{
    uint64_t jumps = s->clock.jumps;
    int64_t before_ms = s->clock.database_ms, mono_ms = clock_mono_ns() / NS_PER_MS;
    id_clock_read(&s->clock, database_ms, asked_ns / NS_PER_MS, mono_ms);
    if (s->clock.jumps != jumps)
        log_warn("clock_jumped", "by_ms=%" PRId64 " held_back_ms=%" PRId64 " ids ascend whatever it does",
                 s->clock.database_ms - before_ms, id_clock_held_back(&s->clock));
}

uint64_t sequencer_now_ms(const struct sequencer *s)
{
    return id_clock_now(&s->clock, clock_mono_ns() / NS_PER_MS);
}

uint64_t sequencer_oldest_id(const struct sequencer *s, int64_t ms)
{
    return id_floor(id_clock_was(&s->clock, clock_mono_ns() / NS_PER_MS, ms));
}

/* ---- the writer */

static void on_writer_up(void *owner, struct pg *p)
{
    struct sequencer *s = owner;
    if (s->reader)
        pg_hurry(s->reader);
    lead_connected(s);
}

static void on_writer_down(void *owner, struct pg *p, const char *why)
{
    struct sequencer *s = owner;
    lead_disconnected(s);
    if (s->lead.phase == LEAVING)
        ev_break(s->loop, EVBREAK_ALL);
    else
        flow_recover(s, false);
}

static void on_notice(void *owner, const char *text)
{
    log_debug("postgres_notice", "text=\"%s\"", text);
}

static const struct pg_handlers writer_handlers = {on_writer_up, on_writer_down, on_notice};

/* ---- the reader */

static void on_identity(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    if (status == PG_REFUSED)
        log_warn("reader_unfit", "sqlstate=%s why=\"%s\"", pg_sqlstate(r), pg_message(r));
    if (status == PG_OK && pg_rows(r) == 1)
        snprintf(s->reader_identity, sizeof s->reader_identity, "%.*s",
                 BYTES_FMT(pg_bytes(r, 0, 0)));
    sequencer_check_reader(s);
}

static void ask_identity(struct sequencer *s)
{
    pg_query(s->reader, "SELECT cellcast.identity()", NULL, on_identity, s);
}

static void on_reader_up(void *owner, struct pg *p)
{
    struct sequencer *s = owner;
    pg_hurry(s->writer);
    ask_identity(s);
}

static void on_reader_down(void *owner, struct pg *p, const char *why)
{
    struct sequencer *s = owner;
    s->reader_identity[0] = 0;
}

static const struct pg_handlers reader_handlers = {on_reader_up, on_reader_down, on_notice};

bool sequencer_can_read(const struct sequencer *s)
{
    return pg_is_up(s->reader) && s->reader_identity[0] &&
           strcmp(s->reader_identity, s->leader.identity) == 0;
}

static void on_highest(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    if (status == PG_OK)
        id_clock_saw(&s->clock, (uint64_t)pg_i64(r, 0, 0));
}

/* Of the shards of others, too. Not max() of the table: that walks over all versions of its rows (decision 0036). */
static void ask_highest(struct sequencer *s)
{
    pg_query(s->reader,
             "SELECT max(s.last_id) FROM generate_series(0::smallint, 63) w(shard), " NEWEST_SHARD("w.shard"),
             NULL, on_highest, s);
}

/* A reader left behind on a former primary would say of committed messages that they are not
 * there. */
void sequencer_check_reader(struct sequencer *s)
{
    if (s->lead.phase != LEADING || !s->reader_identity[0])
        return;
    if (sequencer_can_read(s)) {
        outbox_wake(s);
        ask_highest(s);
        upkeep_soon(s);
        return;
    }
    log_warn("reader_elsewhere", "reader=%s writer=%s", s->reader_identity, s->leader.identity);
    pg_reset(s->reader);
}

/* ---- cut off */

/* What is in flight is settled as after any connection that broke. */
void sequencer_cut_off(struct sequencer *s)
{
    log_warn("cut_off", "phase=%s in_flight=%u only peers reach PostgreSQL: what it leads is theirs",
             phase_name(s->lead.phase), s->flow.unanswered);
    s->metrics.cut_off_total++;
    pg_reset(s->writer);
    pg_reset(s->reader);
    pg_reset(s->upkeep.keeper);
    pulse_reset(&s->pulse);
}

/* ---- once a second */

static void on_pong(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    if (status != PG_OK)
        return;
    s->answered_ns = clock_mono_ns();
    sequencer_clock(s, pg_i64(r, 0, 0), s->ping_ns);
}

static int64_t weight_of(void *ctx, struct bytes tenant)
{
    return weights_of(ctx, tenant);
}

static void on_second(struct ev_loop *loop, ev_timer *w, int events)
{
    struct sequencer *s = w->data;
    int64_t now_ns = clock_mono_ns();
    if (pg_is_up(s->writer) && pg_in_flight(s->writer) == 0) {
        s->ping_ns = now_ns;
        pg_query(s->writer, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
                 NULL, on_pong, s);
    }
    if (pg_is_up(s->reader) && !s->reader_identity[0] && pg_in_flight(s->reader) == 0)
        ask_identity(s);
    if (s->lead.phase == LEADING && sequencer_can_read(s))
        ask_highest(s);
    if (s->lead.phase != LEADING && s->lead.phase != LEAVING &&
        now_ns - s->lead.lost_ns > s->options->outage_grace * NS_PER_MS)
        flow_sift(s);
    upkeep_tick(s, now_ns);
    weights_tick(&s->weights, s->reader, now_ns);
    outbox_second(s);
    inbox_weigh(&s->inbox, weight_of, &s->weights);
}

static void on_late(struct ev_loop *loop, ev_timer *w, int events)
{
    outbox_late(w->data);
}

static void watch_late(struct sequencer *s)
{
    bool wanted = !list_is_empty(&s->inbox.quotas.late), runs = ev_is_active(&s->late);
    if (wanted && !runs)
        ev_timer_again(s->loop, &s->late);
    else if (!wanted && runs)
        ev_timer_stop(s->loop, &s->late);
}

static void on_turn(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct sequencer *s = w->data;
    flow_turn(s);
    watch_late(s);
}

/* ---- the end: what is in flight is finished and answered; what only waits the gateways send
 * to our successor */

static void on_leaving(struct ev_loop *loop, ev_timer *w, int events)
{
    struct sequencer *s = w->data;
    bool answered = s->flow.unanswered == 0 && gateways_pending(s->gateways) == 0;
    if (answered || clock_mono_ns() > s->leave_by_ns)
        ev_break(loop, EVBREAK_ALL);
}

static void on_stop(void *owner)
{
    struct sequencer *s = owner;
    lead_leave(s);
    gateways_leave(s->gateways);
    s->leave_by_ns = clock_mono_ns() + (int64_t)(LEAVE_S * NS_PER_S);
    ev_timer_set(&s->leaving, 0.01, 0.01);
    ev_timer_start(s->loop, &s->leaving);
}

/* ---- life */

static void start_timers(struct sequencer *s)
{
    ev_prepare_init(&s->turn, on_turn);
    ev_timer_init(&s->second, on_second, 1.0, 1.0);
    ev_timer_init(&s->late, on_late, 0, QUOTA_LATE_MS / 1000.0);
    ev_timer_init(&s->leaving, on_leaving, 0, 0);
    s->turn.data = s->second.data = s->late.data = s->leaving.data = s;
    ev_prepare_start(s->loop, &s->turn);
    ev_timer_start(s->loop, &s->second);
}

int sequencer_start(struct sequencer *s, const struct sequencer_options *options,
                    struct buf *ret_error)
{
    *s = (struct sequencer){.options = options};
    if (leader_parse_shards(options->shards, &s->leader.wanted) < 0) {
        buf_printf(ret_error,
                   "--shards=%s: expected numbers and ranges from 0 to 63, as in 0-31,40",
                   options->shards);
        return -EINVAL;
    }
    process_init(&s->process, false, on_stop, NULL, s);
    s->loop = s->process.loop;
    s->params = pg_params_new();
    inbox_init(&s->inbox, (size_t)options->heads_max, (size_t)options->waiting_messages,
               (size_t)options->waiting_bytes);
    s->inbox.fair = options->fair_queuing;
    weights_init(&s->weights);
    flow_init(s);
    lookups_init(s);
    id_clock_init(&s->clock, options->clock_step);
    lead_init(s);
    int error = gateways_new(s, options->listen, &s->gateways, ret_error);
    if (error == 0)
        error = admin_new(s->loop, options->admin, page_serve, s, &s->admin, ret_error);
    if (error < 0)
        return error;
    start_timers(s);
    s->peers = peers_new(s, options->peers);
    s->writer =
        pg_new(s->loop, options->postgres, options->name, writer_setup, &writer_handlers, s);
    s->reader =
        pg_new(s->loop, options->postgres, options->name, reader_setup, &reader_handlers, s);
    upkeep_start(s);
    if (peers_are_configured(s->peers))
        pulse_start(&s->pulse, s->loop, options->postgres, options->name,
                    options->leader_silence * NS_PER_MS);
    outbox_init(s);
    return 0;
}

void sequencer_run(struct sequencer *s)
{
    ev_run(s->loop, 0);
}

void sequencer_fini(struct sequencer *s)
{
    if (s->outbox.stream)
        outbox_fini(s);
    pg_free(s->writer);
    pg_free(s->reader);
    upkeep_stop(s);
    pulse_stop(&s->pulse);
    if (s->admin)
        admin_free(s->admin);
    ev_timer_stop(s->loop, &s->leaving);
    ev_timer_stop(s->loop, &s->second);
    ev_timer_stop(s->loop, &s->late);
    ev_prepare_stop(s->loop, &s->turn);
    lead_fini(s);
    flow_fini(s);
    lookups_fini(s);
    peers_free(s->peers);
    gateways_free(s->gateways);
    inbox_fini(&s->inbox);
    weights_fini(&s->weights);
    pg_params_free(s->params);
    process_fini(&s->process);
}
