#include "connection.h"

#include "dialect.h"
#include "frame.h"
#include "limit.h"
#include "reading.h"
#include "swarm.h"
#include "tls.h"

#include "core/clock.h"
#include "core/random.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PING_DELAY_S 10.0 /* the SDKs' maxServerPingDelay */

static bool is_on_its_way(unsigned state)
{
    return state >= CONNECTION_OPENING && state <= CONNECTION_JOINING;
}

static void move(struct connection *c, enum connection_state to)
{
    struct swarm *s = c->swarm;
    s->opening += (size_t)is_on_its_way(to) - (size_t)is_on_its_way(c->state);
    s->report->subscribed_now +=
        (uint64_t)(to == CONNECTION_SUBSCRIBED) - (uint64_t)(c->state == CONNECTION_SUBSCRIBED);
    c->state = (uint8_t)to;
    if (to != CONNECTION_UPGRADING) /* TCP and upgrade are one wait */
        c->since = ev_now(s->loop);
}

void connection_note(const struct connection *c, uint64_t *count)
{
    *count += c->lost_ns != 0;
}

static void watch(struct connection *c, int fd, int events)
{
    ev_io_stop(c->swarm->loop, &c->io);
    ev_io_set(&c->io, fd, events);
    ev_io_start(c->swarm->loop, &c->io);
}

static void close_socket(struct connection *c)
{
    if (c->io.fd < 0)
        return;
    ev_io_stop(c->swarm->loop, &c->io);
    c->paused = false;
    tls_free(c->tls);
    c->tls = NULL;
    close(c->io.fd);
    ev_io_set(&c->io, -1, EV_READ);
    buf_fini(&c->rest);
}

/* ---- leaving */

static void wait_for(struct connection *c, uint16_t *tries)
{
    double delay = sdk_delay_ms(&c->swarm->sdk, *tries, random_u64()) / 1e3;
    *tries += *tries < UINT16_MAX;
    ev_timer_stop(c->swarm->loop, &c->again);
    ev_timer_set(&c->again, delay, 0.);
    ev_timer_start(c->swarm->loop, &c->again);
}

static void come_back_later(struct connection *c)
{
    move(c, CONNECTION_WAITING);
    wait_for(c, &c->tries);
}

static int64_t since_first_loss_us(const struct connection *c)
{
    return (clock_mono_ns() - c->swarm->board->first_lost_ns) / NS_PER_US;
}

static void note_loss(struct connection *c)
{
    int64_t none = 0;
    c->swarm->report->lost++;
    c->lost_ns = clock_mono_ns();
    atomic_compare_exchange_strong(&c->swarm->board->first_lost_ns, &none, c->lost_ns);
    histogram_record(&c->swarm->report->losing, since_first_loss_us(c));
}

void connection_lost(struct connection *c)
{
    if (c->state == CONNECTION_WAITING || c->state == CONNECTION_ENDED)
        return;
    close_socket(c);
    if (c->state == CONNECTION_SUBSCRIBED)
        note_loss(c);
    come_back_later(c);
}

void connection_cut(struct connection *c)
{
    if (c->state != CONNECTION_SUBSCRIBED)
        return;
    c->swarm->report->cut++;
    connection_lost(c);
}

void connection_turned_away(struct connection *c, bool for_ever)
{
    if (!for_ever) {
        c->swarm->report->turned_away++;
        connection_lost(c);
        return;
    }
    c->swarm->report->ended++;
    close_socket(c);
    ev_timer_stop(c->swarm->loop, &c->again);
    move(c, CONNECTION_ENDED);
}

void connection_error(struct connection *c)
{
    c->swarm->report->errors++;
    connection_lost(c);
}

void connection_pause(struct connection *c)
{
    if (c->state != CONNECTION_SUBSCRIBED)
        return;
    c->paused = true;
    ev_io_stop(c->swarm->loop, &c->io);
}

void connection_resume(struct connection *c)
{
    if (!c->paused)
        return;
    c->paused = false;
    c->resumed_us = clock_real_us();
    c->since = ev_now(c->swarm->loop);
    ev_io_start(c->swarm->loop, &c->io);
}

static void system_failed(struct connection *c, int error)
{
    uint32_t limit = limit_of(error);
    c->swarm->report->limits |= limit;
    if (error == ECONNREFUSED)
        connection_note(c, &c->swarm->report->refused);
    else
        connection_note(c, &c->swarm->report->hung_up);
    if (limit || error == ECONNRESET || error == EPIPE || error == ETIMEDOUT)
        c->swarm->report->turned_away += c->state != CONNECTION_SUBSCRIBED;
    else
        c->swarm->report->errors++;
    connection_lost(c);
}

/* ---- saying */

/* -> bytes taken, or -errno */
static ssize_t transmit(struct connection *c, struct bytes bytes)
{
    if (c->tls)
        return tls_write(c->tls, bytes);
    ssize_t n = send(c->io.fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

/* A fresh socket takes a few KB at once, or something is wrong. */
static void put(struct connection *c, struct bytes bytes)
{
    ssize_t n = transmit(c, bytes);
    if (n != (ssize_t)bytes.n)
        system_failed(c, n < 0 ? (int)-n : ENOBUFS);
}

void connection_say(struct connection *c, struct bytes message)
{
    struct buf framed = {0};
    frame_append_masked(&framed, FRAME_TEXT, message);
    put(c, buf_bytes(&framed));
    buf_fini(&framed);
}

static void append_path(const struct connection *c, struct buf *into)
{
    const struct dialect *d = c->swarm->dialect;
    const char *path = c->swarm->options->path;
    buf_append_str(into, path[0] ? path : d->path);
    if (!d->channel_in_path)
        return;
    buf_append_char(into, '/');
    connection_append_channel(c, 0, into);
}

static void ask_for_upgrade(struct connection *c)
{
    struct buf text = {0};
    buf_append_str(&text, "GET ");
    append_path(c, &text);
    buf_append_str(
        &text,
        " HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y2VsbGNhc3QtYmVuY2ghIQ==\r\n\r\n");
    move(c, CONNECTION_UPGRADING);
    watch(c, c->io.fd, EV_READ);
    put(c, buf_bytes(&text));
    buf_fini(&text);
}

/* ---- arriving */

static void note_handshake(struct connection *c)
{
    c->swarm->report->handshakes++;
    c->swarm->report->resumed += tls_has_resumed(c->tls);
}

static void shake(struct connection *c)
{
    int progress = tls_shake(c->tls);
    if (progress < 0) {
        system_failed(c, -progress);
        return;
    }
    if (progress != TLS_DONE) {
        watch(c, c->io.fd, progress == TLS_READS ? EV_READ : EV_WRITE);
        return;
    }
    note_handshake(c);
    ask_for_upgrade(c);
}

static void on_connected(struct connection *c)
{
    int error = 0;
    socklen_t n = sizeof error;
    getsockopt(c->io.fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error) {
        system_failed(c, error);
        return;
    }
    if (!c->swarm->tls) {
        ask_for_upgrade(c);
        return;
    }
    c->tls = tls_new(c->swarm->tls, c->io.fd, &c->session);
    shake(c);
}

/* Takes the answer's head off the front, once it is all there. */
static void take_upgrade(struct connection *c, struct bytes *text)
{
    static const struct bytes end = BYTES("\r\n\r\n"), good = BYTES("HTTP/1.1 101");
    const char *at = memmem(text->p, text->n, end.p, end.n);
    if (!at)
        return;
    if (!bytes_starts(*text, good)) {
        connection_note(c, &c->swarm->report->http_errors);
        connection_turned_away(c, false);
        return;
    }
    size_t n = (size_t)(at - text->p) + end.n;
    *text = bytes_of(text->p + n, text->n - n);
    c->unanswered = (uint16_t)c->swarm->options->subscriptions;
    move(c, CONNECTION_JOINING);
    c->swarm->dialect->join(c);
}

void connection_accepted(struct connection *c)
{
    struct report *r = c->swarm->report;
    r->connected += !c->connected_once;
    r->reconnects += c->connected_once;
    c->connected_once = true;
    c->tries = c->refusals = 0;
}

void connection_asked(struct connection *c)
{
    c->since = ev_now(c->swarm->loop);
}

void connection_refused(struct connection *c, size_t nth)
{
    connection_note(c, &c->swarm->report->subscribe_errors);
    c->subscriptions[nth].refused = true;
    if (!ev_is_active(&c->again))
        wait_for(c, &c->refusals);
}

static void note_try(struct connection *c)
{
    struct report *r = c->swarm->report;
    r->tries++;
    histogram_record(&r->trying, since_first_loss_us(c));
}

static void note_return(struct connection *c)
{
    struct report *r = c->swarm->report;
    histogram_record(&r->back, (clock_mono_ns() - c->lost_ns) / NS_PER_US);
    histogram_record(&r->storm, since_first_loss_us(c));
    c->lost_ns = 0;
}

void connection_subscribed(struct connection *c)
{
    struct report *r = c->swarm->report;
    if (c->state != CONNECTION_JOINING || --c->unanswered > 0)
        return;
    r->subscribed += !c->subscribed_once;
    c->subscribed_once = true;
    c->joined_us = clock_real_us();
    if (c->lost_ns)
        note_return(c);
    move(c, CONNECTION_SUBSCRIBED);
}

/* ---- reading */

static bool is_open(const struct connection *c)
{
    return c->state >= CONNECTION_UPGRADING && c->state <= CONNECTION_SUBSCRIBED;
}

static void on_close_frame(struct connection *c, struct bytes payload)
{
    unsigned code = frame_close_code(payload);
    bool for_ever = (code >= 3500 && code < 4000) || (code >= 4500 && code < 5000);
    if (for_ever)
        connection_turned_away(c, true);
    else
        connection_lost(c);
}

static void on_frame(struct connection *c, const struct frame *f, const struct stamp *at)
{
    struct buf pong = {0};
    switch (f->opcode) {
    case FRAME_TEXT:
    case FRAME_BINARY:
        c->swarm->dialect->receive(c, f->payload, at);
        break;
    case FRAME_CLOSE:
        on_close_frame(c, f->payload);
        break;
    case FRAME_PING:
        frame_append_masked(&pong, FRAME_PONG, f->payload);
        put(c, buf_bytes(&pong));
        buf_fini(&pong);
        break;
    }
}

static void take_frames(struct connection *c, struct bytes *text, struct stamp *at)
{
    struct frame frame;
    int answer = 0;
    while (is_open(c) && (answer = frame_take(text, &frame)) > 0) {
        at->last = text->n == 0;
        on_frame(c, &frame, at);
    }
    if (is_open(c) && answer < 0)
        connection_error(c);
}

static ssize_t take(struct connection *c, struct stamp *ret_at)
{
    char *room = c->swarm->room + c->rest.n;
    size_t size = READ_MAX - c->rest.n;
    return c->tls ? reading_take_tls(c->tls, room, size, ret_at) : reading_take(c->io.fd, room, size, ret_at);
}

/* What is left over is kept until the next read. */
static void on_text(struct connection *c, struct bytes text, struct stamp *at)
{
    if (c->state == CONNECTION_SUBSCRIBED)
        c->since = ev_now(c->swarm->loop);
    if (c->state == CONNECTION_UPGRADING)
        take_upgrade(c, &text);
    if (c->state >= CONNECTION_JOINING && is_open(c))
        take_frames(c, &text, at);
    if (!is_open(c))
        return;
    struct buf rest = {0};
    if (text.n)
        buf_append_bytes(&rest, text);
    buf_fini(&c->rest);
    c->rest = rest;
}

static void on_readable(struct connection *c)
{
    struct swarm *s = c->swarm;
    struct stamp at = {0};
    if (c->rest.n)
        memcpy(s->room, c->rest.p, c->rest.n);
    ssize_t n = c->rest.n < READ_MAX ? take(c, &at) : -EMSGSIZE;
    if (n == -EAGAIN)
        return;
    if (n < 0) {
        system_failed(c, (int)-n);
        return;
    }
    if (n == 0) {
        s->report->turned_away += c->state != CONNECTION_SUBSCRIBED;
        connection_note(c, &s->report->hung_up);
        connection_lost(c);
        return;
    }
    s->report->bytes += (uint64_t)n;
    on_text(c, bytes_of(s->room, c->rest.n + (size_t)n), &at);
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
    struct connection *c = w->data;
    if (c->state != CONNECTION_OPENING)
        on_readable(c);
    else if (c->tls)
        shake(c);
    else
        on_connected(c);
}

/* ---- its channels */

uint64_t connection_channel(const struct connection *c, size_t nth)
{
    const struct bench_options *o = c->swarm->options;
    return (c->index * (uint64_t)o->subscriptions + nth) % (uint64_t)o->channels;
}

void connection_append_channel(const struct connection *c, size_t nth, struct buf *into)
{
    buf_append_str(into, c->swarm->options->channel);
    buf_append_u64(into, connection_channel(c, nth));
}

/* ---- life */

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    struct connection *c = w->data;
    if (c->state == CONNECTION_WAITING) {
        turns_add(&c->swarm->turns, c);
        return;
    }
    connection_asked(c);
    c->swarm->dialect->resubscribe(c);
}

void connection_init(struct connection *c, struct swarm *s, uint64_t index,
                     struct subscription *subscriptions)
{
    *c = (struct connection){.swarm = s, .index = index, .subscriptions = subscriptions};
    list_init(&c->turn);
    ev_io_init(&c->io, on_io, -1, EV_READ);
    ev_timer_init(&c->again, on_again, 0., 0.);
    c->io.data = c->again.data = c;
}

/* On a loopback it is when connect() returns, mostly. */
static bool is_connected(int fd)
{
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    return poll(&out, 1, 0) > 0;
}

void connection_open(struct connection *c)
{
    assert(c->state == CONNECTION_WAITING);
    if (c->lost_ns)
        note_try(c);
    move(c, CONNECTION_OPENING);
    int fd = swarm_socket(c->swarm, c->index);
    if (fd < 0) {
        system_failed(c, -fd);
        return;
    }
    watch(c, fd, EV_WRITE);
    if (is_connected(fd))
        on_connected(c);
}

/* Whoever waits to ask again for what was refused waits for no answer. */
static bool is_late(const struct connection *c, double now)
{
    const struct sdk *sdk = &c->swarm->sdk;
    double waited = now - c->since;
    if (c->paused)
        return false;
    if (c->state == CONNECTION_SUBSCRIBED)
        return c->ping_s && waited > c->ping_s + PING_DELAY_S;
    if (c->state == CONNECTION_JOINING)
        return !ev_is_active(&c->again) && waited > sdk->answer_s;
    return is_on_its_way(c->state) && waited > sdk->handshake_s;
}

void connection_look(struct connection *c, double now)
{
    struct report *r = c->swarm->report;
    if (!is_late(c, now))
        return;
    r->timeouts++;
    connection_note(c, c->state == CONNECTION_JOINING ? &r->answers_late : &r->handshakes_late);
    connection_lost(c);
}

void connection_fini(struct connection *c)
{
    ev_timer_stop(c->swarm->loop, &c->again);
    list_remove(&c->turn);
    close_socket(c);
    tls_session_free(c->session);
    c->session = NULL;
}
