#include "kafka/task.h"

#include "core/random.h"
#include "run/thread.h"

#include <assert.h>

static void *run(void *arg)
{
    struct task *t = arg;
    t->fine = t->work(t->arg);
    ev_async_send(t->loop, &t->ended);
    return NULL;
}

static void on_start(struct ev_loop *loop, ev_timer *w, int events)
{
    struct task *t = w->data;
    assert(!t->running);
    t->prepare(t->owner);
    t->running = thread_start(run, t, &t->thread) == 0;
    if (!t->running)
        task_again(t);
}

static void on_ended(struct ev_loop *loop, ev_async *w, int events)
{
    struct task *t = w->data;
    if (!t->running)
        return;
    pthread_join(t->thread, NULL);
    t->running = false;
    t->done(t->owner, t->fine);
}

void task_init(struct task *t, struct ev_loop *loop, bool (*work)(void *arg), void *arg,
               void (*prepare)(void *owner), void (*done)(void *owner, bool fine), void *owner)
{
    *t = (struct task){.loop = loop,
                       .work = work,
                       .arg = arg,
                       .prepare = prepare,
                       .done = done,
                       .owner = owner};
    backoff_init(&t->backoff, 50, 500);
    ev_async_init(&t->ended, on_ended);
    ev_timer_init(&t->start, on_start, 0, 0);
    t->ended.data = t->start.data = t;
    ev_async_start(loop, &t->ended);
}

void task_fini(struct task *t)
{
    if (t->running)
        pthread_join(t->thread, NULL);
    t->running = false;
    ev_async_stop(t->loop, &t->ended);
    ev_timer_stop(t->loop, &t->start);
}

/* A timer that has fired in this turn and whose callback is still to come is not active any
 * more. */
static bool is_due(struct task *t)
{
    return t->running || ev_is_active(&t->start) || ev_is_pending(&t->start);
}

static void start_after(struct task *t, uint32_t ms)
{
    ev_timer_set(&t->start, ms / 1000.0, 0);
    ev_timer_start(t->loop, &t->start);
}

void task_start(struct task *t)
{
    if (!is_due(t))
        start_after(t, 0);
}

uint32_t task_again(struct task *t)
{
    if (is_due(t))
        return 0;
    uint32_t ms = backoff_next(&t->backoff, random_u64());
    start_after(t, ms);
    return ms;
}
