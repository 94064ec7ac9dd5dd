#include "accept.h"

#include "backlog.h"
#include "core/clock.h"
#include "headroom.h"
#include "run/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGAIN_NS NS_PER_MS /* a gateway takes thousands in a second */
#define FULL_NS (20 * NS_PER_MS)
#define FULL_TICKS 5 /* s */
#define WINDOW_NS (200 * NS_PER_MS) /* gateways report each 100 ms */
#define BURST_NS (20 * NS_PER_MS)

/* ---- passing */

/* -> number of slots; ret: how each stands */
static size_t look_at_gateways(const struct acceptor *a, struct headroom ret[SLOTS_MAX])
{
    const struct crew *crew = &a->cell->crews[ROLE_GATEWAY];
    for (unsigned i = 0; i < crew->made; i++)
        ret[i] = child_headroom(crew->at[i]);
    return crew->made;
}

static int pick(const struct acceptor *a)
{
    struct headroom all[SLOTS_MAX];
    size_t n = look_at_gateways(a, all);
    return headroom_pick(all, n, a->turn);
}

/* -> 0, or -errno: it did not take it */
static int pass(struct child *g, int fd, struct bytes body)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = (void *)body.p, .iov_len = body.n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                       .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (sendmsg(g->accept_fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return -errno;
    g->passed++;
    g->counts.passed_total++;
    return 0;
}

/* What is full now may not be in a millisecond, and the rate lets the next one pass then. */
static void look_again(struct acceptor *a, int64_t wait_ns)
{
    if (ev_is_active(&a->again))
        return;
    ev_timer_set(&a->again, (double)(wait_ns > AGAIN_NS ? wait_ns : AGAIN_NS) / NS_PER_S, 0.);
    ev_timer_start(a->cell->loop, &a->again);
}

/* Tries one gateway after the other, the one with most headroom, which is at, first. -> whether one took it */
static bool place(struct acceptor *a, int at, int fd, struct bytes body)
{
    for (; at >= 0; at = pick(a)) {
        struct child *g = a->cell->crews[ROLE_GATEWAY].at[at];
        int error = pass(g, fd, body);
        if (error == 0) {
            a->turn = (size_t)at + 1;
            return true;
        }
        g->accept_full = true; /* EAGAIN; or it has just died, and its end will be told */
        log_debug("pass_failed", "child=%s error=%d", g->name, error);
        look_again(a, AGAIN_NS);
    }
    return false;
}

static bool hand_over(struct acceptor *a, int at, const struct arrival *one)
{
    char peer[SOURCE_TEXT_MAX];
    struct buf body = {0};
    source_text(one->source, peer);
    wire_put_ctl_accepted(&body, &(struct ctl_accepted){.peer = bytes_str(peer), .accepted_us = one->accepted_us});
    bool taken = place(a, at, one->fd, buf_bytes(&body));
    buf_fini(&body);
    return taken;
}

static void forget_full(struct acceptor *a)
{
    struct child *g;
    for cell_each_gateway (g, a->cell)
        g->accept_full = false;
}

/* ---- the gate */

static void say_paced(struct acceptor *a, int64_t now_ns)
{
    a->metrics->accept_paced_total++;
    if (episode_happens(&a->paced, now_ns))
        log_info("gate_paced", "rate=%.0f lag_ms=%lld more come than gateways are to take now: the others wait in the kernel's backlog",
                 a->rate.rate, (long long)(a->rate.lag_ns / NS_PER_MS));
}

/* -> whether one more may pass now */
static bool may_pass(struct acceptor *a)
{
    int64_t now_ns = clock_mono_ns();
    if (aimd_take(&a->rate, now_ns))
        return true;
    if (!ev_is_active(&a->again))
        say_paced(a, now_ns);
    look_again(a, aimd_wait(&a->rate, now_ns));
    return false;
}

static void say_starved(struct acceptor *a, bool starved)
{
    if (starved && !a->metrics->accept_paused) {
        a->metrics->accept_pauses_total++;
        log_debug("accept_paused", "held=%u no gateway can take a connection", a->arrivals.n[ARRIVAL_READY]);
    }
    a->metrics->accept_paused = starved;
}

/* -> of those that are ready; NULL: none. In a storm an SDK gives up in the queue, and its request would cost a gateway as much. */
static struct arrival *first_who_waits(struct acceptor *a)
{
    struct arrival *first;
    while ((first = arrivals_first(&a->arrivals)) && arrival_has_left(first)) {
        a->metrics->arrivals_left_total++;
        arrival_free(first);
    }
    return first;
}

/* Hands over who is ready, as far as gate and gateways allow; the listener goes on when nobody is left. */
static void push(struct acceptor *a)
{
    struct arrival *first;
    int at;
    while ((first = first_who_waits(a)) && (at = pick(a)) >= 0 && may_pass(a) && hand_over(a, at, first))
        arrival_free(first);
    bool starved = pick(a) < 0;
    bool full = arrivals_full(&a->arrivals);
    say_starved(a, starved);
    if (full)
        look_again(a, FULL_NS);
    listener_pause(a->listener, starved || first || full);
}

static void on_ready(void *owner)
{
    push(owner);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    struct acceptor *a = w->data;
    forget_full(a);
    push(a);
}

static void on_accepted(void *owner, int fd, const struct address *peer)
{
    struct acceptor *a = owner;
    a->metrics->accepted_total++;
    arrivals_add(&a->arrivals, fd, peer);
    push(a);
}

static void hear_lag(struct acceptor *a)
{
    struct headroom all[SLOTS_MAX];
    size_t n = look_at_gateways(a, all);
    aimd_lag(&a->rate, headroom_lag(all, n) * NS_PER_MS, clock_mono_ns());
    a->metrics->accept_rate = a->rate.limits.max ? (int64_t)a->rate.rate : 0;
    a->metrics->gateway_lag_seconds = a->rate.lag_ns / NS_PER_US;
}

void acceptor_consider(struct acceptor *a)
{
    if (!a->listener)
        return;
    hear_lag(a);
    forget_full(a);
    push(a);
}

static void watch_backlog(struct acceptor *a, int64_t now_ns)
{
    struct backlog b = backlog_of(listener_fd(a->listener));
    bool full = b.max && b.waiting >= b.max;
    a->metrics->backlog_waiting = b.waiting;
    a->metrics->backlog_max = b.max;
    a->metrics->backlog_full_total += full;
    if (full && episode_happens(&a->full, now_ns))
        log_warn("backlog_full", "waiting=%u the kernel drops further connections, which come again after 1, 3, 7 s: --backlog, "
                                 "sysctl net.core.somaxconn", b.waiting);
}

/* Once, when it has lasted: gateways that are replaced are away for less. */
static void watch_room(struct acceptor *a)
{
    a->starved_ticks = a->metrics->accept_paused ? a->starved_ticks + 1 : 0;
    if (a->starved_ticks == FULL_TICKS)
        log_warn("cell_full", "seconds=%d no gateway can take a client: all are at --gateway-option=connections-max, or away (cellcastctl status)",
                 FULL_TICKS);
}

void acceptor_tick(struct acceptor *a, int64_t now_ns)
{
    struct episode over;
    if (!a->listener)
        return;
    hear_lag(a);
    watch_backlog(a, now_ns);
    watch_room(a);
    if (episode_ends(&a->paced, now_ns, &over))
        log_info("gate_open", "paced_ms=%lld rate=%.0f nobody waits for the gate any more",
                 (long long)((over.last_ns - over.since_ns) / NS_PER_MS), a->rate.rate);
}

/* ---- life */

static void defer_accept(int fd, int64_t ms)
{
    int seconds = (int)((ms + 999) / 1000);
    if (seconds)
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
}

int acceptor_init(struct acceptor *a, struct cell *cell, struct supervisor_metrics *metrics,
                  struct buf *ret_error)
{
    const struct supervisor_options *o = cell->options;
    struct aimd_limits limits = {.start = (double)o->accept_rate_start, .max = (double)o->accept_rate,
                                 .target_ns = o->accept_lag * NS_PER_MS, .window_ns = WINDOW_NS, .burst_ns = BURST_NS};
    *a = (struct acceptor){.cell = cell, .metrics = metrics};
    ev_timer_init(&a->again, on_again, 0., 0.);
    a->again.data = a;
    aimd_init(&a->rate, &limits, clock_mono_ns());
    int error = arrivals_init(&a->arrivals, cell->loop, o, metrics, on_ready, a, ret_error);
    if (error == 0)
        error = listener_new(cell->loop, o->listen, (int)o->backlog, on_accepted, a, &a->listener, ret_error);
    if (error < 0)
        return error;
    defer_accept(listener_fd(a->listener), o->defer_accept);
    backlog_warn(o->backlog);
    say_starved(a, true);
    listener_pause(a->listener, true);
    return 0;
}

void acceptor_close(struct acceptor *a)
{
    if (!a->listener)
        return;
    ev_timer_stop(a->cell->loop, &a->again);
    a->metrics->accept_lost_total += a->arrivals.n[ARRIVAL_TURN] + a->arrivals.n[ARRIVAL_READY];
    arrivals_cut(&a->arrivals);
    listener_free(a->listener);
    a->listener = NULL;
}

void acceptor_fini(struct acceptor *a)
{
    acceptor_close(a);
    arrivals_fini(&a->arrivals);
}

int acceptor_port(const struct acceptor *a)
{
    return a->listener ? listener_port(a->listener) : 0;
}
