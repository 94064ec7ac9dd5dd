#include "arrival.h"

#include "proxy_header.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define TURN_SHARE 2 /* part of --arrivals-max that may wait for the turn of their sources */

static unsigned total(const struct arrivals *all)
{
    unsigned n = 0;
    for (int state = 0; state < ARRIVAL_STATES; state++)
        n += all->n[state];
    return n;
}

/* ---- states */

static void count(struct arrivals *all, enum arrival_state state, int more)
{
    all->n[state] += (unsigned)more;
    all->metrics->arrivals_silent = all->n[ARRIVAL_HEADER] + all->n[ARRIVAL_SILENT];
    all->metrics->arrivals_held = all->n[ARRIVAL_TURN];
}

static void leave_list(struct arrival *a)
{
    list_remove(&a->link);
    count(a->all, a->state, -1);
}

static void enter_list(struct arrival *a, enum arrival_state state)
{
    a->state = state;
    list_append(&a->all->in[state], &a->link);
    count(a->all, state, 1);
}

static void start_timer(struct arrival *a, double seconds)
{
    ev_timer_stop(a->all->loop, &a->timer);
    ev_timer_set(&a->timer, seconds, 0.);
    ev_timer_start(a->all->loop, &a->timer);
}

/* One function changes a state. HEADER and SILENT share a deadline, from accept. */
static void go(struct arrival *a, enum arrival_state state)
{
    bool listens = state == ARRIVAL_HEADER || state == ARRIVAL_SILENT;
    leave_list(a);
    enter_list(a, state);
    if (listens && !ev_is_active(&a->readable)) {
        ev_io_start(a->all->loop, &a->readable);
        start_timer(a, (double)a->all->options->arrival_timeout / 1000);
    }
    if (!listens)
        ev_io_stop(a->all->loop, &a->readable);
    if (state == ARRIVAL_READY)
        ev_timer_stop(a->all->loop, &a->timer);
}

void arrival_free(struct arrival *a)
{
    ev_io_stop(a->all->loop, &a->readable);
    ev_timer_stop(a->all->loop, &a->timer);
    leave_list(a);
    close(a->fd);
    free(a->header);
    free(a);
}

bool arrival_has_left(const struct arrival *a)
{
    struct pollfd end = {.fd = a->fd, .events = POLLRDHUP};
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    return poll(&end, 1, 0) > 0 && getsockopt(a->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 &&
           info.tcpi_last_data_recv >= LEFT_AFTER_MS;
}

static void cut(struct arrival *a)
{
    struct linger drop = {.l_onoff = 1};
    setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
    arrival_free(a);
}

/* ---- who is turned away */

static void cut_silent(struct arrival *a, const char *why)
{
    struct arrivals *all = a->all;
    char text[SOURCE_TEXT_MAX];
    source_text(a->source, text);
    all->metrics->arrivals_cut_total++;
    if (episode_happens(&all->cut, clock_mono_ns()))
        log_warn("silent_cut", "peer=%s why=\"%s\" silent=%u --arrivals-max=%lld connections that say nothing are cut", text,
                 why, all->n[ARRIVAL_HEADER] + all->n[ARRIVAL_SILENT], (long long)all->options->arrivals_max);
    cut(a);
}

static void refuse_source(struct arrival *a)
{
    struct arrivals *all = a->all;
    char text[SOURCE_TEXT_MAX];
    source_text(a->source, text);
    all->metrics->source_refused_total++;
    if (episode_happens(&all->refused, clock_mono_ns()))
        log_warn("source_refused", "peer=%s --source-rate=%lld --source-wait=%lldms connections of a source above its rate are closed",
                 text, (long long)all->options->source_rate, (long long)all->options->source_wait);
    cut(a);
}

static void refuse_header(struct arrival *a)
{
    struct arrivals *all = a->all;
    char text[SOURCE_TEXT_MAX];
    source_text(a->source, text);
    all->metrics->proxy_refused_total++;
    if (episode_happens(&all->nonsense, clock_mono_ns()))
        log_warn("proxy_refused", "peer=%s it is one of --proxy-from, and what it sent is no header of PROXY protocol version 2: "
                                  "connections of it are closed", text);
    cut(a);
}

/* ---- the way of one */

static void find_turn(struct arrival *a)
{
    struct arrivals *all = a->all;
    int64_t wait_ns = source_buckets_take(&all->buckets, a->source, clock_mono_ns());
    if (wait_ns < 0 || (wait_ns > 0 && all->n[ARRIVAL_TURN] >= all->options->arrivals_max / TURN_SHARE)) {
        refuse_source(a);
    } else if (wait_ns > 0) {
        all->metrics->source_held_total++;
        go(a, ARRIVAL_TURN);
        start_timer(a, (double)wait_ns / NS_PER_S);
    } else {
        go(a, ARRIVAL_READY);
    }
}

static void listen_for_byte(struct arrival *a)
{
    char byte;
    ssize_t n = recv(a->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0)
        find_turn(a);
    else if (n < 0 && (errno == EAGAIN || errno == EINTR))
        go(a, ARRIVAL_SILENT);
    else
        arrival_free(a);
}

/* -> whether the header has come to its end; else a waits for more, or has gone */
static bool read_header(struct arrival *a)
{
    struct proxy_header *h = a->header;
    int wants;
    while ((wants = proxy_header_wants(h)) > 0) {
        ssize_t n = recv(a->fd, h->bytes + h->n, (size_t)wants, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            go(a, ARRIVAL_HEADER);
            return false;
        }
        if (n <= 0) {
            arrival_free(a);
            return false;
        }
        h->n += (unsigned)n;
    }
    if (wants == 0 && proxy_header_read(h, &a->source) >= 0)
        return true;
    refuse_header(a);
    return false;
}

static void go_on(struct arrival *a)
{
    if (a->header) {
        if (!read_header(a))
            return;
        free(a->header);
        a->header = NULL;
    }
    listen_for_byte(a);
}

static void tell_if_ready(struct arrivals *all)
{
    if (all->n[ARRIVAL_READY])
        all->ready(all->owner);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct arrival *a = w->data;
    struct arrivals *all = a->all;
    go_on(a);
    tell_if_ready(all);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    struct arrival *a = w->data;
    struct arrivals *all = a->all;
    if (a->state != ARRIVAL_TURN) {
        cut_silent(a, "--arrival-timeout has passed");
        return;
    }
    go(a, ARRIVAL_READY);
    tell_if_ready(all);
}

/* ---- all of them */

struct arrival *arrivals_first(const struct arrivals *all)
{
    return list_first(&all->in[ARRIVAL_READY], struct arrival, link);
}

/* -> the one that is cut when there are too many, or NULL */
static struct arrival *longest_silent(const struct arrivals *all)
{
    struct arrival *longest = list_first(&all->in[ARRIVAL_SILENT], struct arrival, link);
    if (!longest)
        longest = list_first(&all->in[ARRIVAL_HEADER], struct arrival, link);
    bool young = longest && clock_mono_ns() - longest->since_ns < all->options->arrival_grace * NS_PER_MS;
    return young ? NULL : longest;
}

bool arrivals_full(const struct arrivals *all)
{
    return total(all) >= all->options->arrivals_max && !longest_silent(all);
}

static void make_room(struct arrivals *all)
{
    struct arrival *longest = total(all) < all->options->arrivals_max ? NULL : longest_silent(all);
    if (longest)
        cut_silent(longest, "there are too many");
}

void arrivals_add(struct arrivals *all, int fd, const struct address *peer)
{
    make_room(all);
    struct arrival *a = calloc(1, sizeof *a);
    assert(a);
    *a = (struct arrival){.all = all, .fd = fd, .source = source_of(peer), .accepted_us = clock_real_us(), .since_ns = clock_mono_ns()};
    list_init(&a->link);
    ev_io_init(&a->readable, on_readable, fd, EV_READ);
    ev_init(&a->timer, on_timer);
    a->readable.data = a->timer.data = a;
    if (networks_have(&all->balancers, a->source)) {
        a->header = calloc(1, sizeof *a->header);
        assert(a->header);
    }
    enter_list(a, ARRIVAL_SILENT);
    go_on(a);
}

int arrivals_init(struct arrivals *all, struct ev_loop *loop, const struct supervisor_options *options,
                  struct supervisor_metrics *metrics, void (*ready)(void *owner), void *owner, struct buf *ret_error)
{
    *all = (struct arrivals){.loop = loop, .options = options, .metrics = metrics, .ready = ready, .owner = owner};
    for (int state = 0; state < ARRIVAL_STATES; state++)
        list_init(&all->in[state]);
    source_buckets_init(&all->buckets, options->source_rate, options->source_wait * NS_PER_MS, (size_t)options->sources_max);
    struct buf why = {0};
    int error = networks_parse(options->proxy_from, &all->balancers, &why);
    if (error < 0)
        buf_printf(ret_error, "--proxy-from=%s: %.*s", options->proxy_from, BYTES_FMT(buf_bytes(&why)));
    buf_fini(&why);
    return error;
}

void arrivals_cut(struct arrivals *all)
{
    struct arrival *a;
    for (int state = 0; state < ARRIVAL_STATES; state++)
        while ((a = list_first(&all->in[state], struct arrival, link)))
            cut(a);
}

void arrivals_fini(struct arrivals *all)
{
    arrivals_cut(all);
    source_buckets_fini(&all->buckets);
}
