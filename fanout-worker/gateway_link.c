#include "gateway_link.h"

#include "core/clock.h"
#include "flow.h"
#include "read.h"
#include "record.h"
#include "share.h"
#include "run/log.h"
#include "worker.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD_BYTES 5 /* of a frame, besides its body */

#define SEND(g, TYPE, message_name, m)                                                         \
    do {                                                                                       \
        struct buf *send_into_ = link_begin((g)->l, TYPE);                                     \
        size_t send_at_ = send_into_->n;                                                       \
        wire_put_##message_name(send_into_, m);                                                \
        (g)->given += send_into_->n - send_at_ + HEAD_BYTES;                                   \
        link_end((g)->l);                                                                      \
    } while (0)

struct gateway_link *gateway_of(struct taker *t)
{
    return container_of(t, struct gateway_link, taker);
}

bool gateway_full(const struct gateway_link *g)
{
    return link_pending(g->l) > (size_t)g->worker->options.link_pending_max;
}

/* A flood of ephemeral publications alone never fills the link: the rest is for durable ones. */
bool gateway_crowded(const struct gateway_link *g)
{
    return link_pending(g->l) > (size_t)g->worker->options.link_pending_max / 4;
}

/* Two answers to reads may be on it besides: one that filled it, and one that was under way then. */
static bool is_choked(const struct gateway_link *g)
{
    const struct worker_options *o = &g->worker->options;
    return link_pending(g->l) > (size_t)(o->link_pending_max + 2 * o->read_bytes);
}

void gateway_breathe(struct gateway_link *g)
{
    reads_begin(g);
    g->paused = is_choked(g);
    link_pause(g->l, g->paused);
}

static void forget(struct gateway_link *g)
{
    struct worker *w = g->worker;
    if (g->lease) {
        w->presence.now_ns = clock_mono_ns();
        presence_lost(&w->presence, g->lease);
        w->metrics.gateways--;
    }
    flow_gateway_gone(w, g);
    fair_queue_fini(&g->waiting);
    taker_fini(&g->taker);
    link_free(g->l);
    list_remove(&g->link);
    free(g);
}

static void cut(struct gateway_link *g, const char *why)
{
    g->worker->metrics.gateways_cut_total++;
    log_warn("gateway_cut", "peer=%s why=\"%s\" interests=%s pending=%zu reads=%u", g->name,
             why, list_is_empty(&g->taker.cursors) ? "none" : "dropped", link_pending(g->l),
             g->n_reads + g->waiting.n);
    forget(g);
}

/* ---- what a gateway says */

static void welcome(struct gateway_link *g)
{
    struct worker *w = g->worker;
    SEND(g, FAN_WELCOME, fan_welcome,
         (&(struct fan_welcome){.version = WIRE_VERSION,
                                .worker = (uint32_t)w->options.slot,
                                .generation = w->generation,
                                .caught_up = w->caught_up}));
}

/* A gateway that comes anew before its old link was seen to end. */
static void replace_other(struct gateway_link *g, const struct lease *lease)
{
    struct gateway_link *other, *spare;
    list_for_each_safe (other, spare, &g->worker->gateways, link)
        if (other != g && other->lease == lease) {
            log_info("gateway_replaced", "peer=%s", other->name);
            forget(other);
        }
}

static int hello_came(struct gateway_link *g, struct bytes body)
{
    struct worker *w = g->worker;
    struct fan_hello m;
    if (wire_get_fan_hello(body, &m) < 0 || g->lease || m.gateway.n == 0 ||
        m.gateway.n >= sizeof g->name)
        return -EBADMSG;
    if (m.version != WIRE_VERSION) {
        log_error("version_differs", "peer=%.*s theirs=%u ours=%u", BYTES_FMT(m.gateway),
                  m.version, WIRE_VERSION);
        return -EPROTO;
    }
    snprintf(g->name, sizeof g->name, "%.*s", BYTES_FMT(m.gateway));
    struct lease *lease = presence_hello(&w->presence, m.gateway, m.origin);
    replace_other(g, lease);
    lease->linked = true;
    g->lease = lease;
    w->metrics.gateways++;
    log_info("gateway_linked", "peer=%s generation=%llu ours=%llu", g->name,
             (unsigned long long)m.generation, (unsigned long long)w->generation);
    welcome(g);
    return 0;
}

#define HEAR(message_name, body, call)                                                         \
    ({                                                                                         \
        struct message_name m;                                                                 \
        int hear_error_ = wire_get_##message_name(body, &m);                                   \
        if (hear_error_ == 0 && !channel_full_valid(m.channel))                                \
            hear_error_ = -EBADMSG;                                                            \
        if (hear_error_ == 0)                                                                  \
            call;                                                                              \
        hear_error_;                                                                           \
    })

static int synced_came(struct gateway_link *g, struct bytes body)
{
    struct fan_synced m;
    int error = wire_get_fan_synced(body, &m);
    if (error == 0)
        flow_synced(g->worker, g, &m);
    return error;
}

static int forget_came(struct gateway_link *g, struct bytes body)
{
    struct fan_forget m;
    int error = wire_get_fan_forget(body, &m);
    if (error == 0)
        read_forget(g, m.request);
    return error;
}

static int take(struct gateway_link *g, uint8_t type, struct bytes body)
{
    struct worker *w = g->worker;
    if (type == FAN_HELLO)
        return hello_came(g, body);
    if (!g->lease)
        return -EPROTO;
    switch (type) {
    case FAN_SUBSCRIBE:
        return HEAR(fan_subscribe, body, flow_subscribe(w, g, &m));
    case FAN_UNSUBSCRIBE:
        return HEAR(fan_unsubscribe, body, flow_unsubscribe(w, g, m.channel));
    case FAN_READ:
        return HEAR(fan_read, body, read_range(w, g, &m));
    case FAN_ASK_HEAD:
        return HEAR(fan_ask_head, body, read_head(w, g, &m));
    case FAN_PRESENCE_SET:
        return HEAR(fan_presence_set, body, flow_presence_set(w, g, &m));
    case FAN_PRESENCE_CLEAR:
        return HEAR(fan_presence_clear, body, flow_presence_clear(w, g, &m));
    case FAN_ASK_PRESENCE:
        return HEAR(fan_ask_presence, body, flow_ask_presence(w, g, &m));
    case FAN_SYNCED:
        return synced_came(g, body);
    case FAN_FORGET:
        return forget_came(g, body);
    default:
        return 0; /* beats, and what a newer one may say */
    }
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct gateway_link *g = owner;
    char why[64];
    int error = take(g, type, body);
    if (error == 0) {
        gateway_breathe(g);
        return;
    }
    snprintf(why, sizeof why, "frame of type %u with %zu bytes: %s", type, body.n,
             strerror(-error));
    cut(g, why);
}

static void on_drained(void *owner, struct link *l)
{
    struct gateway_link *g = owner;
    flow_drained(g->worker, g);
    gateway_breathe(g);
}

static void on_down(void *owner, struct link *l, int error)
{
    struct gateway_link *g = owner;
    log_info("gateway_lost", "peer=%s errno=%s", g->name, strerror(-error));
    forget(g);
}

static const struct link_handlers doors = {on_frame, on_drained, on_down};

/* ---- life */

static size_t count(const struct list *list)
{
    size_t n = 0;
    for (const struct list *at = list->next; at != list; at = at->next)
        n++;
    return n;
}

void gateways_accept(void *owner, int fd, const struct address *peer)
{
    struct worker *w = owner;
    if (count(&w->gateways) >= (size_t)w->options.gateways_max) {
        log_warn("gateway_refused", "links=%lld no more are taken",
                 (long long)w->options.gateways_max);
        close(fd);
        return;
    }
    struct gateway_link *g = calloc(1, sizeof *g);
    assert(g);
    snprintf(g->name, sizeof g->name, "new");
    g->worker = w;
    g->taken_ns = clock_mono_ns();
    taker_init(&g->taker);
    list_init(&g->reads);
    fair_queue_init(&g->waiting);
    list_append(&w->gateways, &g->link);
    g->l = link_new(w->process.loop, fd, &doors, g);
}

static int64_t weight_of(void *ctx, struct bytes tenant)
{
    return weights_of(ctx, tenant);
}

void gateways_weigh(struct worker *w)
{
    struct gateway_link *g;
    list_for_each (g, &w->gateways, link)
        shares_weigh(&g->taker, weight_of, &w->weights);
}

void gateways_close(struct worker *w)
{
    struct gateway_link *g, *spare;
    list_for_each_safe (g, spare, &w->gateways, link)
        forget(g);
}

void gateways_welcome(struct worker *w)
{
    struct gateway_link *g;
    list_for_each (g, &w->gateways, link)
        if (g->lease)
            welcome(g);
}

static const char *fault(struct gateway_link *g, int64_t now_ns)
{
    int64_t patience_ns = g->worker->options.gateway_patience * NS_PER_MS;
    size_t pending = link_pending(g->l);
    uint64_t taken = g->given > pending ? g->given - pending : 0;
    if (pending == 0 || taken != g->taken) {
        g->taken = taken;
        g->taken_ns = now_ns;
    }
    if (now_ns - g->taken_ns > patience_ns)
        return "it takes nothing";
    if (!g->paused && now_ns - link_heard_ns(g->l) > patience_ns)
        return "it says nothing";
    return NULL;
}

void gateways_tick(struct worker *w, int64_t now_ns)
{
    struct gateway_link *g, *spare;
    struct fan_beat beat = {.sent_us = clock_real_us()};
    list_for_each_safe (g, spare, &w->gateways, link) {
        const char *why = fault(g, now_ns);
        if (!why)
            read_tick(g, now_ns);
        if (why)
            cut(g, why);
        else if (g->lease &&
                 link_pending(g->l) == 0) /* who is written to anyway hears from us */
            SEND(g, FAN_BEAT, fan_beat, &beat);
    }
}

/* ---- what it is told */

void gateway_send_subscribed(struct gateway_link *g, struct bytes channel, uint32_t status,
                             uint64_t epoch, uint64_t seq)
{
    struct fan_subscribed m = {
        .channel = channel, .status = status, .epoch = epoch, .seq = seq};
    SEND(g, FAN_SUBSCRIBED, fan_subscribed, &m);
}

void gateway_send_publication(struct gateway_link *g, const struct pub *p, uint64_t now_us)
{
    struct buf *b = link_begin(g->l, FAN_PUBLICATION);
    uint64_t stamp = htole64(now_us);
    buf_append_bytes(b, pub_body(p));
    memcpy(b->p + b->n - PUB_STAMP, &stamp, PUB_STAMP);
    g->given += p->n + HEAD_BYTES;
    link_end(g->l);
}

void gateway_send_not_mine(struct gateway_link *g, struct bytes channel)
{
    struct fan_not_mine m = {.channel = channel, .generation = g->worker->generation};
    g->worker->metrics.not_mine_total++;
    SEND(g, FAN_NOT_MINE, fan_not_mine, &m);
}

void gateway_send_range(struct gateway_link *g, const struct fan_range *m)
{
    SEND(g, FAN_RANGE, fan_range, m);
}

void gateway_send_head(struct gateway_link *g, const struct fan_head *m)
{
    SEND(g, FAN_HEAD, fan_head, m);
}

void gateway_send_presence(struct gateway_link *g, const struct fan_presence *m)
{
    SEND(g, FAN_PRESENCE, fan_presence, m);
}

void gateway_send_join(struct gateway_link *g, const struct fan_join *m)
{
    SEND(g, FAN_JOIN, fan_join, m);
}

void gateway_send_leave(struct gateway_link *g, const struct fan_leave *m)
{
    SEND(g, FAN_LEAVE, fan_leave, m);
}

void gateway_send_counts(struct gateway_link *g, const struct fan_counts *m)
{
    SEND(g, FAN_COUNTS, fan_counts, m);
}
