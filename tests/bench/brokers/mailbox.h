/* From a library's threads to the loop: texts in the order in which they were put. */
#ifndef BENCH_MAILBOX_H
#define BENCH_MAILBOX_H

#include "core/buf.h"

#include <ev.h>
#include <pthread.h>

struct mailbox {
    struct ev_loop *loop;
    ev_async put;
    pthread_mutex_t lock;
    struct buf in, out; /* u32 length and text; `in` is shared under `lock` */
    void (*take)(void *owner, struct bytes text);
    void *owner;
};

void mailbox_init(struct mailbox *m, struct ev_loop *loop,
                  void (*take)(void *owner, struct bytes text), void *owner);
void mailbox_put(struct mailbox *m, struct bytes text); /* from any thread */

#endif
