#include "kafka/wake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct wake *w = io->data;
    uint64_t count;
    /* before the queue is looked at: what comes after that look signals anew */
    ssize_t n = read(w->fd, &count, sizeof count);
    (void)n;
    w->woken(w->owner);
}

static void on_again(struct ev_loop *loop, ev_timer *t, int events)
{
    struct wake *w = t->data;
    w->woken(w->owner);
}

int wake_init(struct wake *w, struct ev_loop *loop, rd_kafka_queue_t *queue,
              void (*woken)(void *owner), void *owner)
{
    static const uint64_t one = 1; /* what an eventfd is written */
    *w = (struct wake){.loop = loop, .queue = queue, .woken = woken, .owner = owner};
    w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->fd < 0) {
        int error = -errno;
        rd_kafka_queue_destroy(queue);
        return error;
    }
    ev_io_init(&w->io, on_io, w->fd, EV_READ);
    ev_timer_init(&w->again, on_again, 0, 0);
    w->io.data = w->again.data = w;
    rd_kafka_queue_io_event_enable(queue, w->fd, &one, sizeof one);
    wake_again(w); /* what was there before does not signal */
    return 0;
}

void wake_fini(struct wake *w)
{
    wake_stop(w);
    rd_kafka_queue_io_event_enable(w->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(w->queue);
    close(w->fd);
}

void wake_again(struct wake *w)
{
    ev_io_start(w->loop, &w->io);
    if (ev_is_active(&w->again))
        return;
    ev_timer_set(&w->again, 0, 0);
    ev_timer_start(w->loop, &w->again);
}

void wake_stop(struct wake *w)
{
    ev_io_stop(w->loop, &w->io);
    ev_timer_stop(w->loop, &w->again);
}
