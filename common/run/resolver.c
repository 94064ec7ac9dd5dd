#include "run/resolver.h"

#include "run/thread.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Shared by the loop and the thread; freed by the thread when the loop has given it up, by the loop otherwise. */
struct resolver {
    struct ev_loop *loop;
    resolver_done *done;
    void *owner;
    ev_async answered;
    pthread_mutex_t lock; /* of `over` and `given_up` */
    bool over, given_up;
    int n;
    struct address addresses[ADDRESSES_MAX];
    char text[];
};

static void destroy(struct resolver *l)
{
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static void *run(void *arg)
{
    struct resolver *l = arg;
    l->n = address_resolve(l->text, false, l->addresses, NULL);
    pthread_mutex_lock(&l->lock);
    bool given_up = l->given_up;
    l->over = true;
    if (!given_up)
        ev_async_send(l->loop, &l->answered);
    pthread_mutex_unlock(&l->lock);
    if (given_up)
        destroy(l);
    return NULL;
}

static void on_answered(struct ev_loop *loop, ev_async *w, int events)
{
    struct resolver *l = w->data;
    pthread_mutex_lock(&l->lock); /* the thread has let go of it */
    pthread_mutex_unlock(&l->lock);
    ev_async_stop(loop, &l->answered);
    l->done(l->owner, l->addresses, l->n);
    destroy(l);
}

struct resolver *resolver_new(struct ev_loop *loop, const char *text, resolver_done *done, void *owner)
{
    size_t n = strlen(text);
    struct resolver *l = calloc(1, sizeof *l + n + 1);
    assert(l);
    l->loop = loop;
    l->done = done;
    l->owner = owner;
    memcpy(l->text, text, n + 1);
    pthread_mutex_init(&l->lock, NULL);
    ev_async_init(&l->answered, on_answered);
    l->answered.data = l;
    ev_async_start(loop, &l->answered);
    if (thread_start_detached(run, l) == 0)
        return l;
    ev_async_stop(loop, &l->answered);
    destroy(l);
    return NULL;
}

void resolver_free(struct resolver *l)
{
    if (!l)
        return;
    ev_async_stop(l->loop, &l->answered);
    pthread_mutex_lock(&l->lock);
    bool over = l->over;
    l->given_up = true;
    pthread_mutex_unlock(&l->lock);
    if (over)
        destroy(l);
}
