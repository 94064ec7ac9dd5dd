#include "gateways.h"

#include "crossing.h"
#include "sequencer.h"

#include "core/clock.h"
#include "run/handshake.h"
#include "run/link.h"
#include "run/listener.h"
#include "run/log.h"
#include "wire/messages.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 128
#define BEAT_S 0.5
#define SILENCE_NS (1500 * NS_PER_MS) /* then it is gone */
#define UNREAD_MAX                                                                             \
    (1 << 20) /* bytes of answers to a gateway that does not read; then we don't read from it  \
               */
#define NAME_MAX_BYTES 64

struct gateway {
    struct list link;          /* gateways::all */
    struct map_node by_origin; /* gateways::by_origin, after its hello */
    struct gateways *gateways;
    struct link *wire;
    struct handshake handshake; /* before its hello */
    bool greeted;
    bool is_peer;       /* another sequencer, which listens to our beats */
    uint64_t holder;    /* the peer's */
    struct seat seat;   /* of a cell's supervisor */
    bool paused;        /* we don't read from it */
    int64_t accepted_ns;
    int64_t resumed_ns; /* when we last began to read again: its silence counts from there */
    uint64_t origin;
    uint64_t told_epoch, told_shards;
    char name[NAME_MAX_BYTES];
};

struct gateways {
    struct sequencer *sequencer;
    struct listener *listener;
    struct list all; /* struct gateway::link */
    size_t n, n_peers;
    struct map by_origin;
    struct crossing crossing;
    bool leaving;
    int64_t refused_ns; /* monotonic: somebody without the secret was last told of in the log */
    ev_timer beat;
};

static void gateway_free(struct gateway *g)
{
    struct gateways *all = g->gateways;
    if (g->greeted)
        map_remove(&all->by_origin, &g->by_origin);
    list_remove(&g->link);
    all->n--;
    all->n_peers -= g->is_peer;
    crossing_leave(&all->crossing, &g->seat);
    link_free(g->wire);
    free(g);
}

static struct gateway *find(const struct gateways *all, uint64_t origin)
{
    return map_find_u64(&all->by_origin, origin, struct gateway, by_origin, origin);
}

/* ---- back-pressure */

static bool is_cell(const struct gateway *g)
{
    return g->seat.wire;
}

static bool has_room(const struct gateway *g)
{
    const struct sequencer *s = g->gateways->sequencer;
    size_t most = (size_t)s->options->memory_bytes;
    return is_cell(g) || s->inbox.bytes <= (g->paused ? most / 4 * 3 : most);
}

/* Reads while it takes its answers and there is memory for more messages. */
static void regulate(struct gateway *g)
{
    bool pause = link_pending(g->wire) > UNREAD_MAX || g->gateways->leaving || !has_room(g);
    if (pause == g->paused)
        return;
    g->paused = pause;
    g->resumed_ns = clock_mono_ns();
    link_pause(g->wire, pause);
}

/* ---- what it is told */

static void welcome(struct gateway *g)
{
    struct sequencer *s = g->gateways->sequencer;
    struct seq_welcome w = {
        .version = WIRE_VERSION,
        .sequencer = bytes_str(s->options->name),
        .epoch = s->leader.epoch,
        .shards = lead_mask(s),
    };
    g->told_epoch = w.epoch;
    g->told_shards = w.shards;
    LINK_SEND(g->wire, SEQ_WELCOME, seq_welcome, &w);
}

void gateways_announce(struct gateways *all)
{
    struct gateway *g;
    if (!all)
        return;
    struct sequencer *s = all->sequencer;
    list_for_each (g, &all->all, link) {
        if (g->greeted && (g->told_epoch != s->leader.epoch || g->told_shards != lead_mask(s)))
            welcome(g);
    }
    gateways_tell_peers(all);
}

static enum peer_postgres postgres_state(const struct sequencer *s)
{
    if (s->lead.phase == AWAY)
        return PEER_POSTGRES_LOST;
    return pulse_is_steady(&s->pulse, clock_mono_ns()) ? PEER_POSTGRES_STEADY : PEER_POSTGRES_UP;
}

static void tell_peer(struct gateway *g)
{
    struct sequencer *s = g->gateways->sequencer;
    struct seq_peer_beat beat = {
        .sequencer = bytes_str(s->options->name),
        .holder = (uint64_t)s->lead.holder,
        .shards = lead_mask(s),
        .postgres = (uint8_t)postgres_state(s),
        .sent_us = clock_real_us(),
    };
    LINK_SEND(g->wire, SEQ_PEER_BEAT, seq_peer_beat, &beat);
}

void gateways_tell_peers(struct gateways *all)
{
    struct gateway *g;
    if (!all || !all->n_peers)
        return;
    list_for_each (g, &all->all, link) {
        if (g->is_peer)
            tell_peer(g);
    }
}

void gateways_result(struct gateways *all, uint64_t origin, const struct seq_result *result)
{
    struct gateway *g = find(all, origin);
    if (!g)
        return; /* it asks again when it is back */
    LINK_SEND(g->wire, SEQ_RESULT, seq_result, result);
    regulate(g);
}

/* ---- what it says */

static void keep_name(struct gateway *g, struct bytes name)
{
    snprintf(g->name, sizeof g->name, "%.*s", BYTES_FMT(name));
}

static bool is_known(const struct gateway *g)
{
    return g->greeted || g->is_peer || is_cell(g);
}

/* -> what is wrong with it, or NULL */
static const char *on_hello(struct gateway *g, struct bytes body)
{
    struct seq_hello hello;
    if (wire_get_seq_hello(body, &hello) < 0 || is_known(g))
        return "bad hello";
    if (hello.version != WIRE_VERSION)
        return "another version of the wire format";
    struct gateway *older = find(g->gateways, hello.origin);
    if (older)
        gateway_free(older);
    g->greeted = true;
    g->origin = hello.origin;
    keep_name(g, hello.gateway);
    map_insert(&g->gateways->by_origin, &g->by_origin, hash_u64(g->origin));
    log_info("gateway_up", "gateway=\"%s\" origin=%016" PRIx64 " again=%s", g->name, g->origin,
             older ? "yes" : "no");
    welcome(g);
    return NULL;
}

static const char *on_publish(struct gateway *g, struct bytes body)
{
    struct seq_publish p;
    if (!g->greeted)
        return "a publish before its hello";
    if (wire_get_seq_publish(body, &p) < 0)
        return "bad publish";
    flow_publish(g->gateways->sequencer, g->origin, &p);
    return NULL;
}

static const char *on_peer(struct gateway *g, struct bytes body)
{
    struct seq_peer_hello peer;
    if (wire_get_seq_peer_hello(body, &peer) < 0 || is_known(g))
        return "bad hello of a peer";
    if (peer.version != WIRE_VERSION)
        return "another version of the wire format";
    keep_name(g, peer.sequencer);
    g->is_peer = true;
    g->holder = peer.holder;
    g->gateways->n_peers++;
    tell_peer(g);
    return NULL;
}

static const char *on_peer_ask(struct gateway *g, struct bytes body)
{
    struct seq_peer_ask ask;
    if (!g->is_peer || wire_get_seq_peer_ask(body, &ask) < 0)
        return "bad question of a peer";
    lead_give(g->gateways->sequencer, ask.shards, g->name, (int64_t)g->holder, (int32_t)ask.pid);
    return NULL;
}

static const char *on_cell(struct gateway *g, struct bytes body)
{
    if (is_known(g))
        return "bad hello of a cell";
    const char *wrong = crossing_enter(&g->gateways->crossing, &g->seat, g->wire, body);
    if (!wrong)
        keep_name(g, bytes_str(g->seat.cell));
    return wrong;
}

/* Whoever tries again and again gets a line a second, all together. */
static void without_secret(struct gateway *g, const char *why)
{
    struct gateways *all = g->gateways;
    int64_t now_ns = clock_mono_ns();
    all->sequencer->metrics.secrets_refused_total++;
    if (now_ns - all->refused_ns >= NS_PER_S)
        log_error("secret_refused", "peer=%s why=\"%s\"", g->name, why);
    if (now_ns - all->refused_ns >= NS_PER_S)
        all->refused_ns = now_ns;
    gateway_free(g);
}

static void on_handshake(struct gateway *g, uint8_t type, struct bytes body)
{
    struct buf why = {0};
    if (handshake_frame(&g->handshake, g->wire, type, body, &why) < 0)
        without_secret(g, why.p);
    buf_fini(&why);
}

/* -> what is wrong with it, or NULL. A beat says by having come what it says; what a newer one may send beside is not for
 * us. */
static const char *take_frame(struct gateway *g, uint8_t type, struct bytes body)
{
    switch (type) {
    case SEQ_HELLO:
        return on_hello(g, body);
    case SEQ_PUBLISH:
        return on_publish(g, body);
    case SEQ_PEER_HELLO:
        return on_peer(g, body);
    case SEQ_PEER_ASK:
        return on_peer_ask(g, body);
    case SEQ_CELL_HELLO:
        return on_cell(g, body);
    case SEQ_CROSS_CALL:
    case SEQ_CROSS_RESULT:
        return crossing_pass(&g->gateways->crossing, &g->seat, type, body);
    default:
        return NULL;
    }
}

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct gateway *g = owner;
    if (type != SEQ_BEAT && handshake_takes(&g->handshake, type)) {
        on_handshake(g, type, body);
        return;
    }
    const char *wrong = take_frame(g, type, body);
    if (wrong) {
        log_warn("gateway_refused", "gateway=\"%s\" why=\"%s\"", g->name, wrong);
        gateway_free(g);
        return;
    }
    regulate(g);
}

static void on_drained(void *owner, struct link *l)
{
    regulate(owner);
}

static void on_down(void *owner, struct link *l, int error)
{
    struct gateway *g = owner;
    if (g->greeted)
        log_info("gateway_down", "gateway=\"%s\" origin=%016" PRIx64 " errno=%s", g->name,
                 g->origin, strerror(-error));
    gateway_free(g);
}

static const struct link_handlers link_handlers = {on_frame, on_drained, on_down};

static void on_accepted(void *owner, int fd, const struct address *peer)
{
    struct gateways *all = owner;
    char from[64];
    address_text(peer, from, sizeof from);
    if (all->n >= (size_t)all->sequencer->options->connections_max) {
        log_warn("gateway_refused", "peer=%s why=\"--connections-max %zu\"", from, all->n);
        close(fd);
        return;
    }
    struct gateway *g = calloc(1, sizeof *g);
    assert(g);
    g->gateways = all;
    g->wire = link_new(all->sequencer->loop, fd, &link_handlers, g);
    g->accepted_ns = g->resumed_ns = clock_mono_ns();
    keep_name(g, bytes_str(from)); /* until its hello */
    handshake_accept(&g->handshake, all->sequencer->options->secret_file);
    seat_init(&g->seat);
    list_init(&g->link);
    list_append(&all->all, &g->link);
    all->n++;
}

/* ---- time */

/* Beats alone keep a link, but nobody who does not say the secret. */
static bool keeps_secret(const struct gateway *g, int64_t now_ns)
{
    return g->handshake.state != HANDSHAKE_DONE && now_ns - g->accepted_ns > SILENCE_NS;
}

static bool is_silent(const struct gateway *g, int64_t now_ns)
{
    int64_t heard_ns = link_heard_ns(g->wire);
    if (heard_ns < g->resumed_ns)
        heard_ns = g->resumed_ns;
    return !g->paused && now_ns - heard_ns > SILENCE_NS;
}

static void on_beat(struct ev_loop *loop, ev_timer *w, int events)
{
    struct gateways *all = w->data;
    struct gateway *g, *spare;
    struct seq_beat beat = {.sent_us = clock_real_us()};
    int64_t now_ns = clock_mono_ns();
    list_for_each_safe (g, spare, &all->all, link) {
        if (keeps_secret(g, now_ns)) {
            without_secret(g, "it has not been said in time");
            continue;
        }
        if (is_silent(g, now_ns)) {
            log_warn("gateway_silent", "gateway=\"%s\" ms=%" PRId64, g->name,
                     (int64_t)((now_ns - link_heard_ns(g->wire)) / NS_PER_MS));
            gateway_free(g);
            continue;
        }
        regulate(g);
        LINK_SEND(g->wire, SEQ_BEAT, seq_beat, &beat);
    }
}

/* ---- life */

int gateways_new(struct sequencer *s, const char *address, struct gateways **ret_gateways,
                 struct buf *ret_error)
{
    struct gateways *all = calloc(1, sizeof *all);
    assert(all);
    all->sequencer = s;
    list_init(&all->all);
    map_init(&all->by_origin);
    crossing_init(&all->crossing, &s->metrics);
    ev_timer_init(&all->beat, on_beat, BEAT_S, BEAT_S);
    all->beat.data = all;
    int error =
        listener_new(s->loop, address, BACKLOG, on_accepted, all, &all->listener, ret_error);
    if (error < 0) {
        free(all);
        return error;
    }
    ev_timer_start(s->loop, &all->beat);
    *ret_gateways = all;
    return 0;
}

void gateways_drop(struct gateways *all)
{
    struct gateway *g, *spare;
    list_for_each_safe (g, spare, &all->all, link) {
        if (!g->is_peer && !is_cell(g))
            gateway_free(g);
    }
}

void gateways_leave(struct gateways *all)
{
    struct gateway *g;
    all->leaving = true;
    listener_free(all->listener);
    all->listener = NULL;
    list_for_each (g, &all->all, link)
        regulate(g);
}

size_t gateways_pending(const struct gateways *all)
{
    const struct gateway *g;
    size_t pending = 0;
    list_for_each (g, &all->all, link)
        pending += link_pending(g->wire);
    return pending;
}

size_t gateways_count(const struct gateways *all)
{
    return all->by_origin.count;
}

size_t gateways_cells(const struct gateways *all)
{
    const struct list *seats = &all->crossing.seats;
    size_t n = 0;
    for (const struct list *l = seats->next; l != seats; l = l->next)
        n++;
    return n;
}

void gateways_free(struct gateways *all)
{
    if (!all)
        return;
    ev_timer_stop(all->sequencer->loop, &all->beat);
    if (all->listener)
        listener_free(all->listener);
    struct gateway *g;
    while ((g = list_first(&all->all, struct gateway, link)))
        gateway_free(g);
    map_fini(&all->by_origin);
    free(all);
}
