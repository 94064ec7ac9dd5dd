#include "flow.h"

#include "batch.h"
#include "gateways.h"
#include "sequencer.h"

#include "core/clock.h"
#include "run/log.h"
#include "wire/id.h"
#include "wire/messages.h"

#include <assert.h>
#include <inttypes.h>

static const char commit_sql[] = "SELECT "
                                 "cellcast.commit_batch($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,"
                                 "$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23)";

/* The turn that follows does what is to be done. */
static void on_next(struct ev_loop *loop, ev_timer *w, int events)
{
}

void flow_init(struct sequencer *s)
{
    s->flow = (struct flow){.cap = (size_t)s->options->batch_max, .cadence.rate = (double)s->options->batch_rate};
    list_init(&s->flow.flying);
    ev_timer_init(&s->flow.next, on_next, 0, 0);
}

/* ---- in */

static void refuse(struct sequencer *s, uint64_t origin, uint64_t counter, uint32_t code,
                   const char *text)
{
    s->metrics.refused_unavailable_total += code == 100;
    s->metrics.refused_bad_total += code == 107;
    s->metrics.refused_busy_total += code == 111;
    s->metrics.refused_quota_total += code == 131 || code == 132;
    struct seq_result result = {.counter = counter, .code = code, .text = bytes_str(text)};
    gateways_result(s->gateways, origin, &result);
}

/* -> 0, or the code with which the publish is refused */
static uint32_t over_quota(struct sequencer *s, const struct seq_publish *p, int64_t now_ns, const char **ret_why)
{
    struct heads *h = &s->inbox.heads;
    struct bytes tenant, name;
    s->inbox.quotas.now_ns = now_ns;
    if (!channel_split(p->channel, &tenant, &name))
        return 0;
    return quotas_refusal(&s->inbox.quotas, heads_tenant(h, tenant), heads_find(h, p->channel), ret_why);
}

/* An error is a certain refusal: what may have been committed before is never answered with
 * one, but looked up, or not answered at all when it can't be. */
void flow_publish(struct sequencer *s, uint64_t origin, const struct seq_publish *p)
{
    int64_t now_ns = clock_mono_ns();
    struct message_fields fields = {
        .origin = origin,
        .counter = p->counter,
        .shown = p->shown,
        .format = p->format,
        .unsure = p->retry,
        .channel = p->channel,
        .data = p->data,
        .tags = p->tags,
        .info = p->info,
        .after = p->after,
        .key = p->key,
    };
    if (inbox_find_publish(&s->inbox, origin, p->counter))
        return; /* it is under way; its answer goes to this link */
    const char *why = message_refusal(&fields);
    if (why) {
        refuse(s, origin, p->counter, 107, why);
        return;
    }
    if (!id_clock_believes(&s->clock, p->shown, now_ns / NS_PER_MS)) {
        s->metrics.shown_refused_total++;
        if (!p->retry) {
            refuse(s, origin, p->counter, 107, "shown: an id that nobody was given");
            return;
        }
        fields.shown = 0; /* what was sent before is looked up, not refused */
    }
    unsigned shard = channel_place(p->channel).shard;
    if (!lead_may_accept(s, shard, now_ns)) {
        if (p->retry || lead_has_given(s, shard))
            s->metrics.forgotten_total++;
        else
            refuse(s, origin, p->counter, 100, "the channel's shard is not led here");
        return;
    }
    if (!p->retry && !inbox_has_room(&s->inbox, p->channel)) {
        refuse(s, origin, p->counter, 111, "the tenant's waiting room is full (--waiting-messages, --waiting-bytes)");
        return;
    }
    uint32_t over = p->retry ? 0 : over_quota(s, p, now_ns, &why);
    if (over) {
        refuse(s, origin, p->counter, over, why);
        return;
    }
    struct message *m = message_new(&fields, now_ns);
    inbox_enter(&s->inbox, m);
    quotas_charge(&s->inbox.quotas, m->head, p->data.n);
}

/* ---- out */

static void answer(struct sequencer *s, const struct message *m, const struct outcome *o)
{
    if (o->code) {
        refuse(s, m->origin, m->counter, o->code, o->text);
        return;
    }
    struct seq_result result = {
        .counter = m->counter,
        .repeated = o->repeated,
        .epoch = o->epoch,
        .seq = o->seq,
        .id = o->id,
    };
    gateways_result(s->gateways, m->origin, &result);
}

static void end(struct sequencer *s, struct message *m, const struct outcome *o)
{
    s->metrics.repeated_total += o->repeated;
    if (message_is_from_gateway(m))
        answer(s, m, o);
    else if (o->code)
        outbox_bury(s, m, o->code, o->text);
    else if (o->repeated)
        outbox_delete(s, m);
}

/* The first of them leads the key now, the others follow it. */
static void free_followers(struct sequencer *s, struct message *m)
{
    struct message *follower;
    while ((follower = list_first(&m->followers, struct message, place))) {
        inbox_leave(&s->inbox, follower);
        inbox_enter(&s->inbox, follower);
    }
}

void flow_finish(struct sequencer *s, struct message *m, const struct outcome *o)
{
    struct outcome again = *o;
    struct message *follower;
    again.repeated = true;
    inbox_leave(&s->inbox, m);
    end(s, m, o);
    if (o->code)
        free_followers(s, m);
    while ((follower = list_first(&m->followers, struct message, place))) {
        inbox_leave(&s->inbox, follower);
        end(s, follower, &again);
        message_free(follower);
    }
    message_free(m);
}

bool flow_is_given_up(const struct sequencer *s, const struct message *m, int64_t now_ns)
{
    return m->unsure && now_ns - m->arrived_ns >= s->options->unsure_max * NS_PER_MS;
}

void flow_give_up(struct sequencer *s, struct message *m)
{
    inbox_leave(&s->inbox, m);
    free_followers(s, m);
    s->metrics.forgotten_total++;
    message_free(m);
}

/* ---- a batch */

static void committed(struct sequencer *s, struct batch *b)
{
    int64_t now_ns = clock_mono_ns();
    bool more_rows = b->rows && outbox_is_cut_short(s);
    struct message *m;
    s->metrics.batches_total++;
    s->metrics.messages_total += b->n;
    s->metrics.bytes_total += b->bytes;
    s->metrics.outbox_messages_total += b->rows;
    histogram_record(&s->metrics.commit_seconds, (now_ns - b->sent_ns) / NS_PER_US);
    while ((m = list_first(&b->messages, struct message, place))) {
        m->head->durable_seq = m->seq;
        m->head->durable_id = m->id;
        id_clock_gave(&s->clock, m->id);
        histogram_record(&s->metrics.publish_seconds, (now_ns - m->arrived_ns) / NS_PER_US);
        struct outcome o = {.epoch = s->leader.epoch, .seq = m->seq, .id = m->id};
        flow_finish(s, m, &o);
    }
    list_remove(&b->link);
    s->flow.n_flying--;
    batch_free(b);
    if (s->flow.cap < (size_t)s->options->batch_max)
        s->flow.cap *= 2;
    lead_worked(s);
    if (more_rows)
        outbox_wake(s);
    else
        outbox_go_on(s);
}

/* Halves the batches until the one at fault stands alone: then it is refused, and the others go
 * on. */
static void search(struct sequencer *s, struct batch *b, const char *why)
{
    if (b->n > 1) {
        s->flow.cap = b->n / 2;
        return;
    }
    struct message *m = list_first(&b->messages, struct message, place);
    struct outcome refused = {.code = 107, .text = why};
    head_forget(m->head);
    b->n = 0;
    flow_finish(s, m, &refused);
}

static void failed(struct sequencer *s, struct batch *b, const struct pg_result *r)
{
    enum fault fault = fault_of(pg_sqlstate(r));
    bool first = s->lead.phase == LEADING;
    b->failed = true;
    s->metrics.batches_failed_total++;
    if (!first)
        return; /* it built on the one that failed before it */
    log_warn("batch_refused", "fault=%s sqlstate=%s messages=%zu in_flight=%u why=\"%s\"",
             fault_name(fault), pg_sqlstate(r), b->n, s->flow.unanswered, pg_message(r));
    lead_halt(s, fault);
    if (fault == FAULT_DATA)
        search(s, b, pg_message(r));
}

static void on_answer(void *ctx, enum pg_status status, const struct pg_result *r)
{
    struct batch *b = ctx;
    struct sequencer *s = b->sequencer;
    s->flow.unanswered--;
    if (status == PG_LOST) {
        b->failed = true;
        s->metrics.batches_failed_total++;
        return; /* the connection is gone: sequencer.c hears it next, and everything goes back
                 */
    }
    s->answered_ns = clock_mono_ns();
    if (status == PG_OK) {
        sequencer_clock(s, pg_i64(r, 0, 0), b->sent_ns);
        committed(s, b);
    } else {
        failed(s, b, r);
    }
    if (s->lead.phase == HALTED && s->flow.unanswered == 0) {
        flow_recover(s, true);
        lead_again(s);
    }
}

static void send(struct sequencer *s, struct batch *b)
{
    uint64_t now_ms = sequencer_now_ms(s);
    struct message *m;
    b->sequencer = s;
    b->sent_ns = clock_mono_ns();
    batch_number(b, &s->leader, now_ms);
    batch_params(b, &s->leader, s->params);
    list_for_each (m, &b->messages, place)
        histogram_record(&s->metrics.wait_seconds, (b->sent_ns - m->arrived_ns) / NS_PER_US);
    m = list_entry(b->messages.prev, struct message, place);
    s->metrics.id_drift_seconds =
        ((int64_t)id_ms(m->id) - (int64_t)now_ms - id_clock_held_back(&s->clock)) * 1000;
    s->metrics.last_batch = (int64_t)b->n;
    list_append(&s->flow.flying, &b->link);
    s->flow.n_flying++;
    s->flow.unanswered++;
    pg_query(s->writer, commit_sql, s->params, on_answer, b);
}

static bool may_begin(struct sequencer *s, int64_t now_ns)
{
    struct flow *f = &s->flow;
    if (s->inbox.ready == 0)
        return false;
    int64_t wait_ns = cadence_wait(&f->cadence, s->inbox.ready, f->cap / 4, now_ns);
    if (wait_ns > 0 && !ev_is_active(&f->next)) {
        ev_timer_set(&f->next, (double)wait_ns / NS_PER_S, 0);
        ev_timer_start(s->loop, &f->next);
    }
    return wait_ns == 0;
}

void flow_turn(struct sequencer *s)
{
    int64_t now_ns = clock_mono_ns();
    s->inbox.quotas.now_ns = now_ns;
    lookups_turn(s);
    bool searching = s->flow.cap < (size_t)s->options->batch_max;
    unsigned most = searching ? 1 : FLYING_MAX;
    struct batch *b;
    while (s->lead.phase == LEADING && s->flow.n_flying < most && may_begin(s, now_ns) &&
           (b = batch_fill(&s->inbox, s->flow.cap, (size_t)s->options->batch_bytes))) {
        cadence_begun(&s->flow.cadence, b->n, now_ns);
        send(s, b);
    }
}

/* ---- back */

static void forget(struct sequencer *s, struct message *m)
{
    s->metrics.forgotten_total++;
    message_free(m);
}

static void enter_all(struct sequencer *s, struct list *all)
{
    int64_t now_ns = clock_mono_ns();
    struct message *m;
    while ((m = list_first(all, struct message, place))) {
        list_remove(&m->place);
        if (!message_is_from_gateway(m))
            message_free(m); /* its row tells whether it is still to be done */
        else if (flow_is_given_up(s, m, now_ns))
            forget(s, m);
        else
            inbox_enter(&s->inbox, m);
    }
}

void flow_recover(struct sequencer *s, bool sure)
{
    struct list all;
    struct batch *b;
    struct message *m;
    list_init(&all);
    while ((b = list_first(&s->flow.flying, struct batch, link))) {
        while ((m = list_first(&b->messages, struct message, place))) {
            m->unsure |= !sure;
            head_forget(m->head);
            inbox_take_out(&s->inbox, m, &all);
        }
        list_remove(&b->link);
        batch_free(b);
    }
    s->flow.n_flying = 0;
    inbox_empty(&s->inbox, &all);
    if (!sure || s->lead.fault != FAULT_DATA)
        heads_forget(&s->inbox.heads);
    lookups_forget(s);
    enter_all(s, &all);
    outbox_wake(s);
}

/* -> what is to become of it: 0 it stays, -1 it is dropped unanswered, > 0 it is refused with
 * that code */
static int fate(struct sequencer *s, const struct message *m, int64_t now_ns)
{
    unsigned shard = channel_place(m->channel).shard;
    if (s->lead.returned >> shard & 1)
        return -1;
    if (lead_may_accept(s, shard, now_ns))
        return 0;
    if (!message_is_from_gateway(m) || lead_has_given(s, shard))
        return -1;
    if (!m->unsure)
        return 100;
    bool may_lead = s->lead.phase != STANDING_BY && s->lead.phase != LEADING;
    return may_lead ? 0 : -1;
}

void flow_sift(struct sequencer *s)
{
    int64_t now_ns = clock_mono_ns();
    struct list all, stay;
    struct message *m;
    list_init(&all);
    list_init(&stay);
    s->flow.sifted_ns = now_ns;
    lookups_forget(s);
    inbox_empty(&s->inbox, &all);
    while ((m = list_first(&all, struct message, place))) {
        int code = fate(s, m, now_ns);
        list_remove(&m->place);
        if (code == 0) {
            list_append(&stay, &m->place);
        } else if (code < 0) {
            forget(s, m);
        } else {
            refuse(s, m->origin, m->counter, (uint32_t)code,
                   "PostgreSQL is away, or the shard is not led here");
            message_free(m);
        }
    }
    enter_all(s, &stay);
    outbox_wake(s);
}

void flow_forget(struct sequencer *s)
{
    struct list all;
    struct message *m;
    assert(s->flow.n_flying == 0);
    list_init(&all);
    lookups_forget(s);
    inbox_empty(&s->inbox, &all);
    while ((m = list_first(&all, struct message, place))) {
        list_remove(&m->place);
        forget(s, m);
    }
    gateways_drop(s->gateways);
}

void flow_fini(struct sequencer *s)
{
    struct batch *b;
    struct message *m;
    ev_timer_stop(s->loop, &s->flow.next);
    while ((b = list_first(&s->flow.flying, struct batch, link))) {
        while ((m = list_first(&b->messages, struct message, place))) {
            inbox_leave(&s->inbox, m);
            while (!list_is_empty(&m->followers)) {
                struct message *follower = list_first(&m->followers, struct message, place);
                inbox_leave(&s->inbox, follower);
                message_free(follower);
            }
            message_free(m);
        }
        list_remove(&b->link);
        batch_free(b);
    }
}
