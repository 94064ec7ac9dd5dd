#include "run/thread.h"

#include <signal.h>

int thread_start(void *(*run)(void *arg), void *arg, pthread_t *ret_thread)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread inherits it */
    int error = pthread_create(&thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        *ret_thread = thread;
    return -error;
}

int thread_start_detached(void *(*run)(void *arg), void *arg)
{
    pthread_t thread;
    int error = thread_start(run, arg, &thread);
    if (error == 0)
        pthread_detach(thread);
    return error;
}
