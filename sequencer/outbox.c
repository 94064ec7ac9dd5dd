#include "outbox.h"

#include "sequencer.h"

#include "core/clock.h"
#include "pg/snapshot.h"
#include "pg/stream.h"
#include "run/log.h"

#include <inttypes.h>

#define SCAN_MS 1000     /* however quiet the stream */
#define SCAN_BLIND_MS 50 /* while there is no stream */
#define LOOK_MAX_MS 64
#define LATE_SHARE 4   /* of --outbox-rows: so many of a channel that waits for its quota are held, and enough */
#define LATE_SCAN_MS 100 /* between two scans for the sake of rows behind those that waited for their quota */
#define ERROR_TEXT_MAX 1000 /* bytes of outbox_dead::error */

#define SCAN_SHARE 100 /* of the time, that the scan of each second takes at most is one in so many */
#define LOOK_SHARE 4 /* the same of scans that look for what is told */

/* In front of the rows stands what was seen, as row 0 (pg/snapshot.h). */
#define SEEN_AS(ID)                                                                                                    \
    "SELECT " ID ", pg_current_snapshot()::text, 0::smallint, ''::bytea, NULL::text, NULL::text, NULL::text UNION ALL "
#define SEEN SEEN_AS("0::bigint")
#define READ "SELECT id, channel, format, data, tags, after, key FROM cellcast.outbox_read($1, $2, $3, $5, $4)"

static const char read_sql[] = SEEN READ;
/* Row 0 has a transaction's number: whatever was in the WAL before has a lower one. */
static const char read_strange_sql[] = SEEN_AS("pg_current_xact_id()::text::bigint") READ;

static const char fetch_sql[] =
    SEEN "SELECT id, channel, format, data, tags, after, key FROM ("
    "SELECT *, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - size AS before "
    "FROM cellcast.outbox WHERE id = ANY ($1) AND shard = ANY ($2)) o WHERE before < $3 ORDER BY 1";

/* ---- rows */

static void on_done(void *ctx, enum pg_status status, const struct pg_result *r)
{
    if (status == PG_REFUSED)
        log_warn("outbox_refused", "sqlstate=%s why=\"%s\"", pg_sqlstate(r), pg_message(r));
}

static void bury(struct sequencer *s, int64_t row, uint32_t code, const char *why)
{
    struct pg_params *p = s->params;
    s->metrics.outbox_buried_total++;
    log_error("outbox_buried", "row=%" PRId64 " code=%u why=\"%s\"", row, code, why);
    size_t n = strlen(why);
    pg_add_i64(p, row);
    pg_add_i32(p, (int32_t)code);
    pg_add_text(p, bytes_of(why, n < ERROR_TEXT_MAX ? n : ERROR_TEXT_MAX));
    pg_query(s->reader, "SELECT cellcast.outbox_bury($1, $2, $3)", p, on_done, s);
}

void outbox_bury(struct sequencer *s, const struct message *m, uint32_t code, const char *why)
{
    bury(s, m->row, code, why);
}

void outbox_delete(struct sequencer *s, const struct message *m)
{
    pg_add_i64(s->params, m->row);
    pg_query(s->reader, "DELETE FROM cellcast.outbox WHERE id = $1", s->params, on_done, s);
}

static void enter_row(struct sequencer *s, const struct pg_result *r, int i)
{
    struct message_fields f = {
        .row = pg_i64(r, i, 0),
        .channel = pg_bytes(r, i, 1),
        .format = (uint8_t)pg_i64(r, i, 2),
        .data = pg_bytes(r, i, 3),
        .tags = pg_bytes(r, i, 4),
        .after = pg_bytes(r, i, 5),
        .key = pg_bytes(r, i, 6),
    };
    if (inbox_find_row(&s->inbox, f.row))
        return;
    const char *why = message_refusal(&f);
    if (why)
        bury(s, f.row, 107, why);
    else
        inbox_enter(&s->inbox, message_new(&f, clock_mono_ns()));
}

/* ---- scans */

static void look_later(struct sequencer *s, uint32_t ms)
{
    s->outbox.look_ms = ms;
    ev_timer_stop(s->loop, &s->outbox.look);
    ev_timer_set(&s->outbox.look, ms / 1000.0, 0);
    ev_timer_start(s->loop, &s->outbox.look);
}

static bool looks_for_some(const struct outbox *o)
{
    return o->n_told || xids_are_there(&o->unseen);
}

/* What was decoded from the WAL and is not to be seen yet becomes visible within milliseconds,
 * or when a standby has it. */
static void look_for_told(struct sequencer *s)
{
    struct outbox *o = &s->outbox;
    if (!looks_for_some(o))
        o->look_ms = 0;
    else
        look_later(s, o->look_ms == 0 ? 1 : o->look_ms < LOOK_MAX_MS ? o->look_ms * 4 : LOOK_MAX_MS);
}

/* What is held is looked for no longer; nor, when the answer was whole, what was asked for and is not there although its
 * transaction was seen: it has gone. */
static void strike(struct sequencer *s, const struct pg_snapshot *whole)
{
    struct outbox *o = &s->outbox;
    size_t left = 0;
    for (size_t i = 0; i < o->n_told; i++) {
        const struct outbox_told *t = &o->told[i];
        bool gone = whole && i < o->told_asked && pg_snapshot_sees(whole, t->xid);
        if (!gone && !inbox_find_row(&s->inbox, t->row))
            o->told[left++] = *t;
    }
    o->n_told = left;
}

/* What no scan has seen. One that is under way may not have seen it. */
static void more_is_unseen(struct outbox *o, uint32_t upto)
{
    xids_add_up_to(&o->unseen, upto);
    o->more_asked = false;
}

void outbox_unseen(struct outbox *o, uint32_t xid)
{
    o->more_asked &= xids_add(&o->unseen, xid);
}

/* They were told while others led their shards; the scan has seen the others. */
static void claim_foreign(struct outbox *o, const struct pg_snapshot *seen)
{
    xids_strike(&o->foreign, o->foreign.n, true, seen);
    for (size_t i = 0; i < o->foreign.n; i++)
        outbox_unseen(o, o->foreign.at[i]);
    if (o->foreign.more)
        more_is_unseen(o, o->foreign.upto);
    o->foreign.n = 0;
    o->foreign.more = o->took = false;
}

/* A whole scan has seen what nobody told of, as far as it saw its transactions. */
static void whole_scan(struct outbox *o, const struct pg_snapshot *seen)
{
    xids_strike(&o->unseen, o->unseen_asked, o->more_asked, seen);
    if (o->took_asked)
        claim_foreign(o, seen);
}

/* -> number of rows, or a negative one: it is no answer, and nothing was entered */
static int enter_rows(struct sequencer *s, enum pg_status status, const struct pg_result *r, struct pg_snapshot *ret_seen)
{
    struct outbox *o = &s->outbox;
    o->asking = false;
    if (status == PG_REFUSED)
        log_warn("outbox_unreadable", "sqlstate=%s why=\"%s\"", pg_sqlstate(r), pg_message(r));
    if (status != PG_OK || pg_rows(r) == 0 || pg_snapshot_parse(pg_bytes(r, 0, 1), ret_seen) < 0)
        return -1;
    if (o->generation != s->lookups.generation || s->lead.phase != LEADING) {
        outbox_wake(s);
        return -1;
    }
    for (int i = 1; i < pg_rows(r); i++)
        enter_row(s, r, i);
    return pg_rows(r) - 1;
}

static bool are_many_bytes(const struct sequencer *s)
{
    return s->inbox.row_bytes >= (size_t)s->options->outbox_bytes / 2;
}

static void on_fetched(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    struct pg_snapshot seen;
    if (enter_rows(s, status, r, &seen) < 0)
        return;
    strike(s, are_many_bytes(s) ? NULL : &seen);
    look_for_told(s);
    outbox_go_on(s);
}

static void on_scanned(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    struct outbox *o = &s->outbox;
    struct pg_snapshot seen;
    o->scan_ns = clock_mono_ns() - o->scanned_ns;
    int rows = enter_rows(s, status, r, &seen);
    o->cut = rows < 0 || o->held_late || o->held + (size_t)rows >= (size_t)s->options->outbox_rows || are_many_bytes(s);
    if (rows < 0)
        return;
    if (o->strange_asked) {
        o->strange = false;
        more_is_unseen(o, (uint32_t)pg_i64(r, 0, 0));
    }
    strike(s, o->cut ? NULL : &seen);
    if (!o->cut)
        whole_scan(o, &seen);
    look_for_told(s);
    outbox_go_on(s);
}

/* Rows of it that are held. */
static size_t held_of(const struct head *head, size_t *ret_bytes)
{
    const struct message *m;
    size_t n = 0, bytes = 0;
    list_for_each (m, &head->waiting, place) {
        if (message_is_from_gateway(m))
            continue;
        n++;
        bytes += m->size;
    }
    *ret_bytes = bytes;
    return n;
}

/* Adds the channels that wait for their quota and of which enough is held, less of each the more they are, so that they hide
 * no other one of their tenant. All
 * of them take half of --outbox-bytes at most. -> bytes held of them */
static size_t add_late(struct sequencer *s)
{
    const struct head *head;
    size_t most = (size_t)s->options->outbox_bytes / 2, channels = 1, sum = 0, bytes;
    list_for_each (head, &s->inbox.quotas.late, late)
        channels++;
    size_t enough = (size_t)s->options->outbox_rows / LATE_SHARE / channels + 1;
    pg_array_open(s->params, PG_ARRAY_TEXT);
    list_for_each (head, &s->inbox.quotas.late, late) {
        if (held_of(head, &bytes) < enough || sum + bytes > most)
            continue;
        pg_array_bytes(s->params, head->name);
        sum += bytes;
    }
    pg_array_close(s->params);
    return sum;
}

static void add_shards(struct sequencer *s)
{
    pg_array_open(s->params, PG_ARRAY_I16);
    for (unsigned n = 0; n < SHARDS; n++)
        if (leader_has(&s->leader, n))
            pg_array_i16(s->params, (int16_t)n);
    pg_array_close(s->params);
}

static void begin_asking(struct sequencer *s)
{
    struct outbox *o = &s->outbox;
    ev_timer_stop(s->loop, &o->look);
    o->asking = true;
    o->look_now = false;
    o->generation = s->lookups.generation;
    o->told_asked = o->n_told;
    o->unseen_asked = o->unseen.n;
    o->more_asked = o->unseen.more;
    o->held = s->inbox.rows.count;
    o->held_late = !list_is_empty(&s->inbox.quotas.late);
}

/* Neither a scan nor a fetch asks for what is held: a row of a batch whose outcome is unknown
 * must not come back. */
static void scan(struct sequencer *s)
{
    struct outbox *o = &s->outbox;
    struct pg_params *p = s->params;
    struct message *m;
    add_shards(s);
    pg_array_open(p, PG_ARRAY_I64);
    map_for_each (m, &s->inbox.rows, by_name) {
        pg_array_i64(p, m->row);
    }
    pg_array_close(p);
    pg_add_i32(p, (int32_t)s->options->outbox_rows);
    size_t late = add_late(s);
    pg_add_i64(p, s->options->outbox_bytes - (int64_t)late);
    begin_asking(s);
    o->again = false;
    o->strange_asked = o->strange;
    o->took_asked = o->took;
    o->scanned_ns = clock_mono_ns();
    s->metrics.outbox_scans_total++;
    pg_query(s->reader, o->strange ? read_strange_sql : read_sql, p, on_scanned, s);
}

static void fetch(struct sequencer *s)
{
    struct outbox *o = &s->outbox;
    strike(s, NULL);
    if (o->n_told == 0) {
        o->look_now = false;
        return;
    }
    begin_asking(s);
    s->metrics.outbox_fetches_total++;
    pg_array_open(s->params, PG_ARRAY_I64);
    for (size_t i = 0; i < o->n_told; i++)
        pg_array_i64(s->params, o->told[i].row);
    pg_array_close(s->params);
    add_shards(s);
    pg_add_i64(s->params, s->options->outbox_bytes - (int64_t)s->inbox.row_bytes);
    pg_query(s->reader, fetch_sql, s->params, on_fetched, s);
}

/* There are no others than those that are told, and where all of them may be held, nobody's turn has to be seen to. */
static bool may_fetch(const struct sequencer *s)
{
    const struct outbox *o = &s->outbox;
    const struct inbox *i = &s->inbox;
    return !o->again && !o->cut && !o->strange && !o->took && !xids_are_there(&o->unseen) &&
           i->rows.count + o->n_told <= (size_t)s->options->outbox_rows && !outbox_is_cut_short(s) && list_is_empty(&i->quotas.late);
}

static bool has_room(const struct sequencer *s)
{
    const struct inbox *i = &s->inbox;
    return i->rows.count <= (size_t)s->options->outbox_rows / 2 && !are_many_bytes(s) && list_is_empty(&i->quotas.late);
}

/* One question at a time, and only while we lead. None while no further batch may fly: its rows would wait, and those that
 * come meanwhile would want another one; the next commit goes on. */
void outbox_go_on(struct sequencer *s)
{
    struct outbox *o = &s->outbox;
    if (s->lead.phase != LEADING || !sequencer_can_read(s) || o->asking ||
        s->flow.n_flying >= FLYING_MAX)
        return;
    if (o->again || (o->cut && has_room(s)) || (o->look_now && !may_fetch(s)))
        scan(s);
    else if (o->look_now)
        fetch(s);
}

void outbox_look(struct sequencer *s)
{
    s->outbox.look_now = true;
    outbox_go_on(s);
}

void outbox_took(struct sequencer *s)
{
    s->outbox.took = true;
    s->outbox.took_asked = false;
}

/* ---- while others lead */

static void on_looked(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct sequencer *s = ctx;
    struct outbox *o = &s->outbox;
    struct pg_snapshot seen;
    o->foreign_asked = false;
    if (status != PG_OK || pg_rows(r) == 0 || pg_snapshot_parse(pg_bytes(r, 0, 1), &seen) < 0)
        return;
    if (o->strange_asked && pg_i64(r, 0, 0)) {
        o->strange = o->strange_asked = false;
        xids_add_up_to(&o->foreign, (uint32_t)pg_i64(r, 0, 0));
    }
    xids_strike(&o->foreign, o->foreign.n, true, &seen);
}

/* Who does not lead makes no scans. */
void outbox_second(struct sequencer *s)
{
    struct outbox *o = &s->outbox;
    bool strange = o->strange && s->lead.phase != LEADING;
    if (o->foreign_asked || !pg_is_up(s->reader) || !(strange || xids_are_there(&o->foreign)))
        return;
    o->foreign_asked = true;
    o->strange_asked |= strange;
    pg_query(s->reader, strange ? "SELECT pg_current_xact_id()::text::bigint, pg_current_snapshot()::text" : "SELECT 0::bigint, pg_current_snapshot()::text",
             NULL, on_looked, s);
}

void outbox_wake(struct sequencer *s)
{
    if (s->lead.phase != LEADING || !sequencer_can_read(s))
        return;
    s->outbox.again = true;
    outbox_go_on(s);
}

bool outbox_is_cut_short(const struct sequencer *s)
{
    const struct inbox *i = &s->inbox;
    bool late = !list_is_empty(&i->quotas.late); /* what waits for a quota is not what a commit makes room for */
    return i->rows.count - (late ? i->rows_waiting : 0) >= (size_t)s->options->outbox_rows ||
           i->row_bytes - (late ? i->rows_waiting_bytes : 0) >= (size_t)s->options->outbox_bytes / 2;
}

void outbox_late(struct sequencer *s)
{
    int64_t now_ns = clock_mono_ns();
    s->inbox.quotas.now_ns = now_ns;
    if (inbox_advance_late(&s->inbox) && now_ns - s->outbox.scanned_ns > LATE_SCAN_MS * NS_PER_MS)
        outbox_wake(s); /* there may be more of what these waited for */
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
    struct sequencer *s = w->data;
    const struct outbox *o = &s->outbox;
    if (may_fetch(s) || clock_mono_ns() - o->scanned_ns >= LOOK_SHARE * o->scan_ns)
        outbox_look(s);
    else
        look_later(s, LOOK_MAX_MS);
}

void outbox_tick(struct sequencer *s)
{
    struct outbox *o = &s->outbox;
    if (!o->stream_up || clock_mono_ns() - o->scanned_ns >= SCAN_SHARE * o->scan_ns)
        outbox_wake(s);
    o->tick.repeat = (o->stream_up ? SCAN_MS : SCAN_BLIND_MS) / 1000.0;
    ev_timer_again(s->loop, &o->tick);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    outbox_tick(w->data);
}

void outbox_init(struct sequencer *s)
{
    struct outbox *o = &s->outbox;
    *o = (struct outbox){0};
    ev_timer_init(&o->look, on_look, 0, 0);
    ev_timer_init(&o->tick, on_tick, SCAN_BLIND_MS / 1000.0, SCAN_BLIND_MS / 1000.0);
    o->look.data = o->tick.data = s;
    ev_timer_start(s->loop, &o->tick);
    o->stream = pg_stream_new(s->loop, s->options->postgres, s->options->name,
                              "cellcast_outbox", true, "cellcast_outbox", &outbox_stream_handlers, s);
}

void outbox_fini(struct sequencer *s)
{
    ev_timer_stop(s->loop, &s->outbox.look);
    ev_timer_stop(s->loop, &s->outbox.tick);
    pg_stream_free(s->outbox.stream);
    s->outbox.stream = NULL;
}
