#include "run/link.h"

#include "core/clock.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_FRAMES 256          /* handed over per loop turn */
#define READ_BYTES (64 << 10)    /* room for one read */
#define READ_BIG_BYTES (1 << 20) /* the same, while a frame larger than that is under way */
#define KEEP_BYTES (256 << 10)   /* an empty buffer larger than that is given back */
#define GATHER_BYTES (16 << 10)  /* are written although the turn is not over */
#define HEAD_BYTES 5             /* length and type */
#define LAST_READS 16 /* after a failed write; who goes on sending can't put off the end */

/*  in:  |… handed over …|at: complete frames, then perhaps the beginning of one|room|
 *  out: |… written …    |at: what the kernel did not take yet| */
struct link {
    struct ev_loop *loop;
    int fd;
    struct link_handlers handlers;
    void *owner;
    ev_io readable, writable;
    ev_timer later;    /* 0 s: frames of the next turn, and the end */
    ev_prepare parting; /* never started; fed with the lowest priority, which is after everything else of the turn */
    struct buf in, out;
    size_t in_at, out_at;
    size_t frame_at;  /* in `out`: where the frame under way begins */
    bool in_frame;    /* between link_begin and link_end */
    int64_t heard_ns; /* CLOCK_MONOTONIC */
    int error;        /* why it ends */
    bool ending;      /* no more bytes go out; what has come in is handed over, then `down` */
    int last_reads;   /* while ending: reads still made of what the peer said before the end */
    bool ended;       /* `down` was called */
    bool paused;
    int busy;   /* depth of calls into the owner */
    bool freed; /* link_free came during one of them */
};

static void destroy(struct link *l)
{
    buf_fini(&l->in);
    buf_fini(&l->out);
    free(l);
}

/* Calls of the owner stand between enter and leave. leave -> false when the link is gone. */
static void enter(struct link *l)
{
    l->busy++;
}

static bool leave(struct link *l)
{
    l->busy--;
    if (!l->freed)
        return true;
    if (l->busy == 0)
        destroy(l);
    return false;
}

static void watch_reads(struct link *l, bool want)
{
    if (want && !l->paused && !l->ending)
        ev_io_start(l->loop, &l->readable);
    else
        ev_io_stop(l->loop, &l->readable);
}

static void do_later(struct link *l)
{
    if (ev_is_active(&l->later))
        return;
    ev_timer_set(&l->later, 0., 0.);
    ev_timer_start(l->loop, &l->later);
}

static void end_link(struct link *l, int error, int last_reads)
{
    if (l->ending)
        return;
    l->ending = true;
    l->error = error;
    l->last_reads = last_reads;
    buf_clear(&l->out);
    l->out_at = 0;
    ev_io_stop(l->loop, &l->writable);
    ev_io_stop(l->loop, &l->readable);
    do_later(l);
}

/* ---- in */

/* -> bytes of the next complete frame, head included; 0 when there is none yet; -errno */
static int64_t next_frame(const struct link *l)
{
    size_t left = l->in.n - l->in_at;
    uint32_t length;
    if (left < sizeof length)
        return 0;
    memcpy(&length, l->in.p + l->in_at, sizeof length);
    length = le32toh(length);
    if (length == 0)
        return -EBADMSG;
    if (length > LINK_FRAME_MAX)
        return -EMSGSIZE;
    return left - sizeof length >= length ? (int64_t)(sizeof length + length) : 0;
}

/* The one memmove of a turn: what is left of the last frame goes to the front. */
static void compact(struct link *l)
{
    size_t left = l->in.n - l->in_at;
    if (left && l->in_at)
        memmove(l->in.p, l->in.p + l->in_at, left);
    l->in.n = left;
    l->in_at = 0;
    if (left == 0 && l->in.cap > KEEP_BYTES)
        buf_fini(&l->in);
}

/* -> 1 when more may be waiting, 0 when all was read, -errno, -ENODATA at the peer's close */
static int fill(struct link *l)
{
    size_t room = l->in.n > READ_BYTES ? READ_BIG_BYTES : READ_BYTES;
    buf_reserve(&l->in, room);
    ssize_t n;
    do
        n = recv(l->fd, l->in.p + l->in.n, room, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (n == 0)
        return -ENODATA;
    l->in.n += (size_t)n;
    l->heard_ns = clock_mono_ns();
    return (size_t)n == room;
}

/* Hands over what is complete, up to a turn's share.
 * -> 1 when more is waiting, 0, or -1 when the link is gone */
static int hand_over(struct link *l)
{
    int64_t n = 0;
    for (int i = 0; i < TURN_FRAMES && !l->paused; i++) {
        n = next_frame(l);
        if (n <= 0)
            break;
        const char *frame = l->in.p + l->in_at;
        l->in_at += (size_t)n;
        enter(l);
        l->handlers.frame(l->owner, l, (uint8_t)frame[HEAD_BYTES - 1],
                          bytes_of(frame + HEAD_BYTES, (size_t)n - HEAD_BYTES));
        if (!leave(l))
            return -1;
    }
    if (n < 0) {
        end_link(l, (int)n, 0);
        l->last_reads = 0;
        l->in_at = l->in.n; /* behind a broken frame nothing can be told apart */
    }
    bool more = !l->paused && next_frame(l) > 0;
    if (!more)
        compact(l);
    return more;
}

static void turn(struct link *l)
{
    int more = hand_over(l);
    if (more < 0)
        return;
    if (more)
        do_later(l);
    watch_reads(l, !more);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct link *l = w->data;
    int got = fill(l);
    if (got < 0)
        end_link(l, got == -ENODATA ? 0 : got, 0);
    turn(l);
}

/* ---- the end, and what one turn left for the next */

static void tell_down(struct link *l)
{
    l->ended = true;
    enter(l);
    l->handlers.down(l->owner, l, l->error);
    leave(l);
}

static void on_later(struct ev_loop *loop, ev_timer *w, int events)
{
    struct link *l = w->data;
    if (l->ended)
        return;
    if (!l->ending) {
        turn(l);
        return;
    }
    /* What the peer said before it closed is heard, also when it was writing that failed. */
    if (l->in_at == 0 && l->last_reads > 0)
        l->last_reads = fill(l) > 0 ? l->last_reads - 1 : 0;
    int more = hand_over(l);
    if (more < 0)
        return;
    if (!l->paused && (more || l->last_reads > 0))
        do_later(l);
    else
        tell_down(l);
}

/* ---- out */

/* -> true when everything was taken */
static bool flush(struct link *l)
{
    while (l->out_at < l->out.n) {
        ssize_t n = send(l->fd, l->out.p + l->out_at, l->out.n - l->out_at,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0) {
            end_link(l, -errno, LAST_READS);
            return false;
        }
        l->out_at += (size_t)n;
    }
    buf_clear(&l->out);
    l->out_at = 0;
    if (l->out.cap > KEEP_BYTES)
        buf_fini(&l->out);
    return true;
}

/* Unless the kernel is full: then on_writable goes on. */
static void push(struct link *l)
{
    if (ev_is_active(&l->writable))
        return;
    if (!flush(l) && !l->ending)
        ev_io_start(l->loop, &l->writable);
}

static void on_parting(struct ev_loop *loop, ev_prepare *w, int events)
{
    push(w->data);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
    struct link *l = w->data;
    if (!flush(l))
        return;
    ev_io_stop(l->loop, &l->writable);
    if (!l->handlers.drained)
        return;
    enter(l);
    l->handlers.drained(l->owner, l);
    leave(l);
}

struct buf *link_begin(struct link *l, uint8_t type)
{
    assert(!l->in_frame);
    l->in_frame = true;
    /* A byte is moved once on the average: half of the buffer is written before it happens. */
    if (l->out_at > READ_BYTES && l->out_at > l->out.n / 2) {
        buf_consume(&l->out, l->out_at);
        l->out_at = 0;
    }
    l->frame_at = l->out.n;
    char head[HEAD_BYTES] = {0, 0, 0, 0, (char)type};
    buf_append(&l->out, head, sizeof head);
    return &l->out;
}

void link_end(struct link *l)
{
    assert(l->in_frame && l->out.n >= l->frame_at + HEAD_BYTES);
    l->in_frame = false;
    if (l->ending || l->freed) {
        buf_clear(&l->out);
        return;
    }
    size_t length = l->out.n - l->frame_at - sizeof(uint32_t);
    assert(length <= LINK_FRAME_MAX);
    uint32_t wire = htole32((uint32_t)length);
    memcpy(l->out.p + l->frame_at, &wire, sizeof wire);
    if (l->out.n - l->out_at >= GATHER_BYTES)
        push(l);
    else
        ev_feed_event(l->loop, &l->parting, EV_CUSTOM);
}

void link_send(struct link *l, uint8_t type, struct bytes body)
{
    buf_append_bytes(link_begin(l, type), body);
    link_end(l);
}

size_t link_pending(const struct link *l)
{
    return ev_is_active(&l->writable) ? l->out.n - l->out_at : 0;
}

/* ---- life */

struct link *link_new(struct ev_loop *loop, int fd, const struct link_handlers *handlers,
                      void *owner)
{
    struct link *l = calloc(1, sizeof *l);
    assert(l && handlers->frame && handlers->down);
    *l = (struct link){.loop = loop,
                       .fd = fd,
                       .handlers = *handlers,
                       .owner = owner,
                       .heard_ns = clock_mono_ns()};
    int flags = fcntl(fd, F_GETFL), one = 1;
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    /* Refused by Unix sockets, which need none. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ev_io_init(&l->readable, on_readable, fd, EV_READ);
    ev_io_init(&l->writable, on_writable, fd, EV_WRITE);
    ev_timer_init(&l->later, on_later, 0., 0.);
    ev_prepare_init(&l->parting, on_parting);
    ev_set_priority(&l->readable, LINK_PRIORITY);
    ev_set_priority(&l->later, LINK_PRIORITY);
    ev_set_priority(&l->parting, EV_MINPRI);
    l->readable.data = l->writable.data = l->later.data = l->parting.data = l;
    ev_io_start(loop, &l->readable);
    return l;
}

void link_free(struct link *l)
{
    if (!l || l->freed)
        return;
    if (!ev_is_active(&l->writable))
        flush(l);
    ev_clear_pending(l->loop, &l->parting);
    ev_io_stop(l->loop, &l->readable);
    ev_io_stop(l->loop, &l->writable);
    ev_timer_stop(l->loop, &l->later);
    close(l->fd);
    l->fd = -1;
    l->ending = l->ended = l->freed = true;
    if (l->busy == 0)
        destroy(l);
}

void link_pause(struct link *l, bool paused)
{
    if (l->freed || l->paused == paused)
        return;
    l->paused = paused;
    if (paused)
        ev_io_stop(l->loop, &l->readable);
    else if (!l->ended)
        do_later(l);
}

void link_look(struct link *l)
{
    if (l && ev_is_active(&l->readable))
        ev_feed_event(l->loop, &l->readable, EV_READ);
    else if (l && ev_is_active(&l->later))
        ev_feed_event(l->loop, &l->later, EV_TIMER);
}

int link_fd(const struct link *l)
{
    return l->fd;
}

int64_t link_heard_ns(const struct link *l)
{
    return l->heard_ns;
}
