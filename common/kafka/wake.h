/* A queue of librdkafka on the loop. The queue signals only when it was empty before: whoever
 * is woken takes all that is there, or takes a bounded part and calls wake_again. */
#ifndef KAFKA_WAKE_H
#define KAFKA_WAKE_H

#include <ev.h>
#include <librdkafka/rdkafka.h>

struct wake {
    struct ev_loop *loop;
    rd_kafka_queue_t *queue; /* owned */
    int fd;                  /* eventfd */
    ev_io io;
    ev_timer again;
    void (*woken)(void *owner);
    void *owner;
};

/* Takes the queue. -> 0, or -errno (the queue is given back to librdkafka all the same) */
int wake_init(struct wake *w, struct ev_loop *loop, rd_kafka_queue_t *queue,
              void (*woken)(void *owner), void *owner);
void wake_fini(struct wake *w);
void wake_again(struct wake *w); /* woken in the next turn of the loop too */
void wake_stop(struct wake *w);  /* not woken until wake_again */

#endif
