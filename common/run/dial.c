#include "run/dial.h"

#include "core/backoff.h"
#include "core/clock.h"
#include "core/random.h"
#include "run/address.h"
#include "run/log.h"
#include "run/resolver.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRY_S 1.0    /* an address that is not connected by then is given up */
#define LOOKUP_S 5.0 /* a name that is not answered by then is given up */
#define BEATS_OF_SILENCE 3
#define TRIES_MANY 16 /* the backoff is at its most */

/* WAITING --timer--> LOOKING --addresses--> CONNECTING --writable--> UP --down--> WAITING
 *                    LOOKING --none, timer--> WAITING
 *                                           CONNECTING --error, timer--> the next address, or WAITING */
enum dial_state { WAITING, LOOKING, CONNECTING, UP };

struct dial {
    struct ev_loop *loop;
    char *address;
    struct dial_handlers handlers;
    void *owner;
    enum dial_state state;
    struct backoff backoff;
    uint32_t beat_ms;
    ev_timer timer; /* next try, end of patience, or silence: by state */
    ev_io connecting;
    struct resolver *resolver; /* while LOOKING for a name */
    int fd;                /* while CONNECTING */
    struct address addresses[ADDRESSES_MAX];
    int n_addresses, next_address;
    struct link *link; /* while UP */
    bool reset;        /* UP, and its owner wants it down */
    bool said;         /* that it can't be reached: once until it is up again */
};

static void try_next(struct dial *d, int error);

static void arm(struct dial *d, double seconds)
{
    ev_timer_stop(d->loop, &d->timer);
    ev_timer_set(&d->timer, seconds, 0.);
    ev_timer_start(d->loop, &d->timer);
}

static void goto_waiting(struct dial *d)
{
    d->state = WAITING;
    arm(d, backoff_next(&d->backoff, random_u64()) / 1000.);
}

static void drop_try(struct dial *d)
{
    ev_io_stop(d->loop, &d->connecting);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

/* ---- up */

static void on_frame(void *owner, struct link *l, uint8_t type, struct bytes body)
{
    struct dial *d = owner;
    backoff_reset(&d->backoff); /* not before: some accept and close at once */
    if (!d->reset)
        d->handlers.frame(d->owner, l, type, body);
}

static void on_drained(void *owner, struct link *l)
{
    struct dial *d = owner;
    if (!d->reset && d->handlers.drained)
        d->handlers.drained(d->owner, l);
}

static void on_down(void *owner, struct link *l, int error)
{
    struct dial *d = owner;
    d->link = NULL;
    goto_waiting(d);
    d->handlers.down(d->owner, d, error); /* may free the dial, not the link */
    link_free(l);
}

static const struct link_handlers link_doors = {on_frame, on_drained, on_down};

static void goto_up(struct dial *d)
{
    int fd = d->fd;
    d->fd = -1;
    drop_try(d);
    d->state = UP;
    d->said = d->reset = false;
    d->link = link_new(d->loop, fd, &link_doors, d);
    ev_timer_stop(d->loop, &d->timer);
    if (d->beat_ms)
        arm(d, BEATS_OF_SILENCE * d->beat_ms / 1000.);
    d->handlers.up(d->owner, d, d->link);
}

/* Bytes that wait in the socket are a sign of life: we were slow, stopped or paused. */
static bool has_unheard(const struct dial *d)
{
    char byte;
    return recv(link_fd(d->link), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void check_silence(struct dial *d)
{
    int64_t left = link_heard_ns(d->link) + BEATS_OF_SILENCE * (int64_t)d->beat_ms * NS_PER_MS -
                   clock_mono_ns();
    if (left <= 0 && has_unheard(d))
        left = d->beat_ms * NS_PER_MS;
    if (left > 0)
        arm(d, (double)left / NS_PER_S);
    else
        on_down(d, d->link, -ETIMEDOUT);
}

/* ---- connecting */

static void on_connecting(struct ev_loop *loop, ev_io *w, int events)
{
    struct dial *d = w->data;
    int error = 0;
    socklen_t n = sizeof error;
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
        error = errno;
    if (error)
        try_next(d, -error);
    else
        goto_up(d);
}

/* -> 0 up, 1 under way, -errno */
static int try_one(struct dial *d, const struct address *a)
{
    d->fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0)
        return -errno;
    if (connect(d->fd, &a->any, a->n) == 0)
        return 0;
    return errno == EINPROGRESS ? 1 : -errno;
}

static void try_next(struct dial *d, int error)
{
    drop_try(d);
    while (d->next_address < d->n_addresses) {
        int outcome = try_one(d, &d->addresses[d->next_address++]);
        if (outcome == 0) {
            goto_up(d);
            return;
        }
        if (outcome > 0) {
            ev_io_set(&d->connecting, d->fd, EV_WRITE);
            ev_io_start(d->loop, &d->connecting);
            arm(d, TRY_S);
            return;
        }
        error = outcome;
        drop_try(d);
    }
    if (!d->said)
        log_warn("not_reached", "peer=%s errno=%s trying on", d->address, strerror(-error));
    d->said = true;
    goto_waiting(d);
}

static void goto_connecting(struct dial *d, int n_addresses)
{
    d->state = CONNECTING;
    d->next_address = 0;
    d->n_addresses = n_addresses;
    try_next(d, n_addresses < 0 ? n_addresses : -EHOSTUNREACH);
}

static void looked_up(void *owner, const struct address *addresses, int n)
{
    struct dial *d = owner;
    d->resolver = NULL;
    if (n > 0)
        memcpy(d->addresses, addresses, (size_t)n * sizeof *addresses);
    ev_timer_stop(d->loop, &d->timer);
    goto_connecting(d, n);
}

static void give_up_lookup(struct dial *d, int error)
{
    resolver_free(d->resolver);
    d->resolver = NULL;
    goto_connecting(d, error);
}

static void goto_looking(struct dial *d)
{
    d->state = LOOKING;
    if (!address_is_name(d->address)) {
        goto_connecting(d, address_resolve(d->address, false, d->addresses, NULL));
        return;
    }
    d->resolver = resolver_new(d->loop, d->address, looked_up, d);
    if (d->resolver)
        arm(d, LOOKUP_S);
    else
        goto_connecting(d, -EAGAIN);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    struct dial *d = w->data;
    switch (d->state) {
    case WAITING:
        goto_looking(d);
        break;
    case LOOKING:
        give_up_lookup(d, -ETIMEDOUT);
        break;
    case CONNECTING:
        try_next(d, -ETIMEDOUT);
        break;
    case UP:
        if (d->reset)
            on_down(d, d->link, -ECANCELED);
        else
            check_silence(d);
        break;
    }
}

/* ---- life */

struct dial *dial_new(struct ev_loop *loop, const char *address, uint32_t min_ms,
                      uint32_t max_ms, uint32_t beat_ms, const struct dial_handlers *handlers,
                      void *owner)
{
    struct dial *d = calloc(1, sizeof *d);
    assert(d && handlers->up && handlers->frame && handlers->down);
    *d = (struct dial){
        .loop = loop, .handlers = *handlers, .owner = owner, .beat_ms = beat_ms, .fd = -1};
    d->address = strdup(address);
    assert(d->address);
    backoff_init(&d->backoff, min_ms, max_ms);
    ev_io_init(&d->connecting, on_connecting, -1, EV_WRITE);
    ev_timer_init(&d->timer, on_timer, 0., 0.);
    d->connecting.data = d->timer.data = d;
    arm(d, 0.);
    return d;
}

void dial_free(struct dial *d)
{
    if (!d)
        return;
    drop_try(d);
    resolver_free(d->resolver);
    ev_timer_stop(d->loop, &d->timer);
    link_free(d->link);
    free(d->address);
    free(d);
}

void dial_reset(struct dial *d)
{
    if (d->state != UP || d->reset)
        return;
    d->reset = true;
    link_pause(d->link, true);
    arm(d, 0.);
}

void dial_refuse(struct dial *d)
{
    d->backoff.tries = TRIES_MANY;
    dial_reset(d);
}

struct link *dial_link(struct dial *d)
{
    return d->link;
}

const char *dial_address(const struct dial *d)
{
    return d->address;
}
