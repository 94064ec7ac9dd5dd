#include "upkeep.h"

#include "sequencer.h"

#include "core/clock.h"
#include "run/log.h"
#include "wire/newest.h"

#include <inttypes.h>

#define PARTITIONS_NS (3600 * NS_PER_S)
#define PARTITIONS_AGAIN_NS (60 * NS_PER_S)
#define SWEEP_NS (60 * NS_PER_S)
#define STATE_NS (5 * NS_PER_S)
#define STATE_SHARE 100 /* of the time, that it takes at most is one in so many: outbox.h, what a scan walks over */
#define SWEEP_ROWS 10000 /* that one statement deletes of a table */

/* -> true when it went well; otherwise it was logged */
static bool done(enum pg_status status, const struct pg_result *r, const char *what)
{
    if (status == PG_REFUSED)
        log_warn("upkeep_failed", "what=%s sqlstate=%s why=\"%s\"", what, pg_sqlstate(r),
                 pg_message(r));
    return status == PG_OK;
}

static void on_dropped(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    struct upkeep *u = &s->upkeep;
    u->partitions_busy = false;
    bool ok = done(status, r, "drop_partitions");
    u->partitions_ns = clock_mono_ns() + (ok ? PARTITIONS_NS : PARTITIONS_AGAIN_NS);
    if (!ok)
        return;
    s->metrics.partitions_dropped_total += (uint64_t)pg_i64(r, 0, 0);
    s->metrics.partitions_held = pg_i64(r, 0, 1);
    if (pg_i64(r, 0, 0) || pg_i64(r, 0, 1))
        log_info("partitions", "dropped=%" PRId64 " held_for_relay=%" PRId64, pg_i64(r, 0, 0),
                 pg_i64(r, 0, 1));
}

static void on_added(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    bool ok = done(status, r, "add_partitions");
    if (!ok || pg_rows(r) == 0) {
        s->upkeep.partitions_busy = false;
        s->upkeep.partitions_ns = clock_mono_ns() + PARTITIONS_AGAIN_NS;
        if (ok)
            pg_reset(s->upkeep.keeper);
        return;
    }
    pg_add_i64(s->params, s->options->retention);
    pg_query(
        s->upkeep.keeper,
        "SELECT dropped, held FROM cellcast.drop_partitions($1 * interval '1 millisecond')",
        s->params, on_dropped, s);
}

/* On the server that is led on, and no other one. */
static void partitions(struct sequencer *s)
{
    s->upkeep.partitions_busy = true;
    pg_add_i32(s->params, (int32_t)s->options->partitions_ahead);
    pg_add_text(s->params, bytes_str(s->leader.identity));
    pg_query(s->upkeep.keeper, "SELECT cellcast.add_partitions($1) WHERE cellcast.identity() = $2", s->params,
             on_added, s);
}

static void on_swept(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    s->upkeep.sweep_busy = false;
    bool ok = done(status, r, "sweep"), more = ok && pg_rows(r) == 1 && pg_i64(r, 0, 0) >= SWEEP_ROWS;
    if (ok && pg_rows(r) == 0)
        pg_reset(s->upkeep.keeper);
    s->upkeep.sweep_ns = clock_mono_ns() + (more ? NS_PER_S : SWEEP_NS);
}

static void sweep(struct sequencer *s)
{
    s->upkeep.sweep_busy = true;
    pg_add_i32(s->params, SWEEP_ROWS);
    pg_add_text(s->params, bytes_str(s->leader.identity));
    pg_add_i64(s->params, (int64_t)sequencer_oldest_id(s, KEYS_MS));
    pg_add_i64(s->params, (int64_t)sequencer_oldest_id(s, RECEIPTS_MS));
    pg_query(s->upkeep.keeper,
             "SELECT cellcast.sweep($1, $3, $4) + cellcast.sweep_removed($1) WHERE cellcast.identity() = $2", s->params,
             on_swept, s);
}

static void on_state(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    s->upkeep.state_busy = false;
    int64_t now_ns = clock_mono_ns(), wait_ns = STATE_SHARE * (now_ns - s->upkeep.state_asked_ns);
    s->upkeep.state_ns = now_ns + (wait_ns > STATE_NS ? wait_ns : STATE_NS);
    if (!done(status, r, "outbox_state"))
        return;
    s->metrics.outbox_rows = pg_i64(r, 0, 0);
    s->metrics.outbox_dead_rows = pg_i64(r, 0, 1);
    s->metrics.outbox_oldest_seconds = pg_i64(r, 0, 2) * 1000;
}

static void state(struct sequencer *s)
{
    s->upkeep.state_busy = true;
    s->upkeep.state_asked_ns = clock_mono_ns();
    pg_query(s->reader, "SELECT waiting, dead, oldest_ms FROM cellcast.outbox_state()", NULL,
             on_state, s);
}

static void on_quotas(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    struct quotas *q = &s->inbox.quotas;
    s->upkeep.quotas_busy = false;
    if (!done(status, r, "quotas"))
        return;
    quotas_clear(q);
    for (int i = 0; i < pg_rows(r); i++)
        quotas_add(q, pg_bytes(r, i, 0), (double)pg_i64(r, i, 1), (double)pg_i64(r, i, 2));
    if (s->upkeep.config_version != s->upkeep.config_asked)
        log_info("quotas_taken", "version=%" PRId64 " quotas=%zu", s->upkeep.config_asked, q->all.count);
    s->upkeep.config_version = s->upkeep.config_asked;
}

static void on_config_version(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    s->upkeep.quotas_busy = false;
    if (!done(status, r, "config_version") || pg_i64(r, 0, 0) == s->upkeep.config_version)
        return;
    s->upkeep.quotas_busy = true;
    s->upkeep.config_asked = pg_i64(r, 0, 0);
    pg_query(s->reader, "SELECT name, publish_rate, publish_bytes FROM cellcast.publish_quotas()", NULL, on_quotas, s);
}

static void quotas(struct sequencer *s)
{
    s->upkeep.quotas_busy = true;
    pg_query(s->reader, "SELECT cellcast.config_version()", NULL, on_config_version, s);
}

void upkeep_tick(struct sequencer *s, int64_t now_ns)
{
    struct upkeep *u = &s->upkeep;
    if (s->lead.phase != LEADING || !sequencer_can_read(s))
        return;
    if (!u->partitions_busy && now_ns >= u->partitions_ns && pg_is_up(u->keeper))
        partitions(s);
    if (!u->sweep_busy && now_ns >= u->sweep_ns && pg_is_up(u->keeper))
        sweep(s);
    if (!u->state_busy && now_ns >= u->state_ns)
        state(s);
    if (!u->quotas_busy)
        quotas(s);
}

void upkeep_soon(struct sequencer *s)
{
    s->upkeep.partitions_ns = 0;
    upkeep_tick(s, clock_mono_ns());
}

/* ---- life */

static void on_up(void *owner, struct pg *p)
{
}

static void on_down(void *owner, struct pg *p, const char *why)
{
}

static const struct pg_handlers handlers = {on_up, on_down, NULL};

void upkeep_start(struct sequencer *s)
{
    s->upkeep.keeper = pg_new(s->loop, s->options->postgres, s->options->name,
                              BY_INDEX "SET default_transaction_isolation = 'read committed'; "
                              "SET default_transaction_read_only = off; "
                              "SET statement_timeout = 0; SET idle_session_timeout = 0",
                              &handlers, s);
}

void upkeep_stop(struct sequencer *s)
{
    if (s->upkeep.keeper)
        pg_free(s->upkeep.keeper);
    s->upkeep.keeper = NULL;
}
