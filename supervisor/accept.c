#include "accept.h"

#include "core/clock.h"
#include "headroom.h"
#include "run/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGAIN_S 0.001 /* a gateway takes thousands in a second */

/* ---- passing */

static int pick(struct acceptor *a)
{
    const struct crew *crew = &a->cell->crews[ROLE_GATEWAY];
    struct headroom all[SLOTS_MAX];
    for (unsigned i = 0; i < crew->made; i++) {
        const struct child *g = crew->at[i];
        all[i] = (struct headroom){
            .state = g->link && !g->report.draining ? g->state : CHILD_DOWN,
            .full = g->accept_full,
            .capacity = g->report.capacity,
            .connections = g->report.connections,
            .adopted = g->report.adopted,
            .passed = g->passed,
        };
    }
    return headroom_pick(all, crew->made, a->turn);
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

/* What is full now may not be in a millisecond. */
static void look_again(struct acceptor *a)
{
    if (ev_is_active(&a->again))
        return;
    ev_timer_set(&a->again, AGAIN_S, 0.);
    ev_timer_start(a->cell->loop, &a->again);
}

/* Tries one gateway after the other, the one with most headroom first. -> true when one took it */
static bool place(struct acceptor *a, int fd, struct bytes body)
{
    int at;
    while ((at = pick(a)) >= 0) {
        struct child *g = a->cell->crews[ROLE_GATEWAY].at[at];
        int error = pass(g, fd, body);
        if (error == 0) {
            a->turn = (size_t)at + 1;
            return true;
        }
        g->accept_full = true; /* EAGAIN; or it has just died, and its end will be told */
        log_debug("pass_failed", "child=%s error=%d", g->name, error);
        look_again(a);
    }
    return false;
}

static void forget_full(struct acceptor *a)
{
    struct child *g;
    for cell_each_gateway (g, a->cell)
        g->accept_full = false;
}

/* ---- pausing */

static void pause_if(struct acceptor *a, bool paused)
{
    if (paused && !a->metrics->accept_paused) {
        a->metrics->accept_pauses_total++;
        log_debug("accept_paused", "no gateway can take a connection held=%d", a->held >= 0);
    }
    a->metrics->accept_paused = paused;
    listener_pause(a->listener, paused);
}

static void give_up_held(struct acceptor *a)
{
    if (a->held >= 0)
        close(a->held);
    a->held = -1;
}

void acceptor_consider(struct acceptor *a)
{
    if (!a->listener)
        return;
    forget_full(a);
    if (a->held >= 0 && place(a, a->held, buf_bytes(&a->held_body)))
        give_up_held(a);
    pause_if(a, a->held >= 0 || pick(a) < 0);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    acceptor_consider(w->data);
}

static void hold(struct acceptor *a, int fd, struct buf *body)
{
    a->held = fd;
    buf_clear(&a->held_body);
    buf_append_bytes(&a->held_body, buf_bytes(body));
    pause_if(a, true);
}

static void on_accepted(void *owner, int fd, const char *peer)
{
    struct acceptor *a = owner;
    struct ctl_accepted m = {.peer = bytes_str(peer), .accepted_us = clock_real_us()};
    struct buf body;
    a->metrics->accepted_total++;
    buf_init(&body);
    wire_put_ctl_accepted(&body, &m);
    if (place(a, fd, buf_bytes(&body))) {
        close(fd);
        pause_if(a, pick(a) < 0);
    } else {
        hold(a, fd, &body);
    }
    buf_fini(&body);
}

/* ---- life */

static void warn_of_somaxconn(int64_t backlog)
{
    FILE *f = fopen("/proc/sys/net/core/somaxconn", "re");
    long long limit = 0;
    if (f && fscanf(f, "%lld", &limit) == 1 && limit < backlog)
        log_warn("backlog_cut", "asked=%lld somaxconn=%lld more connections at once than that are "
                                "refused by the kernel: sysctl net.core.somaxconn=%lld",
                 (long long)backlog, limit, (long long)backlog);
    if (f)
        fclose(f);
}

int acceptor_init(struct acceptor *a, struct cell *cell, struct supervisor_metrics *metrics,
                  struct buf *ret_error)
{
    const struct supervisor_options *o = cell->options;
    *a = (struct acceptor){.cell = cell, .metrics = metrics, .held = -1};
    ev_timer_init(&a->again, on_again, 0., 0.);
    a->again.data = a;
    buf_init(&a->held_body);
    int error = listener_new(cell->loop, o->listen, (int)o->backlog, on_accepted, a, &a->listener,
                             ret_error);
    if (error < 0)
        return error;
    int seconds = (int)((o->defer_accept + 999) / 1000);
    if (seconds)
        setsockopt(listener_fd(a->listener), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
                   sizeof seconds);
    warn_of_somaxconn(o->backlog);
    pause_if(a, true);
    return 0;
}

void acceptor_close(struct acceptor *a)
{
    if (!a->listener)
        return;
    ev_timer_stop(a->cell->loop, &a->again);
    a->metrics->accept_lost_total += a->held >= 0;
    give_up_held(a);
    listener_free(a->listener);
    a->listener = NULL;
}

void acceptor_fini(struct acceptor *a)
{
    acceptor_close(a);
    buf_fini(&a->held_body);
}

int acceptor_port(const struct acceptor *a)
{
    return a->listener ? listener_port(a->listener) : 0;
}
