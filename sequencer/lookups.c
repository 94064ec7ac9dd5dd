#include "lookups.h"

#include "sequencer.h"

#include "core/clock.h"
#include "run/log.h"
#include "wire/newest.h"

#include <stdio.h>

#define RETRY_MS 200
#define REFERENCE_MAX (TENANT_MAX + 1 + CHANNEL_MAX + 1 + 19) /* bytes of channel@seq */

/* n: 1 for the first item. Only what is found comes back, but for LOOKUP_AFTER: there each
 * reference does. */
static const char *const sql[LOOKUP_KINDS] = {
    [LOOKUP_HEADS] = "SELECT w.n, h.epoch, h.seq, h.id FROM unnest($1::text[]) WITH ORDINALITY "
                     "w(channel, n) JOIN " NEWEST_HEAD("w.channel") "ON true",
    [LOOKUP_RECEIPTS] =
        "SELECT w.n, r.epoch, r.seqs[p], r.ids[p] "
        "FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY w(origin, counter, n) "
        "JOIN cellcast.receipt r ON r.origin = w.origin AND r.high >= w.counter AND r.low <= "
        "w.counter "
        "CROSS JOIN LATERAL array_position(r.counters, w.counter) p WHERE p IS NOT NULL",
    [LOOKUP_KEYS] = "SELECT w.n, k.epoch, k.seq, k.id FROM unnest($1::text[], $2::text[]) WITH "
                    "ORDINALITY w(channel, key, n) "
                    "JOIN cellcast.idempotency k ON k.channel = w.channel AND k.key = w.key "
                    "WHERE k.created_at > clock_timestamp() - interval '10 minutes' OR k.id >= $3",
    [LOOKUP_AFTER] = "SELECT w.n, coalesce(h.seq >= w.seq, false), coalesce(m.id, h.id, 0), "
                     "w.channel || '@' || w.seq "
                     "FROM unnest($1::bigint[], $2::text[], $3::bigint[]) w(n, channel, seq) "
                     "LEFT JOIN " NEWEST_HEAD("w.channel") "ON true "
                     "LEFT JOIN cellcast.message m ON m.channel = w.channel AND m.epoch = "
                     "h.epoch AND m.seq = w.seq",
};

void lookups_init(struct sequencer *s)
{
    for (int kind = 0; kind < LOOKUP_KINDS; kind++)
        s->lookups.kinds[kind] =
            (struct lookup){.sequencer = s, .kind = (enum lookup_kind)kind};
}

static void release_heads(struct lookup *k)
{
    for (size_t i = 0; k->busy && k->kind == LOOKUP_HEADS && i < k->n; i++)
        heads_let_go(&k->sequencer->inbox.heads, k->items[i]);
    k->busy = false;
}

void lookups_fini(struct sequencer *s)
{
    for (int kind = 0; kind < LOOKUP_KINDS; kind++)
        release_heads(&s->lookups.kinds[kind]);
}

void lookups_forget(struct sequencer *s)
{
    struct lookup *k = &s->lookups.kinds[LOOKUP_HEADS];
    s->lookups.generation++;
    for (size_t i = 0; k->busy && i < k->n; i++)
        head_forget(k->items[i]); /* their answer will not be believed: whoever waits asks anew */
}

/* ---- answers */

static void heads_answered(struct lookup *k, const struct pg_result *r)
{
    struct sequencer *s = k->sequencer;
    struct head *held[LOOKUP_MAX];
    for (size_t i = 0; i < k->n; i++) {
        held[i] = k->items[i];
        head_learn(held[i], 0, 0);
    }
    for (int i = 0; i < pg_rows(r); i++) {
        struct head *head = held[pg_i64(r, i, 0) - 1];
        bool current = (uint64_t)pg_i64(r, i, 1) ==
                       s->leader.epoch; /* in an earlier epoch: it begins anew */
        head_learn(head, current ? (uint64_t)pg_i64(r, i, 2) : 0, (uint64_t)pg_i64(r, i, 3));
    }
    for (size_t i = 0; i < k->n; i++)
        inbox_advance(&s->inbox, held[i]);
}

/* Receipts and keys: who is found there was committed before, the others go on; but none that has waited for so long (the reader
 * was away) that its receipt may be gone. */
static void first_results_answered(struct lookup *k, const struct pg_result *r)
{
    struct sequencer *s = k->sequencer;
    struct outcome found[LOOKUP_MAX];
    int64_t now_ns = clock_mono_ns();
    memset(found, 0, sizeof *found * k->n);
    for (int i = 0; i < pg_rows(r); i++)
        found[pg_i64(r, i, 0) - 1] = (struct outcome){
            .repeated = true,
            .epoch = (uint64_t)pg_i64(r, i, 1),
            .seq = (uint64_t)pg_i64(r, i, 2),
            .id = (uint64_t)pg_i64(r, i, 3),
        };
    for (size_t i = 0; i < k->n; i++) {
        struct message *m = k->items[i];
        if (found[i].repeated)
            flow_finish(s, m, &found[i]);
        else if (k->kind == LOOKUP_RECEIPTS && flow_is_given_up(s, m, now_ns))
            flow_give_up(s, m);
        else
            inbox_satisfy(&s->inbox, m);
    }
}

static void after_answered(struct lookup *k, const struct pg_result *r)
{
    struct sequencer *s = k->sequencer;
    static char missing[LOOKUP_MAX][sizeof "after:  does not exist" + REFERENCE_MAX];
    for (size_t i = 0; i < k->n; i++)
        missing[i][0] = 0;
    for (int i = 0; i < pg_rows(r); i++) {
        size_t n = (size_t)pg_i64(r, i, 0) - 1;
        struct message *m = k->items[n];
        uint64_t id = (uint64_t)pg_i64(r, i, 2);
        if (!pg_bool(r, i, 1))
            snprintf(missing[n], sizeof missing[n], "after: %.*s does not exist",
                     BYTES_FMT(pg_bytes(r, i, 3)));
        m->shown = id > m->shown ? id : m->shown;
    }
    for (size_t i = 0; i < k->n; i++) {
        struct message *m = k->items[i];
        struct outcome refused = {.code = 107, .text = missing[i]};
        if (missing[i][0])
            flow_finish(s, m, &refused);
        else
            inbox_satisfy(&s->inbox, m);
    }
}

/* Asked again, before those that came later. */
static void put_back(struct lookup *k)
{
    struct inbox *inbox = &k->sequencer->inbox;
    for (size_t i = k->n; i-- > 0;) {
        if (k->kind == LOOKUP_HEADS)
            list_prepend(&inbox->unknown, &((struct head *)k->items[i])->ask);
        else
            list_prepend(&inbox->needs[k->kind], &((struct message *)k->items[i])->ask);
    }
}

static void believe(struct lookup *k, enum pg_status status, const struct pg_result *r)
{
    if (status != PG_OK)
        put_back(k);
    else if (k->kind == LOOKUP_HEADS)
        heads_answered(k, r);
    else if (k->kind == LOOKUP_AFTER)
        after_answered(k, r);
    else
        first_results_answered(k, r);
}

static void on_answer(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct lookup *k = ctx;
    struct sequencer *s = k->sequencer;
    if (status == PG_REFUSED) {
        log_warn("lookup_refused", "kind=%d items=%zu sqlstate=%s why=\"%s\"", k->kind, k->n,
                 pg_sqlstate(r), pg_message(r));
        k->not_before_ns = clock_mono_ns() + RETRY_MS * NS_PER_MS;
    }
    if (k->generation == s->lookups.generation)
        believe(k, status, r);
    release_heads(k);
}

/* ---- questions */

/* A head is held while it is being read: the last message that wanted it may end before. */
static void take_head(struct lookup *k, struct head *head)
{
    list_remove(&head->ask);
    head->messages++;
    k->items[k->n++] = head;
}

static void take_message(struct lookup *k, struct message *m)
{
    list_remove(&m->ask);
    k->items[k->n++] = m;
}

static void take_items(struct lookup *k)
{
    struct inbox *inbox = &k->sequencer->inbox;
    struct list *from = k->kind == LOOKUP_HEADS ? &inbox->unknown : &inbox->needs[k->kind];
    for (k->n = 0; k->n < LOOKUP_MAX && !list_is_empty(from);) {
        if (k->kind == LOOKUP_HEADS)
            take_head(k, list_entry(from->next, struct head, ask));
        else
            take_message(k, list_entry(from->next, struct message, ask));
    }
}

static void text_column(struct lookup *k, struct pg_params *p, bool key)
{
    pg_array_open(p, PG_ARRAY_TEXT);
    for (size_t i = 0; i < k->n; i++) {
        const struct message *m = k->items[i];
        pg_array_bytes(p, k->kind == LOOKUP_HEADS ? ((struct head *)k->items[i])->name
                          : key                   ? m->key
                                                  : m->channel);
    }
    pg_array_close(p);
}

static void number_column(struct lookup *k, struct pg_params *p, bool counter)
{
    pg_array_open(p, PG_ARRAY_I64);
    for (size_t i = 0; i < k->n; i++) {
        const struct message *m = k->items[i];
        pg_array_i64(p, (int64_t)(counter ? m->counter : m->origin));
    }
    pg_array_close(p);
}

/* One row per reference: which item, channel, seq. */
static void reference_column(struct lookup *k, struct pg_params *p, int column)
{
    pg_array_open(p, column == 1 ? PG_ARRAY_TEXT : PG_ARRAY_I64);
    for (size_t i = 0; i < k->n; i++) {
        struct bytes channel, list = ((struct message *)k->items[i])->after;
        uint64_t seq;
        while (after_next(&list, &channel, &seq) > 0) {
            if (column == 1)
                pg_array_bytes(p, channel);
            else
                pg_array_i64(p, column == 0 ? (int64_t)i + 1 : (int64_t)seq);
        }
    }
    pg_array_close(p);
}

static void ask(struct lookup *k)
{
    struct sequencer *s = k->sequencer;
    struct pg_params *p = s->params;
    take_items(k);
    if (k->kind == LOOKUP_HEADS) {
        text_column(k, p, false);
    } else if (k->kind == LOOKUP_RECEIPTS) {
        number_column(k, p, false);
        number_column(k, p, true);
    } else if (k->kind == LOOKUP_KEYS) {
        text_column(k, p, false);
        text_column(k, p, true);
        pg_add_i64(p, (int64_t)sequencer_oldest_id(s, KEYS_MS)); /* by the database's clock or by this */
    } else {
        for (int column = 0; column < 3; column++)
            reference_column(k, p, column);
    }
    k->busy = true;
    k->generation = s->lookups.generation;
    s->metrics.lookups_total++;
    pg_query(s->reader, sql[k->kind], p, on_answer, k);
}

/* -> true when every publication that it answers is the newest one of a channel that we lead */
static bool answers_newest(const struct inbox *inbox, const struct message *m,
                           uint64_t *ret_shown)
{
    struct bytes channel, list = m->after;
    uint64_t seq, shown = m->shown;
    while (after_next(&list, &channel, &seq) > 0) {
        const struct head *head = heads_find(&inbox->heads, channel);
        if (!head || !head->known || head->durable_seq != seq)
            return false;
        shown = head->durable_id > shown ? head->durable_id : shown;
    }
    *ret_shown = shown;
    return true;
}

/* Most answers are of that kind: no query then. */
static void answer_from_heads(struct inbox *inbox)
{
    struct message *m, *spare;
    list_for_each_safe (m, spare, &inbox->needs[NEED_AFTER], ask) {
        if (answers_newest(inbox, m, &m->shown))
            inbox_satisfy(inbox, m);
    }
}

void lookups_turn(struct sequencer *s)
{
    if (s->lead.phase != LEADING)
        return;
    int64_t now_ns = clock_mono_ns();
    if (!s->lookups.kinds[LOOKUP_AFTER].busy)
        answer_from_heads(&s->inbox);
    for (int kind = 0; kind < LOOKUP_KINDS && sequencer_can_read(s); kind++) {
        struct lookup *k = &s->lookups.kinds[kind];
        struct list *waits = kind == LOOKUP_HEADS ? &s->inbox.unknown : &s->inbox.needs[kind];
        if (!k->busy && !list_is_empty(waits) && now_ns >= k->not_before_ns)
            ask(k);
    }
}
