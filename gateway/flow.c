#include "flow.h"

#include "admission.h"
#include "attendance.h"
#include "canary.h"
#include "connection.h"
#include "deliver.h"
#include "ephemeral.h"
#include "fan_link.h"
#include "hub.h"
#include "join.h"
#include "page.h"
#include "reply.h"
#include "sub.h"
#include "sweep.h"
#include "tenant.h"

#define JOINS_BEHIND (16 << 10) /* bytes that wait for a client; above, joins and leaves are not pushed to it */

/*  client ──command──▶ connection ──▶ verbs_*.c ─┬─ publish ──▶ ops ──▶ seq_link ──▶ sequencer
 *                                                │   (ephemeral)     └─▶ kafka_link ──▶ the topic
 *                                                ├─ subscribe ▶ sub, hub ──▶ fan_link ──▶ worker
 *                                                └─ history … ▶ ops ──▶ fan_link ──▶ worker
 *
 *  worker ──▶ fan_link ──▶ flow_subscribed ──▶ join: the subscribe is answered
 *                      ──▶ flow_publication ─▶ channel: one frame in the ring, the channel is dirty
 *                                              (ephemeral: no position, gone when everybody had his turn)
 *                      ──▶ ops_*_came ──▶ page, errand, api: whoever asked
 *
 *  end of the turn ──▶ flow_turn ──▶ ops, admission, join ──▶ deliver ──▶ ws ──▶ clients            */

struct channel *flow_channel(const struct gateway *g, struct bytes full)
{
    return hub_find(g, full);
}

/* ---- a position */

static void decide_joins(struct channel *c)
{
    for (uint32_t i = 0; i < c->n_subs; i++)
        if (!c->subs[i]->live)
            join_decide_soon(c->subs[i]);
}

/* A newer epoch: numbers start anew, and every cursor is void. */
static void rise(struct channel *c)
{
    c->gateway->metrics.epochs_total++;
    page_drop_all(c);
    for (uint32_t i = c->n_subs; i-- > 0;) /* each ends itself alone, whose place the last one takes */
        if (c->subs[i]->live)
            sub_insufficient(c->subs[i]);
    decide_joins(c);
}

/* The ring starts anew further up; cursors read by pages what lies between. */
static void jump(struct channel *c)
{
    c->gateway->metrics.holes_total++;
    hub_news(c);
}

void flow_subscribed(struct gateway *g, const struct fan_subscribed *m)
{
    struct channel *c = hub_find(g, m->channel);
    if (!c || (c->ephemeral && c->state == CHANNEL_LIVE))
        return;
    if (c->ephemeral) {
        channel_stand(&g->rings, c, 0, 0);
        decide_joins(c);
    } else if (c->state == CHANNEL_ASKED) {
        channel_stand(&g->rings, c, m->epoch, m->seq);
        decide_joins(c);
    } else if (m->epoch > c->epoch) {
        channel_stand(&g->rings, c, m->epoch, m->seq);
        rise(c);
    } else if (m->epoch == c->epoch && m->seq > c->head) {
        channel_stand(&g->rings, c, m->epoch, m->seq);
        jump(c);
    }
}

/* A namespace has changed sides: positions of the one kind mean nothing to the other. Whoever is there comes anew. */
static void change_sides(struct channel *c)
{
    struct gateway *g = c->gateway;
    sweep_forget(c);
    page_drop_all(c);
    for (uint32_t i = c->n_subs; i-- > 0;) { /* each ends itself alone, whose place the last one takes */
        if (c->subs[i]->live)
            sub_unsubscribe(c->subs[i], UNSUBSCRIBE_INSUFFICIENT_STATE);
        else
            join_fail(c->subs[i], 100);
    }
    channel_stand(&g->rings, c, 0, 0);
    if (c->extras)
        list_remove(&c->extras->passing);
    c->state = CHANNEL_ASKED;
    c->ephemeral = !c->ephemeral;
    fan_subscribe(g->fan, c);
}

void flow_configured(struct gateway *g)
{
    struct channel *c;
    budgets_configured(g);
    users_configured(g);
    tenants_configure(g);
    departure_configured(&g->departure);
    attendance_configured(g);
    map_for_each(c, &g->channels, by_name)
    {
        hub_configure(c);
        if (c->ephemeral != config_is_ephemeral(g->config, channel_full(c)))
            change_sides(c);
    }
}

/* ---- a publication */

int flow_publication(struct gateway *g, const struct fan_publication *m)
{
    struct publication p;
    int error = wire_get_publication(m->publication, &p);
    if (error < 0)
        return error;
    struct channel *c = hub_find(g, m->channel);
    if (!c || c->state != CHANNEL_LIVE || c->ephemeral != (p.seq == 0))
        return 0;
    c->heard_ms = gateway_now_ms(g);
    if (c->ephemeral) {
        ephemeral_pass(c, &p);
        return 0;
    }
    g->metrics.publications_total++;
    switch (channel_append(&g->rings, c, &p, &g->scratch)) {
    case CHANNEL_REPEATED:
        g->metrics.publications_repeated_total++;
        return 0;
    case CHANNEL_ROSE:
        rise(c);
        break;
    case CHANNEL_JUMPED:
        jump(c);
        break;
    case CHANNEL_APPENDED:
        hub_news(c);
        break;
    }
    if (p.format & FORMAT_REMOVAL) {
        hub_forget_removed(c);
        page_read_anew(c);
    }
    if (c->heard)
        canary_heard(g, m);
    return 0;
}

/* ---- joins and leaves */

/* To those who want joins and leaves; encoded once for each encoding and spelling. */
static void push_to_all(struct gateway *g, struct bytes channel, const struct push *p)
{
    struct channel *c = hub_find(g, channel);
    struct buf encoded[ENCODINGS][2] = {0};
    for (uint32_t i = c ? c->n_subs : 0; i-- > 0;) {
        struct sub *s = c->subs[i];
        struct connection *to = s->connection;
        if (!s->live || !s->wants_joins)
            continue;
        if (to->out.n > JOINS_BEHIND) {
            g->metrics.joins_dropped_total++;
            continue;
        }
        struct buf *message = &encoded[to->encoding][s->full];
        if (message->n == 0)
            push_put(to->encoding, message, c, s->full, p);
        buf_append_bytes(&to->out, buf_bytes(message));
        connection_said(to);
    }
    for (int e = 0; e < ENCODINGS; e++) {
        buf_fini(&encoded[e][0]);
        buf_fini(&encoded[e][1]);
    }
}

void flow_join(struct gateway *g, const struct fan_join *m)
{
    push_to_all(g, m->channel, &(struct push){.kind = PUSH_JOIN, .info = m->info});
}

void flow_leave(struct gateway *g, const struct fan_leave *m)
{
    push_to_all(g, m->channel, &(struct push){.kind = PUSH_LEAVE, .info = m->info});
}

void flow_counts(struct gateway *g, const struct fan_counts *m)
{
    push_to_all(g, m->channel, &(struct push){.kind = PUSH_COUNTS, .counts = {.clients = m->clients, .users = m->users}});
}

/* ---- the end of a turn */

bool flow_turn(struct gateway *g)
{
    bool more = ops_turn(g);
    more |= admission_turn(&g->admission, g);
    join_decide_due(g);
    connection_resume_due(g);
    more |= deliver_turn(g);
    rings_trim(&g->rings); /* forms that were made while they were read */
    g->metrics.ring_bytes = (int64_t)g->rings.bytes;
    return more || !list_is_empty(&g->joinings);
}
