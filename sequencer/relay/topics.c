#include "topics.h"

#include "core/clock.h"
#include "kafka/producer.h"
#include "run/log.h"
#include "run/thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define RETRY_NS (500 * NS_PER_MS)

enum wish { WISH_NONE, WISH_OPEN, WISH_GRANTED };

struct topics {
    struct ev_loop *loop;
    topics_made *made;
    void *owner;
    const char *brokers;
    int replication;
    int64_t retention_ms;
    ev_async granted;
    /* Below: shared with the thread, under `lock`. Freed by whoever leaves last. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ending;
    struct topics_wish {
        enum wish state;
        uint64_t number; /* of the wish; a result of an older one is dropped */
        int64_t due_ns;  /* monotonic */
        struct cell cell;
        char why[512];    /* of the last failure; "": none since the last success */
        char logged[512]; /* the loop's own: the one that was logged last */
    } wishes[MESSAGE_CELLS_MAX];
    uint64_t last_number;
};

/* -> a wish that is due, or NULL; *ret_due_ns: when the next one is */
static struct topics_wish *first_due(struct topics *t, int64_t now, int64_t *ret_due_ns)
{
    *ret_due_ns = INT64_MAX;
    for (unsigned n = 0; n < MESSAGE_CELLS_MAX; n++) {
        struct topics_wish *w = &t->wishes[n];
        if (w->state != WISH_OPEN)
            continue;
        if (w->due_ns <= now)
            return w;
        if (w->due_ns < *ret_due_ns)
            *ret_due_ns = w->due_ns;
    }
    return NULL;
}

static void wait_until(struct topics *t, int64_t due_ns)
{
    struct timespec at = {due_ns / NS_PER_S, due_ns % NS_PER_S};
    if (due_ns == INT64_MAX)
        pthread_cond_wait(&t->changed, &t->lock);
    else
        pthread_cond_timedwait(&t->changed, &t->lock, &at);
}

/* Called and returns with the lock held; lets go of it while Kafka is asked. */
static void try_wish(struct topics *t, struct topics_wish *w)
{
    struct topics_wish asked = *w;
    struct buf error;
    buf_init(&error);
    pthread_mutex_unlock(&t->lock);
    int made = kafka_topic_make(t->brokers, asked.cell.topic, asked.cell.total, asked.cell.partitions,
                                t->replication, t->retention_ms, &error);
    pthread_mutex_lock(&t->lock);
    if (w->state == WISH_OPEN && w->number == asked.number) {
        if (made >= 0) {
            w->state = WISH_GRANTED;
            w->why[0] = 0;
        } else {
            w->due_ns = clock_mono_ns() + RETRY_NS;
            snprintf(w->why, sizeof w->why, "topic=%.80s: %.400s", asked.cell.topic,
                     error.p ? error.p : "no reason given");
        }
        if (!t->ending)
            ev_async_send(t->loop, &t->granted);
    }
    buf_fini(&error);
}

static void *run(void *arg)
{
    struct topics *t = arg;
    pthread_mutex_lock(&t->lock);
    while (!t->ending) {
        int64_t due_ns;
        struct topics_wish *w = first_due(t, clock_mono_ns(), &due_ns);
        if (w)
            try_wish(t, w);
        else
            wait_until(t, due_ns);
    }
    pthread_mutex_unlock(&t->lock);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    free(t);
    return NULL;
}

static void log_why(struct topics_wish *w)
{
    if (w->why[0] && strcmp(w->why, w->logged) != 0)
        log_warn("topic_not_made", "%s; tried again each %lld ms", w->why, RETRY_NS / NS_PER_MS);
    memcpy(w->logged, w->why, sizeof w->logged);
}

static void on_granted(struct ev_loop *loop, ev_async *async, int events)
{
    struct topics *t = async->data;
    for (unsigned n = 0; n < MESSAGE_CELLS_MAX; n++) {
        struct topics_wish *w = &t->wishes[n];
        pthread_mutex_lock(&t->lock);
        bool granted = w->state == WISH_GRANTED;
        struct cell cell = w->cell;
        log_why(w);
        if (granted)
            w->state = WISH_NONE;
        pthread_mutex_unlock(&t->lock);
        if (granted)
            t->made(t->owner, n, cell.topic, cell.total);
    }
}

struct topics *topics_new(struct ev_loop *loop, const char *brokers, int replication,
                          int64_t retention_ms, topics_made *made, void *owner)
{
    struct topics *t = calloc(1, sizeof *t);
    pthread_condattr_t clock;
    assert(t);
    t->loop = loop;
    t->made = made;
    t->owner = owner;
    t->brokers = brokers;
    t->replication = replication;
    t->retention_ms = retention_ms;
    ev_async_init(&t->granted, on_granted);
    t->granted.data = t;
    ev_async_start(loop, &t->granted);
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &clock);
    pthread_condattr_destroy(&clock);
    int error = thread_start_detached(run, t);
    assert(error == 0);
    return t;
}

void topics_free(struct topics *t)
{
    if (!t)
        return;
    ev_async_stop(t->loop, &t->granted);
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void topics_want(struct topics *t, unsigned n, const struct cell *cell)
{
    assert(n < MESSAGE_CELLS_MAX);
    pthread_mutex_lock(&t->lock);
    t->wishes[n] = (struct topics_wish){.state = WISH_OPEN, .number = ++t->last_number, .cell = *cell};
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void topics_forget(struct topics *t, unsigned cell)
{
    assert(cell < MESSAGE_CELLS_MAX);
    pthread_mutex_lock(&t->lock);
    t->wishes[cell].state = WISH_NONE;
    pthread_mutex_unlock(&t->lock);
}
