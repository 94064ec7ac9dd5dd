/* A thread beside the loop, for what would block it. It takes no signal: those are the loop's. */
#ifndef RUN_THREAD_H
#define RUN_THREAD_H

#include <pthread.h>

/* Whoever starts it joins it. -> 0, or -errno when there is none */
int thread_start(void *(*run)(void *arg), void *arg, pthread_t *ret_thread);
/* Nobody joins it: it gives back by itself what it holds. -> as above */
int thread_start_detached(void *(*run)(void *arg), void *arg);

#endif
