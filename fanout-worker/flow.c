#include "flow.h"

#include "core/clock.h"
#include "read.h"
#include "run/log.h"
#include "wire/channel.h"
#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*  Kafka ──▶ source ──▶ flow_record ──▶ routes: repeat? hole? else into the ring
 *                                         │  ask_page, ask_head ──▶ history ──▶ PostgreSQL
 *                                         ◀── on_filled, on_refilled, on_head ─────┘
 *  gateway ──▶ gateway_link ──▶ flow_subscribe ──▶ routes: a cursor
 *                           ──▶ read_range, read_head ──▶ ring, or history
 *                           ──▶ flow_presence_* ──▶ presence ──▶ on_told, on_counts ──▶ gateways
 *  Kafka ──▶ source ──▶ flow_news ──▶ presence ──▶ on_abroad ──▶ abroad ──▶ Kafka: topics of the tenant's other cells
 *  routes, presence ──▶ on_wanted, on_told ──▶ occupancy ── telling ──▶ PostgreSQL: events of webhooks
 *
 *  end of the turn ──▶ flow_turn ──▶ routes: cursors, as far as each gateway takes
 *                                         ──▶ gateway_link ──▶ gateway
 *
 *  supervisor ──▶ control ──▶ flow_map ──▶ routes, source, presence: what is ours */

#define PARTITIONS_MAX 65536

static struct routes *routes_now(struct worker *w)
{
    w->routes.now_ns = clock_mono_ns();
    return &w->routes;
}

static struct presence *presence_now(struct worker *w)
{
    w->presence.now_ns = clock_mono_ns();
    return &w->presence;
}

/* ---- Kafka */

static void count_record(struct worker *w, int answer, bool stub)
{
    struct worker_metrics *m = &w->metrics;
    m->records_stub_total += stub;
    m->repeats_total += answer == ROUTES_REPEATED;
    m->stale_epoch_total += answer == ROUTES_STALE;
    m->holes_total += answer == ROUTES_HOLE && !stub;
    m->records_foreign_total += answer == ROUTES_NOT_MINE;
}

/* What has no number would be told twice, and a channel of which nothing is known any more would stand where it did then. */
bool flow_wants_again(const struct worker *w, enum record_kind kind, struct bytes channel)
{
    const struct partition *p = routes_partition(&w->routes, channel);
    return kind != RECORD_EPHEMERAL && !(p && p->caught_up && !routes_knows(&w->routes, channel));
}

void flow_record(struct worker *w, enum record_kind kind, struct bytes channel,
                 const struct publication *p)
{
    struct publication stamped = *p;
    stamped.consumed_us = clock_real_us();
    struct pub *pub = pub_new(channel, &stamped);
    pub->taken_ns = clock_mono_ns();
    if (kind == RECORD_EPHEMERAL) {
        w->metrics.ephemeral_total++;
        count_record(w, routes_ephemeral(routes_now(w), channel, pub), false);
    } else {
        count_record(w, routes_record(routes_now(w), channel, pub, kind == RECORD_STUB),
                     kind == RECORD_STUB);
    }
    if (w->caught_up && p->relayed_us)
        histogram_record(&w->metrics.hop_kafka_seconds,
                         (int64_t)(stamped.consumed_us - p->relayed_us));
    pub_unref(pub);
}

/* Members in another cell may be gone, nobody knows which: those of this one may ask. */
void flow_unsaid(void *owner, struct bytes tenant)
{
    struct worker *w = owner;
    log_info("members_unsaid", "tenant=%.*s a cell of it was started anew, or is no more: clients here are told that lists of members "
             "may be wrong", BYTES_FMT(tenant));
    presence_doubt(presence_now(w), tenant);
}

/* What was said before this worker took the partition is no news. */
void flow_news(struct worker *w, struct bytes channel, const struct presence_news *m)
{
    const struct partition *p = routes_partition(&w->routes, channel);
    if (!p || !p->owned || !p->caught_up)
        return;
    w->metrics.presence_news_heard_total++;
    abroad_heard(&w->abroad, channel, m);
    presence_hear(presence_now(w), channel, m);
}

/* Whether all is read up is told to the gateways, and to the supervisor, when it changes. */
static void consider_caught_up(struct worker *w, bool tell)
{
    bool caught_up = w->metrics.partitions_caught_up == w->metrics.partitions;
    if (caught_up && !w->caught_up)
        log_info("caught_up", "partitions=%lld records=%llu", (long long)w->metrics.partitions,
                 (unsigned long long)w->metrics.records_total);
    tell |= caught_up != w->caught_up;
    w->caught_up = caught_up;
    if (!tell)
        return;
    gateways_welcome(w);
    control_status(&w->control);
}

void flow_caught_up(struct worker *w, uint32_t partition)
{
    routes_caught_up(routes_now(w), partition);
    consider_caught_up(w, false);
}

void flow_doubt(struct worker *w, int32_t partition, const char *why)
{
    w->metrics.doubts_total++;
    log_warn("kafka_doubt", "partition=%d why=\"%s\" heads are compared with PostgreSQL",
             partition, why);
    routes_doubt(routes_now(w), partition);
}

/* ---- what webhooks are to tell (decision 0029) */

static struct occupancy *occupancy_now(struct worker *w)
{
    w->telling.occupancy.now_ns = clock_mono_ns();
    return &w->telling.occupancy;
}

static void on_wanted(void *owner, struct bytes channel, bool wanted)
{
    if (wanted)
        occupancy_held(occupancy_now(owner), channel, (struct bytes){0});
    else
        occupancy_gone(occupancy_now(owner), channel);
}

static void occupied_already(void *owner, struct bytes channel)
{
    on_wanted(owner, channel, true);
}

static void connected_already(void *owner, struct bytes subject, struct bytes detail)
{
    occupancy_held(occupancy_now(owner), subject, detail);
}

static bool is_client(struct bytes channel)
{
    return bytes_starts(channel, BYTES(OCCUPANCY_CLIENT));
}

/* A tenant has a webhook that had none, or more of one. */
static void tell_all(struct worker *w)
{
    routes_each_wanted(&w->routes, occupied_already, w);
    presence_each(&w->presence, BYTES(OCCUPANCY_CLIENT), connected_already, w);
    telling_doubt(&w->telling);
}

/* ---- the map */

static bool is_mine(void *ctx, struct bytes channel)
{
    return routes_owns(&((struct worker *)ctx)->routes, channel);
}

/* Nobody could be answered before the first map. */
static void listen_now(struct worker *w)
{
    char path[128];
    struct buf error = {0};
    if (w->listener)
        return;
    if (w->options.socket[0])
        snprintf(path, sizeof path, "%s", w->options.socket);
    else
        snprintf(path, sizeof path, "%s/worker-%lld.sock", w->options.run_dir,
                 (long long)w->options.slot);
    if (listener_new(w->process.loop, path, 128, gateways_accept, w, &w->listener, &error) <
        0) {
        log_error("listen_failed", "path=%s why=\"%s\" this process ends", path,
                  error.p ? error.p : "");
        w->failed = true;
        worker_stop(w);
    } else {
        log_info("listening", "path=%s", path);
    }
    buf_fini(&error);
}

int flow_map(struct worker *w, const struct ctl_map *m)
{
    struct lanes lanes;
    lanes_init(&lanes);
    if (m->partitions == 0 || m->partitions > PARTITIONS_MAX || lanes_take(&lanes, m->lanes) < 0 ||
        m->owners.n != (m->partitions + lanes.most) * sizeof(uint32_t)) {
        lanes_fini(&lanes);
        return -EBADMSG;
    }
    uint32_t n = m->partitions + lanes.most;
    bool *mine = calloc(n, sizeof *mine);
    assert(mine);
    struct bytes owners = m->owners;
    for (uint32_t i = 0, slot; i < n && wire_get_u32(&owners, &slot); i++)
        mine[i] = slot == (uint32_t)w->options.slot;
    w->generation = m->generation;
    routes_map(routes_now(w), m->generation, mine, m->partitions, &lanes);
    source_assign(w->source, mine, n);
    presence_keep(&w->presence, is_mine, w);
    occupancy_keep(occupancy_now(w), is_mine, w);
    telling_doubt(&w->telling);
    free(mine);
    log_info("map_taken", "generation=%llu partitions=%u lanes=%u mine=%lld",
             (unsigned long long)m->generation, m->partitions, n - m->partitions,
             (long long)w->metrics.partitions);
    routes_doubt(routes_now(w), -1);
    consider_caught_up(w, true);
    listen_now(w);
    return 0;
}

/* ---- the configuration */

static void tenant_came(void *owner, struct bytes tenant)
{
    struct worker *w = owner;
    log_info("tenant_came", "tenant=%.*s", BYTES_FMT(tenant));
    routes_tenant_came(routes_now(w), tenant);
}

int flow_config(struct worker *w, const struct ctl_config *m)
{
    int error = hosted_take(&w->hosted, m->json, bytes_str(w->options.cell), tenant_came, w);
    if (error == 0)
        abroad_configure(&w->abroad, m->json);
    if (error == 0 && occupancy_configure(occupancy_now(w), m->json) > 0)
        tell_all(w);
    return error;
}

/* ---- what the routes ask for */

static bool on_full(void *owner, const struct taker *t)
{
    return gateway_full(container_of(t, struct gateway_link, taker));
}

static bool on_crowded(void *owner, const struct taker *t)
{
    return gateway_crowded(container_of(t, struct gateway_link, taker));
}

static void on_subscribed(void *owner, struct taker *t, struct bytes channel, uint32_t status,
                          uint64_t epoch, uint64_t seq)
{
    gateway_send_subscribed(gateway_of(t), channel, status, epoch, seq);
}

static void on_publication(void *owner, struct taker *t, const struct pub *p, bool live)
{
    struct worker *w = owner;
    w->metrics.sent_total++;
    w->metrics.sent_bytes_total += p->n;
    if (live)
        histogram_record(&w->metrics.hop_worker_seconds,
                         (clock_mono_ns() - p->taken_ns) / NS_PER_US);
    gateway_send_publication(gateway_of(t), p, clock_real_us());
}

static void on_not_mine(void *owner, struct taker *t, struct bytes channel)
{
    gateway_send_not_mine(gateway_of(t), channel);
}

static void on_ask_head(void *owner, struct bytes channel)
{
    history_head(((struct worker *)owner)->history, channel);
}

static void on_forget_head(void *owner, struct bytes channel)
{
    history_forget_head(((struct worker *)owner)->history, channel);
}

static void on_filled(void *ctx, const struct page *page)
{
    struct worker *w = ctx;
    routes_page(routes_now(w), PAGE_FILL, page);
}

static void on_refilled(void *ctx, const struct page *page)
{
    struct worker *w = ctx;
    routes_page(routes_now(w), PAGE_REFILL, page);
}

static void on_ask_page(void *owner, struct bytes channel, enum page_purpose purpose,
                        uint64_t epoch, uint64_t since, uint64_t until)
{
    struct worker *w = owner;
    struct history_ask ask = {
        .channel = channel,
        .epoch = epoch,
        .since = since,
        .until = until,
        .rows = (uint32_t)w->options.page_rows,
        .bytes = (size_t)w->options.page_bytes,
    };
    history_page(w->history, &ask, true, purpose == PAGE_FILL ? on_filled : on_refilled, w);
}

const struct routes_ports flow_ports = {
    .full = on_full,
    .crowded = on_crowded,
    .subscribed = on_subscribed,
    .publication = on_publication,
    .not_mine = on_not_mine,
    .wanted = on_wanted,
    .ask_head = on_ask_head,
    .forget_head = on_forget_head,
    .ask_page = on_ask_page,
};

static void on_head(void *owner, struct bytes channel, uint64_t epoch, uint64_t seq)
{
    struct worker *w = owner;
    routes_head(routes_now(w), channel, epoch, seq);
}

const struct history_handlers flow_history = {.head = on_head};

/* ---- gateways */

void flow_subscribe(struct worker *w, struct gateway_link *g, const struct fan_subscribe *m)
{
    if (routes_subscribe(routes_now(w), &g->taker, m) == ROUTES_NOT_MINE)
        gateway_send_not_mine(g, m->channel);
}

void flow_unsubscribe(struct worker *w, struct gateway_link *g, struct bytes channel)
{
    routes_unsubscribe(routes_now(w), &g->taker, channel);
}

void flow_drained(struct worker *w, struct gateway_link *g)
{
    routes_taker_drained(routes_now(w), &g->taker);
}

void flow_gateway_gone(struct worker *w, struct gateway_link *g)
{
    read_forget_all(g);
    routes_taker_gone(routes_now(w), &g->taker);
}

void flow_presence_set(struct worker *w, struct gateway_link *g,
                       const struct fan_presence_set *m)
{
    if (!routes_owns(&w->routes, m->channel))
        gateway_send_not_mine(g, m->channel);
    else if (presence_set(presence_now(w), g->lease, m) < 0)
        w->metrics.presence_refused_total++;
    else if (is_client(m->channel))
        occupancy_held(occupancy_now(w), m->channel, m->info);
}

void flow_presence_clear(struct worker *w, struct gateway_link *g,
                         const struct fan_presence_clear *m)
{
    presence_clear(presence_now(w), g->lease, m);
}

void flow_synced(struct worker *w, struct gateway_link *g, const struct fan_synced *m)
{
    presence_synced(presence_now(w), g->lease, m->generation);
}

void flow_ask_presence(struct worker *w, struct gateway_link *g,
                       const struct fan_ask_presence *m)
{
    const struct partition *p =
        routes_partition(&w->routes, m->channel);
    struct fan_presence answer = {.request = m->request, .status = STATUS_AWAY};
    if (!p || !p->owned) {
        gateway_send_not_mine(g, m->channel);
    } else {
        buf_clear(&w->scratch);
        answer.status = STATUS_OK;
        presence_answer(presence_now(w), m,
                        (struct presence_since){p->since_ns, p->since_generation}, &w->scratch,
                        &answer);
    }
    gateway_send_presence(g, &answer);
}

/* Calls `send` for every gateway that listens to the channel and takes something now. */
static void tell_listeners(struct worker *w, struct bytes channel,
                           void (*send)(struct gateway_link *g, const void *what),
                           const void *what)
{
    const struct channel *ch = routes_channel(routes_now(w), channel);
    struct cursor *c;
    if (!ch)
        return;
    list_for_each (c, &ch->cursors, channel_link) {
        if (c->state == CURSOR_WAITING)
            continue;
        if (gateway_full(gateway_of(c->taker)))
            w->metrics.joins_dropped_total++;
        else
            send(gateway_of(c->taker), what);
    }
}

static void send_join(struct gateway_link *g, const void *what)
{
    gateway_send_join(g, what);
}

static void send_leave(struct gateway_link *g, const void *what)
{
    gateway_send_leave(g, what);
}

static void send_counts(struct gateway_link *g, const void *what)
{
    gateway_send_counts(g, what);
}

static void on_told(void *owner, struct bytes channel, struct bytes info, bool joined)
{
    if (is_client(channel) && !joined)
        occupancy_gone(occupancy_now(owner), channel);
    else if (joined)
        tell_listeners(owner, channel, send_join,
                       &(struct fan_join){.channel = channel, .info = info});
    else
        tell_listeners(owner, channel, send_leave,
                       &(struct fan_leave){.channel = channel, .info = info});
}

static void on_counts(void *owner, struct bytes channel, uint32_t clients, uint32_t users)
{
    tell_listeners(
        owner, channel, send_counts,
        &(struct fan_counts){.channel = channel, .clients = clients, .users = users});
}

static void on_abroad(void *owner, struct bytes channel, const struct presence_news *m)
{
    struct worker *w = owner;
    if (!is_client(channel))
        abroad_send(&w->abroad, channel, &w->routes.lanes, m);
}

const struct presence_ports flow_presence = {.told = on_told, .counts = on_counts, .abroad = on_abroad};

/* ---- the loop */

void flow_tick(struct worker *w)
{
    routes_tick(routes_now(w));
    presence_tick(presence_now(w));
    occupancy_now(w);
    if (presence_is_told(&w->presence)) /* a worker that has yet to be linked knows nothing */
        telling_tick(&w->telling, is_mine, w);
}

void flow_turn(struct worker *w)
{
    routes_turn(routes_now(w));
    history_turn(w->history);
}
