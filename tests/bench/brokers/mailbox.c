#include "mailbox.h"

#include "wire/codec.h"

static void on_put(struct ev_loop *loop, ev_async *w, int events)
{
    struct mailbox *m = w->data;
    pthread_mutex_lock(&m->lock);
    struct buf empty = m->out;
    m->out = m->in;
    m->in = empty;
    pthread_mutex_unlock(&m->lock);
    struct bytes left = buf_bytes(&m->out), text;
    while (wire_get_str(&left, &text))
        m->take(m->owner, text);
    buf_clear(&m->out);
}

void mailbox_init(struct mailbox *m, struct ev_loop *loop,
                  void (*take)(void *owner, struct bytes text), void *owner)
{
    *m = (struct mailbox){.loop = loop, .take = take, .owner = owner};
    buf_init(&m->in);
    buf_init(&m->out);
    pthread_mutex_init(&m->lock, NULL);
    ev_async_init(&m->put, on_put);
    m->put.data = m;
    ev_async_start(loop, &m->put);
}

void mailbox_put(struct mailbox *m, struct bytes text)
{
    pthread_mutex_lock(&m->lock);
    wire_put_str(&m->in, text);
    pthread_mutex_unlock(&m->lock);
    ev_async_send(m->loop, &m->put);
}
