#include "sink.h"

#include "core/clock.h"
#include "kafka/producer.h"
#include "wire/channel.h"

#include <assert.h>
#include <errno.h>

#define RENEW_MIN_MS 10
#define RENEW_MAX_MS 2000

static void delivered(void *owner, uint64_t token, int error, const char *why);
static void fatal(void *owner, const char *why);
static void renew(struct ev_loop *loop, ev_timer *timer, int events);

static const struct kafka_producer_handlers producer_handlers = {.delivered = delivered,
                                                                 .fatal = fatal};

static int64_t system_us(void)
{
    return (int64_t)clock_real_us();
}

void sink_init(struct sink *s, struct ev_loop *loop, const char *brokers, const char *name,
               int64_t (*now_us)(void), const struct sink_handlers *handlers, void *owner)
{
    *s = (struct sink){
        .loop = loop, .brokers = brokers, .name = name, .handlers = handlers, .owner = owner};
    s->now_us = now_us ? now_us : system_us;
    buf_init(&s->scratch);
    for (unsigned n = 0; n < MESSAGE_CELLS_MAX; n++) {
        struct sink_cell *c = &s->cells[n];
        c->sink = s;
        c->renew_ms = RENEW_MIN_MS;
        list_init(&c->pending);
        ev_init(&c->renew, renew);
        c->renew.data = c;
    }
}

static unsigned number(const struct sink_cell *c)
{
    return (unsigned)(c - c->sink->cells);
}

static void end_producer(struct sink_cell *c)
{
    kafka_producer_free(c->producer);
    c->producer = NULL;
    c->topic = NULL;
    c->full = false;
    ev_timer_stop(c->sink->loop, &c->renew);
    c->next = list_first(&c->pending, struct delivery, sink_link);
}

void sink_fini(struct sink *s)
{
    for (unsigned n = 0; n < MESSAGE_CELLS_MAX; n++)
        sink_clear(s, n);
    buf_fini(&s->scratch);
}

/* The producer is of no more use. It is freed later, since this may be one of its own
 * callbacks. */
static void lose(struct sink_cell *c, const char *why)
{
    if (ev_is_active(&c->renew))
        return;
    c->sink->handlers->lost(c->sink->owner, number(c), why);
    ev_timer_set(&c->renew, (double)c->renew_ms / 1000, 0.);
    ev_timer_start(c->sink->loop, &c->renew);
    c->renew_ms = c->renew_ms * 2 < RENEW_MAX_MS ? c->renew_ms * 2 : RENEW_MAX_MS;
}

static void make_producer(struct sink_cell *c)
{
    struct sink *s = c->sink;
    struct buf error;
    buf_init(&error);
    if (kafka_producer_new(s->loop, s->brokers, s->name, &producer_handlers, c, &c->producer,
                           &error) < 0) {
        c->producer = NULL;
        lose(c, error.p ? error.p : "no producer");
    }
    buf_fini(&error);
}

static void renew(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct sink_cell *c = timer->data;
    end_producer(c);
    if (c->open)
        make_producer(c);
    sink_flush(c->sink);
}

void sink_add_cell(struct sink *s, unsigned n, const struct cell *cell)
{
    assert(n < MESSAGE_CELLS_MAX && !s->cells[n].cell);
    s->cells[n].cell = cell;
    s->cells[n].renew_ms = RENEW_MIN_MS;
    s->used |= 1ull << n;
}

void sink_open(struct sink *s, unsigned n)
{
    assert(n < MESSAGE_CELLS_MAX);
    struct sink_cell *c = &s->cells[n];
    if (!c->cell)
        return;
    c->open = true;
    if (!c->producer && !ev_is_active(&c->renew))
        make_producer(c);
    sink_flush(s);
}

void sink_close(struct sink *s, unsigned n)
{
    struct sink_cell *c = &s->cells[n];
    c->open = false;
    c->topic = NULL;
    /* What was handed over goes to the topic as it was; only a new producer forgets that. */
    if (c->next != list_first(&c->pending, struct delivery, sink_link))
        lose(c, "topic changed");
}

/* Tokens are pointers: the producer must not deliver them once they are given back. */
void sink_clear(struct sink *s, unsigned n)
{
    struct sink_cell *c = &s->cells[n];
    struct delivery *d;
    c->open = false;
    end_producer(c);
    c->next = NULL;
    while ((d = list_first(&c->pending, struct delivery, sink_link))) {
        list_remove(&d->sink_link);
        c->count--;
        s->handlers->given_back(s->owner, d);
    }
}

void sink_drop(struct sink *s, unsigned n)
{
    sink_clear(s, n);
    s->cells[n].cell = NULL;
    s->used &= ~(1ull << n);
}

void sink_add(struct sink *s, struct delivery *d)
{
    assert(d->cell < MESSAGE_CELLS_MAX && s->cells[d->cell].cell);
    struct sink_cell *c = &s->cells[d->cell];
    if (list_is_empty(&c->pending))
        c->waits_ns = clock_mono_ns();
    list_append(&c->pending, &d->sink_link);
    c->count++;
    if (!c->next)
        c->next = d;
}

static void refuse(struct sink *s, struct delivery *d, int error, const char *why)
{
    bool too_large = error == -EMSGSIZE && !d->stub;
    if (d->refusals < UINT8_MAX)
        d->refusals++;
    bool homeless = error == -ENOENT || error == -EACCES;
    if (too_large || (!homeless && d->refusals >= SINK_REFUSALS_MAX))
        d->stub = true;
    s->handlers->refused(s->owner, d, d->stub, why);
    if (!too_large)
        s->handlers->doubt(s->owner, d->cell);
}

/* A lane whose partition is not there yet holds nobody up: the channel goes among the others meanwhile, to a worker who may
 * not be the one that looks for it, and is found by that one's questions to PostgreSQL. */
static int32_t partition_of(const struct cell *cell, struct bytes channel, uint32_t lane)
{
    uint32_t hashed = (uint32_t)cell->partitions;
    bool there = hashed + lane <= (uint32_t)cell->there;
    return (int32_t)lane_partition(there ? lane : 0, channel_place(channel), hashed);
}

/* -> 0, or what kafka_produce answered; a record that is too large has become a stub and is
 * taken as one */
static int hand_over(struct sink *s, struct sink_cell *c, struct delivery *d)
{
    struct bytes channel = d->message->row.channel;
    int32_t partition = partition_of(c->cell, channel, d->message->lane);
    for (;;) {
        buf_clear(&s->scratch);
        message_encode(d->message, d->stub, (uint64_t)s->now_us(), &s->scratch);
        int error = kafka_produce(c->producer, c->topic, partition, channel,
                                  buf_bytes(&s->scratch), (uint64_t)(uintptr_t)d);
        if (error != -EMSGSIZE || d->stub)
            return error;
        refuse(s, d, error, "larger than the producer takes");
    }
}

static void flush_cell(struct sink *s, struct sink_cell *c)
{
    if (!c->topic)
        c->topic = kafka_producer_topic(c->producer, c->cell->topic);
    while (c->topic && c->next && !c->full) {
        struct delivery *d = c->next;
        int error = hand_over(s, c, d);
        if (error == -ENOBUFS) {
            c->full = true;
            return;
        }
        if (error < 0) {
            lose(c, "it takes no record");
            s->handlers->doubt(s->owner, d->cell);
            return;
        }
        d->handed_ns = clock_mono_ns();
        struct list *following = d->sink_link.next;
        c->next =
            following == &c->pending ? NULL : list_entry(following, struct delivery, sink_link);
    }
}

void sink_flush(struct sink *s)
{
    for (uint64_t left = s->used; left; left &= left - 1) {
        struct sink_cell *c = &s->cells[__builtin_ctzll(left)];
        if (c->open && c->next && c->producer && !c->full && !ev_is_active(&c->renew))
            flush_cell(s, c);
    }
}

static void delivered(void *owner, uint64_t token, int error, const char *why)
{
    struct sink_cell *c = owner;
    struct sink *s = c->sink;
    struct delivery *d = (struct delivery *)(uintptr_t)token;
    c->full = false;
    if (error < 0) {
        refuse(s, d, error, why);
        lose(c, why);
        return;
    }
    list_remove(&d->sink_link);
    c->count--;
    c->acknowledged++;
    c->waits_ns = c->acked_ns = clock_mono_ns();
    c->renew_ms = RENEW_MIN_MS;
    s->handlers->acked(s->owner, d);
}

static void fatal(void *owner, const char *why)
{
    lose(owner, why);
}

bool sink_goes(const struct sink *s, unsigned n)
{
    const struct sink_cell *c = &s->cells[n];
    return c->open && c->producer && kafka_producer_reachable(c->producer);
}

int64_t sink_stalled_ns(const struct sink *s, unsigned n, int64_t now_ns)
{
    const struct sink_cell *c = &s->cells[n];
    return list_is_empty(&c->pending) ? 0 : now_ns - c->waits_ns;
}
