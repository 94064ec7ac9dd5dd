/* One blocking call after the other on a short-lived thread each, its answer handed to the
 * loop; tried again with backoff as long as the owner asks. */
#ifndef KAFKA_TASK_H
#define KAFKA_TASK_H

#include "core/backoff.h"

#include <ev.h>
#include <pthread.h>
#include <stdbool.h>

struct task {
    struct ev_loop *loop;
    bool (*work)(void *arg);              /* on the thread: touches nothing but arg */
    void (*prepare)(void *owner);         /* on the loop, before work */
    void (*done)(void *owner, bool fine); /* on the loop */
    void *arg, *owner;
    bool running;
    bool fine;
    pthread_t thread;
    ev_async ended;
    ev_timer start;
    struct backoff backoff; /* 50 to 500 ms */
};

void task_init(struct task *t, struct ev_loop *loop, bool (*work)(void *arg), void *arg,
               void (*prepare)(void *owner), void (*done)(void *owner, bool fine), void *owner);
void task_fini(struct task *t);  /* waits for the call under way */
void task_start(struct task *t); /* in the next turn; nothing when it runs or is due already */
uint32_t task_again(struct task *t); /* after the backoff. -> ms until then; 0 when it runs */

#endif
