#include "gateway.h"

#include "admission.h"
#include "ctl_link.h"
#include "drain.h"
#include "fan_link.h"
#include "flow.h"
#include "http.h"
#include "kafka_link.h"
#include "page.h"
#include "seq_link.h"
#include "slow.h"
#include "sweep.h"
#include "tls.h"
#include "ws.h"

#include "core/clock.h"
#include "kafka/access.h"
#include "run/http_client.h"
#include "run/link.h"
#include "run/listener.h"
#include "run/log.h"
#include "run/process.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BACKLOG 1024
#define BREATH_NS NS_PER_MS /* of clients' events, then delivery has its turn */
#define BREATH_PRIORITY (LINK_PRIORITY - 1)
#define EVENTS_A_LOOK 8     /* of clients, between two looks at the clock */
#define CONNECTIONS_DEFAULT 20000
#define OTHER_FILES 256 /* descriptors that are not clients': links, listener, HTTP, the loop's own */

/* The loop's own watchers: what opens and what ends a turn. */
struct gateway_loop {
    struct gateway *g;
    ev_check opens;
    ev_prepare ends;
    ev_idle again; /* active while work is left: the loop does not wait */
    ev_timer tick; /* the wheel's */
    ev_timer batch; /* the loop does not wait longer than the next batch does, the slow turn, or a channel that was set aside */
    ev_timer breath; /* never started: fed */
    unsigned events; /* of clients */
    int64_t breathed_ns;
    int64_t swept_ns, opened_ns;
    struct listener *listener;
};

/* ---- the loop */

static void look_at_the_clocks(struct gateway *g)
{
    g->now_ns = clock_mono_ns();
    g->now_us = clock_real_us();
}

static void on_turn_opens(struct ev_loop *loop, ev_check *w, int events)
{
    struct gateway_loop *l = w->data;
    look_at_the_clocks(l->g);
    l->opened_ns = l->breathed_ns = l->g->now_ns;
    batch_waited(&l->g->batch, l->g->now_ns);
}

/* A pending event of higher priority goes before what is pending already (libev), and not inside the event under way. */
void gateway_breathe(struct gateway *g)
{
    struct gateway_loop *l = g->turns;
    if (++l->events % EVENTS_A_LOOK || clock_mono_ns() - l->breathed_ns < BREATH_NS)
        return;
    fan_links_look(g->fan);
    seq_links_look(g->seq);
    ev_feed_event(g->loop, &l->breath, EV_TIMER);
}

static void on_breath(struct ev_loop *loop, ev_timer *w, int events)
{
    struct gateway_loop *l = w->data;
    look_at_the_clocks(l->g);
    flow_turn(l->g); /* what is left is the end's of the turn, or the next breath's */
    l->g->metrics.breaths_total++;
    l->breathed_ns = clock_mono_ns();
}

static void on_batch(struct ev_loop *loop, ev_timer *w, int events)
{
}

static int32_t sooner(int32_t a, int32_t b) /* ms; -1: never */
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void wake_for_batch(struct gateway_loop *l, struct ev_loop *loop)
{
    int32_t next = sooner(sooner(batch_next_ms(l->g), fairflush_next_ms(l->g)), budgets_next_ms(l->g));
    ev_timer_stop(loop, &l->batch);
    if (next < 0)
        return;
    ev_timer_set(&l->batch, next / 1000., 0.);
    ev_timer_start(loop, &l->batch);
}

/* Bulk leaves the core to whoever has waited longer: else its own turn there sets the latency of all others. */
static void go_on(struct gateway_loop *l, struct ev_loop *loop)
{
    ev_idle_start(loop, &l->again);
    sched_yield();
}

static void on_turn_ends(struct ev_loop *loop, ev_prepare *w, int events)
{
    struct gateway_loop *l = w->data;
    look_at_the_clocks(l->g);
    ws_turn(l->g->ws);
    if (flow_turn(l->g))
        go_on(l, loop);
    else
        ev_idle_stop(loop, &l->again);
    giveway_turn(&l->g->giveway);
    wake_for_batch(l, loop);
    int64_t now_ns = clock_mono_ns();
    batch_worked(&l->g->batch, now_ns);
    lag_saw(&l->g->lag, now_ns - l->opened_ns, now_ns);
}

static void on_again(struct ev_loop *loop, ev_idle *w, int events)
{
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct gateway_loop *l = w->data;
    lag_ticked(&l->g->lag, WHEEL_TICK_NS, l->g->now_ns);
    wheel_turn(&l->g->wheel, l->g->now_ns);
    if (l->g->now_ns - l->swept_ns >= NS_PER_S) {
        l->swept_ns = l->g->now_ns;
        sweep_heads(l->g);
        pages_tick(l->g);
        slow_tick(l->g);
        fairflush_judge(l->g);
        l->g->metrics.busy_percent = (int64_t)(l->g->batch.load * 100);
        l->g->metrics.trims_total += trim_turn(&l->g->trim, l->g->now_ns, &l->g->channels);
    }
    l->g->metrics.lag_seconds = lag_now(&l->g->lag, l->g->now_ns) / NS_PER_US;
    l->g->metrics.connect_rate = l->g->options->connect_rate ? (int64_t)l->g->admission.rate.rate : 0;
    l->g->metrics.slow_turn_rate = (int64_t)l->g->flush.width.rate;
    l->g->metrics.publishes_pending = seq_pending(l->g->seq);
    l->g->metrics.ephemeral_pending = kafka_link_pending(l->g->kafka);
    l->g->metrics.proxy_inflight = http_client_inflight(l->g->http);
    l->g->metrics.proxy_waiting = http_client_waiting(l->g->http);
}

static void start_loop(struct gateway_loop *l, struct ev_loop *loop)
{
    ev_check_init(&l->opens, on_turn_opens);
    ev_set_priority(&l->opens, EV_MAXPRI);
    ev_prepare_init(&l->ends, on_turn_ends);
    ev_idle_init(&l->again, on_again);
    ev_timer_init(&l->batch, on_batch, 0., 0.);
    ev_timer_init(&l->breath, on_breath, 0., 0.);
    ev_set_priority(&l->breath, BREATH_PRIORITY);
    ev_timer_init(&l->tick, on_tick, 0., (double)WHEEL_TICK_NS / NS_PER_S);
    l->opens.data = l->ends.data = l->tick.data = l->breath.data = l;
    ev_check_start(loop, &l->opens);
    ev_prepare_start(loop, &l->ends);
    ev_timer_start(loop, &l->tick);
}

/* The first turn has no opening, and what starting took is no lag. */
static void open_first_turn(struct gateway_loop *l)
{
    look_at_the_clocks(l->g);
    l->opened_ns = l->breathed_ns = l->g->now_ns;
    lag_init(&l->g->lag, l->g->now_ns);
}

static void stop_loop(struct gateway_loop *l, struct ev_loop *loop)
{
    ev_check_stop(loop, &l->opens);
    ev_prepare_stop(loop, &l->ends);
    ev_idle_stop(loop, &l->again);
    ev_timer_stop(loop, &l->tick);
    ev_timer_stop(loop, &l->batch);
}

/* ---- start and end */

static void on_accepted(void *owner, int fd, const struct address *peer)
{
    struct gateway *g = owner;
    ws_adopt(g->ws, fd, source_of(peer), false);
}

/* The supervisor's socket lives on when this process ends: whoever dials meanwhile waits for the next one. */
static bool is_listening(int fd)
{
    int is = 0;
    socklen_t n = sizeof is;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &n) == 0 && is;
}

static int listen_here(struct gateway *g, struct gateway_loop *l, struct buf *ret_error)
{
    char address[32];
    if (is_listening(LISTEN_FD)) {
        l->listener = listener_adopt(g->loop, LISTEN_FD, on_accepted, g);
        return 0;
    }
    snprintf(address, sizeof address, "127.0.0.1:%lld", (long long)g->options->port);
    return listener_new(g->loop, address, BACKLOG, on_accepted, g, &l->listener, ret_error);
}

static int other_files(const struct gateway_options *o)
{
    return OTHER_FILES + (int)(2 * o->proxy_sockets + o->proxy_idle);
}

static uint32_t capacity_of(const struct gateway_options *o)
{
    int64_t room = process_nofile() - other_files(o), most = o->connections_max ? o->connections_max : CONNECTIONS_DEFAULT;
    if (room < 16)
        room = 16;
    return (uint32_t)(most < room ? most : room);
}

/* libwebsockets walks a table as long as the limit of open files whenever it closes a connection. */
static void shorten_the_table(uint32_t capacity, const struct gateway_options *o)
{
    process_lower_nofile((int)capacity + other_files(o));
}

static struct http_client *http_client_of(const struct gateway_options *o, struct ev_loop *loop)
{
    struct http_client_options how = {.transfers_max = (uint32_t)o->proxy_requests_max,
                                      .running_max = (uint32_t)o->proxy_sockets,
                                      .connections_idle = (uint32_t)o->proxy_idle,
                                      .ca_file = o->proxy_ca_file};
    return http_client_new(loop, &how);
}

int gateway_start(struct gateway *g, struct ev_loop *loop, struct buf *ret_error)
{
    struct gateway_loop *l = calloc(1, sizeof *l);
    assert(l);
    l->g = g;
    g->loop = loop;
    g->turns = l;
    g->capacity = capacity_of(g->options);
    shorten_the_table(g->capacity, g->options);
    g->sockets_max = g->capacity + OTHER_FILES / 2; /* one that is full still answers whether it is well */
    int error = kafka_access_read(g->options->kafka_config, ret_error);
    if (error < 0)
        return error;
    giveway_open(&g->giveway);
    start_loop(l, loop);
    g->fan = fan_links_new(g);
    g->seq = seq_links_new(g, g->options->sequencer);
    g->kafka = kafka_link_new(g);
    g->tls = g->options->tls ? tls_new(&g->metrics) : NULL;
    g->http = http_client_of(g->options, loop);
    g->ws = ws_new(g, &http_handlers);
    if (!g->ws) {
        buf_append_str(ret_error, "libwebsockets does not start; see the log");
        return -EIO;
    }
    error = listen_here(g, l, ret_error);
    if (error < 0)
        return error;
    token_cache_map(&g->tokens, TOKENS_FD);
    g->ctl = ctl_link_new(g, listener_port(l->listener));
    log_info("started", "port=%d capacity=%u supervisor=%s", listener_port(l->listener), g->capacity,
             g->ctl ? "yes" : "no, so there will be no configuration");
    open_first_turn(l);
    return 0;
}

void gateway_stop(struct gateway *g)
{
    drain_free(g->drain);
    g->drain = NULL;
    ctl_link_free(g->ctl);
    g->ctl = NULL;
    listener_free(g->turns->listener);
    ws_free(g->ws);
    http_client_free(g->http);
    tls_free(g->tls);
    seq_links_free(g->seq);
    kafka_link_free(g->kafka);
    fan_links_free(g->fan);
    stop_loop(g->turns, g->loop);
    giveway_fini(&g->giveway);
    free(g->turns);
}

void gateway_drain(struct gateway *g, int64_t over_ms)
{
    listener_pause(g->turns->listener, true);
    if (!g->drain)
        g->drain = drain_new(g);
    drain_leave(g->drain, over_ms);
}

void gateway_pace(struct gateway *g, bool clear, uint32_t rate)
{
    if (clear && !g->drain)
        g->drain = drain_new(g);
    if (g->drain)
        drain_pace(g->drain, rate);
    if (clear || !g->drain || drain_leaves(g->drain))
        return;
    drain_free(g->drain);
    g->drain = NULL;
}
