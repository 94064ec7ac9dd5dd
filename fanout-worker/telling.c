#include "telling.h"

#include "core/clock.h"
#include "run/log.h"

#include <inttypes.h>
#include <stdio.h>

#define PAGE_ROWS 1000
#define AGAIN_NS NS_PER_S /* after a call or a page that failed */

static const char setup_sql[] = "SET statement_timeout = '20s'";
static const char page_sql[] = "SELECT subject FROM cellcast.webhook_held_page($1, $2, $3) AS subject";
static const char tell_sql[] = "SELECT cellcast.webhook_tell($1, $2, $3, $4)";

/* ---- the connection */

static void on_up(void *owner, struct pg *p)
{
    telling_doubt(owner);
}

static void on_down(void *owner, struct pg *p, const char *why)
{
    log_warn("webhooks_wait", "why=\"%s\" what channels and clients do is told later", why);
}

static const struct pg_handlers handlers = {.up = on_up, .down = on_down};

static void connect_now(struct telling *t)
{
    const struct worker_options *o = t->options;
    char name[160];
    snprintf(name, sizeof name, "cellcast-webhooks-%s-%lld", o->cell, (long long)o->slot);
    t->pg = pg_new(t->loop, o->postgres, name, setup_sql, &handlers, t);
}

static void hang_up(struct telling *t)
{
    pg_free(t->pg);
    t->pg = NULL;
    t->calling = t->paging = t->comparing = t->compared = false;
    occupancy_lost(&t->occupancy);
}

/* -> whether it was answered; else it is asked again, a little later */
static bool answered(struct telling *t, enum pg_status status, const struct pg_result *r)
{
    if (status == PG_OK) {
        t->failing = false;
        return true;
    }
    if (status == PG_REFUSED && !t->failing)
        log_error("webhooks_refused", "sqlstate=%s why=\"%s\" said again each second", pg_sqlstate(r), pg_message(r));
    t->failing = status == PG_REFUSED;
    t->metrics->webhook_calls_failed_total++;
    t->call_ns = t->round_ns = t->occupancy.now_ns + AGAIN_NS;
    return false;
}

/* ---- telling */

static void on_landed(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct telling *t = ctx;
    t->calling = false;
    if (!answered(t, status, r)) {
        occupancy_lost(&t->occupancy);
        return;
    }
    t->metrics->webhook_told_total += t->occupancy.n_flying;
    t->metrics->webhook_events_total += (uint64_t)pg_i64(r, 0, 0);
    occupancy_landed(&t->occupancy);
}

static void put_detail(struct pg_params *params, struct bytes detail)
{
    if (detail.n)
        pg_array_bytes(params, detail);
    else
        pg_array_null(params);
}

static void call(struct telling *t)
{
    const struct list *flying = &t->occupancy.flying;
    const struct subject *s;
    occupancy_fly(&t->occupancy, (size_t)t->options->webhook_batch);
    pg_add_text(t->params, bytes_str(t->options->cell));
    pg_array_open(t->params, PG_ARRAY_TEXT);
    list_for_each(s, flying, link)
        pg_array_bytes(t->params, s->name);
    pg_array_close(t->params);
    pg_array_open(t->params, PG_ARRAY_I16);
    list_for_each(s, flying, link)
        pg_array_i16(t->params, s->says);
    pg_array_close(t->params);
    pg_array_open(t->params, PG_ARRAY_TEXT);
    list_for_each(s, flying, link)
        put_detail(t->params, s->detail);
    pg_array_close(t->params);
    t->calling = true;
    pg_query(t->pg, tell_sql, t->params, on_landed, t);
}

/* ---- comparing */

static void on_page(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct telling *t = ctx;
    t->paging = false;
    if (!answered(t, status, r)) {
        t->comparing = false;
        t->doubted = true;
        return;
    }
    int rows = pg_rows(r);
    for (int i = 0; i < rows; i++)
        if (t->mine(t->mine_ctx, pg_bytes(r, i, 0)))
            occupancy_row(&t->occupancy, pg_bytes(r, i, 0));
    if (rows == PAGE_ROWS) {
        buf_clear(&t->after);
        buf_append_bytes(&t->after, pg_bytes(r, rows - 1, 0));
        return;
    }
    t->comparing = false;
    if (!t->doubted) { /* something was taken over while it went on: another one follows */
        occupancy_round_ends(&t->occupancy);
        t->compared = true;
    }
}

static void page(struct telling *t)
{
    pg_add_text(t->params, bytes_str(t->options->cell));
    pg_add_text(t->params, buf_bytes(&t->after));
    pg_add_i32(t->params, PAGE_ROWS);
    t->paging = true;
    pg_query(t->pg, page_sql, t->params, on_page, t);
}

static void begin_round(struct telling *t)
{
    t->comparing = true;
    t->doubted = false;
    t->round_ns = t->occupancy.now_ns + t->options->webhook_round * NS_PER_MS;
    buf_clear(&t->after);
    occupancy_round_begins(&t->occupancy);
}

void telling_doubt(struct telling *t)
{
    t->doubted = true;
    t->compared = false;
    t->round_ns = 0;
}

/* ---- time */

void telling_tick(struct telling *t, bool (*mine)(void *ctx, struct bytes subject), void *ctx)
{
    int64_t now_ns = t->occupancy.now_ns;
    bool off = occupancy_is_off(&t->occupancy);
    if (off && t->pg)
        hang_up(t);
    if (off)
        return;
    if (!t->pg)
        connect_now(t);
    occupancy_tick(&t->occupancy);
    t->mine = mine;
    t->mine_ctx = ctx;
    if (!pg_is_up(t->pg))
        return;
    if (!t->comparing && now_ns >= t->round_ns)
        begin_round(t);
    if (t->comparing && !t->paging)
        page(t);
    if (t->compared && !t->calling && t->occupancy.n_ready && now_ns >= t->call_ns)
        call(t);
}

void telling_count(struct telling *t)
{
    t->metrics->webhook_healed_total = t->occupancy.healed;
    t->metrics->webhook_subjects = (int64_t)t->occupancy.subjects.count;
    t->metrics->webhook_untold = (int64_t)(t->occupancy.n_ready + t->occupancy.n_flying);
}

void telling_init(struct telling *t, struct ev_loop *loop, const struct worker_options *options,
                  struct worker_metrics *metrics)
{
    *t = (struct telling){.options = options, .metrics = metrics, .loop = loop, .params = pg_params_new()};
    occupancy_init(&t->occupancy, options->presence_grace * NS_PER_MS);
    telling_doubt(t);
}

void telling_fini(struct telling *t)
{
    pg_free(t->pg);
    pg_params_free(t->params);
    occupancy_fini(&t->occupancy);
    buf_fini(&t->after);
}
