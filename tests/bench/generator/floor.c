#include "floor.h"

#include "frame.h"
#include "payload.h"

#include "core/clock.h"
#include "run/address.h"
#include "run/process.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 65536 /* a storm's; net.core.somaxconn bounds it */
#define ACCEPTS 64  /* of one turn */
#define LOOK_S 0.05 /* well below --pause */
#define REQUEST_MAX 4096
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 */

const struct option_spec floor_option_specs[] = {
#define OPT(flag, TYPE, field, dflt, min, max, unit, help)                                     \
    {flag, OPTION_##TYPE, offsetof(struct floor_options, field), dflt, min, max, unit, help},
#include "floor_options.def"
#undef OPT
};
const size_t floor_option_count = sizeof floor_option_specs / sizeof *floor_option_specs;

struct client {
    ev_io io;
    struct floor *floor;
    size_t place; /* in floor.open; SIZE_MAX: not upgraded */
};

struct floor {
    struct process process;
    const struct floor_options *options;
    struct floor_board *board;
    ev_io incoming;
    ev_timer look, due;
    struct client **open; /* upgraded ones */
    size_t n_open, room, n_clients;
    uint64_t next; /* message */
    struct buf frame;
};

void floor_append_upgrade(struct buf *into, struct bytes key)
{
    struct buf text = {0};
    unsigned char digest[EVP_MAX_MD_SIZE], accept[32];
    unsigned n;
    buf_append_bytes(&text, key);
    buf_append_str(&text, GUID);
    EVP_Digest(text.p, text.n, digest, &n, EVP_sha1(), NULL);
    buf_fini(&text);
    EVP_EncodeBlock(accept, digest, (int)n);
    buf_printf(
        into,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\n\r\n",
        accept);
}

void floor_append_message(struct buf *into, const struct floor_options *o, uint64_t number,
                          uint64_t stamp_us)
{
    struct buf line = {0};
    buf_printf(&line, "{\"push\":{\"channel\":\"%s\",\"pub\":{\"data\":", o->channel);
    payload_append(&line, number, stamp_us, (size_t)o->payload);
    buf_printf(&line, ",\"offset\":%llu}}}", (unsigned long long)number + 1);
    frame_append(into, FRAME_TEXT, buf_bytes(&line));
    buf_fini(&line);
}

/* ---- clients */

static void leave(struct client *c)
{
    struct floor *f = c->floor;
    if (c->place != SIZE_MAX) {
        f->open[c->place] = f->open[--f->n_open];
        f->open[c->place]->place = c->place;
    }
    f->n_clients--;
    ev_io_stop(f->process.loop, &c->io);
    close(c->io.fd);
    free(c);
}

static void join(struct client *c)
{
    struct floor *f = c->floor;
    if (f->n_open == f->room) {
        f->room = f->room ? f->room * 2 : 1024;
        f->open = realloc(f->open, f->room * sizeof(struct client *));
        assert(f->open);
    }
    c->place = f->n_open;
    f->open[f->n_open++] = c;
    if (++f->board->upgraded == (uint64_t)f->options->connections)
        f->board->begin_ns = clock_mono_ns() + f->options->pause * NS_PER_MS;
}

/* -> the value of Sec-WebSocket-Key, or nothing */
static struct bytes key_of(struct bytes request)
{
    static const struct bytes name = BYTES("Sec-WebSocket-Key: ");
    const char *at = memmem(request.p, request.n, name.p, name.n);
    if (!at)
        return (struct bytes){NULL, 0};
    at += name.n;
    const char *end = memchr(at, '\r', request.n - (size_t)(at - request.p));
    return end ? bytes_of(at, (size_t)(end - at)) : (struct bytes){NULL, 0};
}

static void answer(struct client *c, struct bytes request)
{
    struct buf text = {0};
    struct bytes key = key_of(request);
    floor_append_upgrade(&text, key);
    if (key.p && send(c->io.fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)text.n)
        join(c);
    else
        leave(c);
    buf_fini(&text);
}

/* A request comes in one piece on a loopback; whatever comes afterwards says nothing. */
static void on_client(struct ev_loop *loop, ev_io *w, int events)
{
    char text[REQUEST_MAX];
    struct client *c = w->data;
    ssize_t n = recv(w->fd, text, sizeof text, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        leave(c);
    else if (n > 0 && c->place == SIZE_MAX)
        answer(c, bytes_of(text, (size_t)n));
}

static void on_incoming(struct ev_loop *loop, ev_io *w, int events)
{
    struct floor *f = w->data;
    int one = 1;
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct client *c = calloc(1, sizeof *c);
        assert(c);
        *c = (struct client){.floor = f, .place = SIZE_MAX};
        ev_io_init(&c->io, on_client, fd, EV_READ);
        c->io.data = c;
        ev_io_start(loop, &c->io);
        f->n_clients++;
    }
}

/* ---- messages */

static int64_t due_ns(const struct floor *f)
{
    const struct floor_options *o = f->options;
    return f->board->begin_ns +
           (int64_t)((double)f->next * (double)o->per * (double)NS_PER_MS / (double)o->rate);
}

/* Counts are kept in registers: nothing but the send costs. */
static void send_all(struct floor *f)
{
    size_t sent = 0, i = f->next == (uint64_t)f->options->skip ? 1 : 0;
    while (i < f->n_open) {
        if (send(f->open[i]->io.fd, f->frame.p, f->frame.n, MSG_NOSIGNAL | MSG_DONTWAIT) ==
            (ssize_t)f->frame.n) {
            i++, sent++;
            continue;
        }
        f->board->cut++;
        leave(f->open[i]);
    }
    f->board->sent += sent;
}

static void wait_for_due(struct floor *f)
{
    double wait = (double)(due_ns(f) - clock_mono_ns()) / NS_PER_S;
    ev_now_update(f->process.loop);
    ev_timer_set(&f->due, wait > 0 ? wait : 0., 0.);
    ev_timer_start(f->process.loop, &f->due);
}

static void on_due(struct ev_loop *loop, ev_timer *w, int events)
{
    struct floor *f = w->data;
    int64_t now = clock_mono_ns();
    while (f->next < (uint64_t)f->options->messages && due_ns(f) <= now) {
        buf_clear(&f->frame);
        floor_append_message(&f->frame, f->options, f->next, clock_real_us());
        send_all(f);
        f->next++;
    }
    if (f->next < (uint64_t)f->options->messages)
        wait_for_due(f);
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
    struct floor *f = w->data;
    if (f->board->begin_ns && f->next == 0 && !ev_is_active(&f->due))
        wait_for_due(f);
    if (f->next == (uint64_t)f->options->messages && f->n_clients == 0)
        ev_break(loop, EVBREAK_ALL);
}

/* ---- the process */

static void stop(void *owner)
{
    struct floor *f = owner;
    ev_break(f->process.loop, EVBREAK_ALL);
}

static int listen_at(const char *where, struct buf *ret_error)
{
    struct address all[ADDRESSES_MAX];
    int one = 1, n = address_resolve(where, true, all, ret_error);
    if (n < 0)
        return n;
    int fd = socket(all[0].any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (bind(fd, &all[0].any, all[0].n) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = -errno;
    buf_printf(ret_error, "can't listen on %s: %s", where, strerror(-error));
    close(fd);
    return error;
}

int floor_run(const struct floor_options *options, struct floor_board *board,
              struct buf *ret_error)
{
    static struct floor floor;
    struct floor *f = &floor;
    *f = (struct floor){.options = options, .board = board};
    int fd = listen_at(options->listen, ret_error);
    if (fd < 0)
        return fd;
    process_init(&f->process, true, stop, NULL, f);
    ev_io_init(&f->incoming, on_incoming, fd, EV_READ);
    ev_timer_init(&f->look, on_look, LOOK_S, LOOK_S);
    ev_timer_init(&f->due, on_due, 0., 0.);
    f->incoming.data = f->look.data = f->due.data = f;
    ev_io_start(f->process.loop, &f->incoming);
    ev_timer_start(f->process.loop, &f->look);
    ev_run(f->process.loop, 0);
    return 0;
}
