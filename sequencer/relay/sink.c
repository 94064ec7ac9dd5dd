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

int sink_init(struct sink *s, struct ev_loop *loop, const char *brokers, const char *name,
              int64_t (*now_us)(void), const struct sink_handlers *handlers, void *owner,
              struct buf *ret_error)
{
    *s = (struct sink){
        .loop = loop, .brokers = brokers, .name = name, .handlers = handlers, .owner = owner};
    s->now_us = now_us ? now_us : system_us;
    s->renew_ms = RENEW_MIN_MS;
    buf_init(&s->scratch);
    ev_init(&s->renew, renew);
    s->renew.data = s;
    for (unsigned n = 0; n < MESSAGE_CELLS_MAX; n++)
        list_init(&s->cells[n].pending);
    return kafka_producer_new(loop, brokers, name, &producer_handlers, s, &s->producer,
                              ret_error);
}

static void give_back(struct sink *s, struct sink_cell *c)
{
    struct delivery *d;
    while ((d = list_first(&c->pending, struct delivery, sink_link))) {
        list_remove(&d->sink_link);
        c->count--;
        s->handlers->acked(s->owner, d);
    }
}

void sink_fini(struct sink *s)
{
    kafka_producer_free(s->producer);
    s->producer = NULL;
    ev_timer_stop(s->loop, &s->renew);
    for (unsigned n = 0; n < MESSAGE_CELLS_MAX; n++)
        give_back(s, &s->cells[n]);
    buf_fini(&s->scratch);
}

static void rewind_cell(struct sink_cell *c)
{
    c->next = list_first(&c->pending, struct delivery, sink_link);
}

/* The producer is of no more use. It is freed later, since this may be one of its own
 * callbacks. */
static void lose(struct sink *s, const char *why)
{
    if (ev_is_active(&s->renew))
        return;
    s->handlers->lost(s->owner, why);
    ev_timer_set(&s->renew, (double)s->renew_ms / 1000, 0.);
    ev_timer_start(s->loop, &s->renew);
    s->renew_ms = s->renew_ms * 2 < RENEW_MAX_MS ? s->renew_ms * 2 : RENEW_MAX_MS;
}

static void renew(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct sink *s = timer->data;
    struct buf error;
    kafka_producer_free(s->producer);
    s->producer = NULL;
    s->full = false;
    for (unsigned n = 0; n < MESSAGE_CELLS_MAX; n++) {
        rewind_cell(&s->cells[n]);
        s->cells[n].topic = NULL;
    }
    buf_init(&error);
    if (kafka_producer_new(s->loop, s->brokers, s->name, &producer_handlers, s, &s->producer,
                           &error) < 0) {
        s->producer = NULL;
        lose(s, error.p ? error.p : "no producer");
    }
    buf_fini(&error);
    sink_flush(s);
}

void sink_add_cell(struct sink *s, unsigned n, const struct cell *cell)
{
    assert(n < MESSAGE_CELLS_MAX && !s->cells[n].cell);
    s->cells[n].cell = cell;
    s->cells[n].open = false;
    s->cells[n].topic = NULL;
    s->used |= 1ull << n;
}

void sink_open(struct sink *s, unsigned n)
{
    assert(n < MESSAGE_CELLS_MAX);
    if (s->cells[n].cell)
        s->cells[n].open = true;
    sink_flush(s);
}

void sink_close(struct sink *s, unsigned n)
{
    struct sink_cell *c = &s->cells[n];
    c->open = false;
    c->topic = NULL;
    /* What was handed over goes to the topic as it was; only a new producer forgets that. */
    if (c->next != list_first(&c->pending, struct delivery, sink_link))
        lose(s, "topic changed");
}

void sink_drop(struct sink *s, unsigned n)
{
    struct sink_cell *c = &s->cells[n];
    sink_close(s, n);
    /* Tokens are pointers: the old producer must not deliver them once they are given back. */
    if (ev_is_active(&s->renew)) {
        ev_timer_stop(s->loop, &s->renew);
        renew(s->loop, &s->renew, 0);
    }
    c->cell = NULL;
    c->next = NULL;
    s->used &= ~(1ull << n);
    give_back(s, c);
}

void sink_add(struct sink *s, struct delivery *d)
{
    assert(d->cell < MESSAGE_CELLS_MAX && s->cells[d->cell].cell);
    struct sink_cell *c = &s->cells[d->cell];
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
    if (too_large || d->refusals == SINK_REFUSALS_MAX)
        d->stub = true;
    s->handlers->refused(s->owner, d, d->stub, why);
    if (!too_large)
        s->handlers->doubt(s->owner, d->cell);
}

/* -> 0, or what kafka_produce answered; a record that is too large has become a stub and is
 * taken as one */
static int hand_over(struct sink *s, struct sink_cell *c, struct delivery *d)
{
    struct bytes channel = d->message->row.channel;
    int32_t partition =
        (int32_t)(channel_place(channel).partition_hash % (uint32_t)c->cell->partitions);
    for (;;) {
        buf_clear(&s->scratch);
        message_encode(d->message, d->stub, (uint64_t)s->now_us(), &s->scratch);
        int error = kafka_produce(s->producer, c->topic, partition, channel,
                                  buf_bytes(&s->scratch), (uint64_t)(uintptr_t)d);
        if (error != -EMSGSIZE || d->stub)
            return error;
        refuse(s, d, error, "larger than the producer takes");
    }
}

static void flush_cell(struct sink *s, struct sink_cell *c)
{
    if (!c->topic)
        c->topic = kafka_producer_topic(s->producer, c->cell->topic);
    while (c->topic && c->next && !s->full) {
        struct delivery *d = c->next;
        int error = hand_over(s, c, d);
        if (error == -ENOBUFS) {
            s->full = true;
            return;
        }
        if (error < 0) {
            lose(s, "it takes no record");
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
        if (!s->producer || s->full || ev_is_active(&s->renew))
            return;
        struct sink_cell *c = &s->cells[__builtin_ctzll(left)];
        if (c->open && c->next)
            flush_cell(s, c);
    }
}

static void delivered(void *owner, uint64_t token, int error, const char *why)
{
    struct sink *s = owner;
    struct delivery *d = (struct delivery *)(uintptr_t)token;
    struct sink_cell *c = &s->cells[d->cell];
    s->full = false;
    if (error < 0) {
        refuse(s, d, error, why);
        lose(s, why);
        return;
    }
    list_remove(&d->sink_link);
    c->count--;
    c->acknowledged++;
    s->renew_ms = RENEW_MIN_MS;
    s->handlers->acked(s->owner, d);
}

static void fatal(void *owner, const char *why)
{
    lose(owner, why);
}

bool sink_ready(const struct sink *s)
{
    if (!s->producer || !kafka_producer_reachable(s->producer))
        return false;
    for (uint64_t left = s->used; left; left &= left - 1)
        if (!s->cells[__builtin_ctzll(left)].open)
            return false;
    return true;
}
