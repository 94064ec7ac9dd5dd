#include "summons.h"

#include "call.h"
#include "connection.h"
#include "distinct.h"
#include "first.h"
#include "gathering.h"
#include "refresh.h"
#include "roster.h"
#include "server_sub.h"
#include "sub.h"
#include "top.h"

#include "core/clock.h"

#include <stdio.h>

/* One whose connect has no answer yet cannot be told anything but its end. */
static bool is_meant(const struct call_question *q, const struct connection *c)
{
    bool known = q->kind == CALL_DISCONNECT ? connection_has_place(c) : connection_is_open(c);
    struct call_who who = roster_who(c);
    return known && call_means(q, &who);
}

static uint64_t disconnect(struct gateway *g, const struct call_question *q)
{
    struct connection *c;
    char reason[128];
    uint64_t n = 0;
    snprintf(reason, sizeof reason, "%.*s", BYTES_FMT(q->reason));
    list_for_each(c, &g->connections, all)
    {
        if (!is_meant(q, c))
            continue;
        connection_disconnect(c, q->code, reason);
        n++;
    }
    return n;
}

static uint64_t unsubscribe_one(struct connection *c, const struct call_question *q)
{
    uint64_t n = 0;
    for (uint32_t i = c->n_subs; i-- > 0 && connection_is_open(c);) {
        struct sub *s = c->subs[i];
        if (q->channel.n && !bytes_equal(q->channel, channel_full(s->channel)))
            continue;
        if (!s->live && !s->server)
            continue; /* its subscribe has not been answered: it is as if it came later */
        n++;
        if (s->live)
            sub_unsubscribe(s, UNSUBSCRIBE_SERVER);
        else
            sub_leave(s); /* nobody was told */
    }
    return n;
}

static uint64_t unsubscribe(struct gateway *g, const struct call_question *q)
{
    struct connection *c;
    uint64_t n = 0;
    list_for_each(c, &g->connections, all)
        if (is_meant(q, c))
            n += unsubscribe_one(c, q);
    return n;
}

static uint64_t invite(struct gateway *g, const struct call_question *q, const struct config_channel *ch, struct invitation *i)
{
    struct connection *c;
    struct want want = q->want;
    uint64_t n = 0;
    want.channel = config_spelling(g->config, q->asker, ch->full);
    list_for_each(c, &g->connections, all)
    {
        if (!is_meant(q, c))
            continue;
        server_sub_add(c, ch, &want, i);
        n++;
    }
    return n;
}

/* -> whether the answer is in `into` */
static bool subscribe(struct gateway *g, const struct call_question *q, uint64_t request, struct buf *into)
{
    struct config_channel ch;
    struct invitation *i = invitation_new(g, request);
    bool is_there = config_resolve(g->config, q->asker, q->channel, &ch) == 0; /* or taken away meanwhile */
    return invitation_sent(i, is_there ? invite(g, q, &ch, i) : 0, into);
}

static uint64_t refresh(struct gateway *g, const struct call_question *q)
{
    struct connection *c;
    uint64_t n = 0;
    list_for_each(c, &g->connections, all)
    {
        if (!is_meant(q, c))
            continue;
        if (q->expired || (q->expire_at && q->expire_at <= gateway_unix_s(g)))
            connection_disconnect(c, DISCONNECT_EXPIRED, NULL);
        else
            refresh_terms(c, q->expire_at, q->info, true);
        n++;
    }
    return n;
}

static int order(const void *a, const void *b)
{
    return bytes_order(channel_full(a), channel_full(b));
}

/* One more than the page takes, so that it knows whether there are more. */
static void put_page(struct gateway *g, const struct call_question *q, struct call_channels *list)
{
    struct channel *c;
    struct first first;
    first_init(&first, q->limit + 1, order);
    map_for_each(c, &g->channels, by_name)
        if (c->n_subs && call_channels_lists(q, channel_full(c)))
            first_offer(&first, c);
    first_sort(&first);
    for (uint32_t i = 0; i < first.n; i++) {
        const struct channel *one = first.items[i];
        call_channels_add(list, channel_full(one), one->n_subs);
    }
    first_fini(&first);
}

static void put_all(struct gateway *g, struct call_channels *list)
{
    struct channel *c;
    map_for_each(c, &g->channels, by_name)
        call_channels_add(list, channel_full(c), c->n_subs);
}

static void list_channels(struct gateway *g, const struct call_question *q, struct buf *into)
{
    struct call_channels list;
    call_channels_begin(&list, q, (size_t)g->options->call_answer_max, into);
    if (q->paged)
        put_page(g, q, &list);
    else
        put_all(g, &list);
    call_channels_end(&list);
}

/* ---- info */

static void count_connections(struct gateway *g, const struct call_question *q, struct call_info *info)
{
    struct distinct users = {0};
    struct connection *c;
    list_for_each(c, &g->connections, all)
    {
        if (!connection_is_open(c) || (q->tenant.n && !bytes_equal(q->tenant, connection_tenant(c))))
            continue;
        info->num_clients++;
        info->num_subs += c->n_subs;
        if (connection_user(c).n)
            distinct_add(&users, hash_bytes(connection_user(c)) ^ hash_bytes(connection_tenant(c)));
    }
    info->num_users = distinct_count(&users);
}

static uint64_t count_channels(struct gateway *g, const struct call_question *q)
{
    struct channel *c;
    uint64_t n = 0;
    map_for_each(c, &g->channels, by_name)
    {
        struct bytes tenant = channel_tenant(c);
        n += c->n_subs && (q->tenant.n == 0 || bytes_equal(q->tenant, tenant));
    }
    return n;
}

static void tell_info(struct gateway *g, const struct call_question *q, struct buf *into)
{
    struct call_info info = {.uid = bytes_str(g->uid),
                             .name = bytes_str(g->name),
                             .version = BYTES(CELLCAST_VERSION),
                             .num_channels = count_channels(g, q),
                             .uptime = (uint64_t)((g->now_ns - g->started_ns) / NS_PER_S)};
    count_connections(g, q, &info);
    call_answer_info(into, &info);
}

/* -> whether the answer is in `into` */
static bool answer_question(struct gateway *g, const struct ctl_call *m, struct buf *into)
{
    struct call_question q;
    bool answered = true;
    if (!g->config || call_decode(&q, g->config, m->method, m->tenant, m->body) < 0) {
        call_answer_error(into);
        return true;
    }
    switch (q.kind) {
    case CALL_DISCONNECT:
        call_answer_count(into, disconnect(g, &q));
        break;
    case CALL_UNSUBSCRIBE:
        call_answer_count(into, unsubscribe(g, &q));
        break;
    case CALL_SUBSCRIBE:
        answered = subscribe(g, &q, m->request, into);
        break;
    case CALL_REFRESH:
        call_answer_count(into, refresh(g, &q));
        break;
    case CALL_CONNECTIONS:
        roster_answer(g, &q, into);
        break;
    case CALL_CHANNELS:
        list_channels(g, &q, into);
        break;
    case CALL_INFO:
        tell_info(g, &q, into);
        break;
    }
    call_fini(&q);
    return answered;
}

bool summons_answer(struct gateway *g, const struct ctl_call *m, struct buf *into)
{
    if (bytes_is(m->method, GATHERING_METHOD)) {
        gathering_summoned(g, m);
        return false;
    }
    if (!bytes_is(m->method, TOP_METHOD))
        return answer_question(g, m, into);
    top_answer(g, m->body, into);
    return true;
}
