#include "run/thread.h"

#include "unit.h"

#include <semaphore.h>
#include <signal.h>

static sem_t ran;
static sigset_t blocked;

static void *note(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    *(int *)arg += 1;
    sem_post(&ran);
    return arg;
}

static void check_no_signal_is_taken_there(void)
{
    sigset_t here;
    pthread_sigmask(SIG_SETMASK, NULL, &here);
    for (int signal = SIGHUP; signal <= SIGTERM; signal++) {
        if (signal != SIGKILL)
            ck_assert_msg(sigismember(&blocked, signal), "signal %d", signal);
        ck_assert_msg(!sigismember(&here, signal), "signal %d", signal);
    }
}

START_TEST(a_thread_takes_no_signal_and_is_joined)
{
    int n = 0;
    void *result = NULL;
    pthread_t thread;
    sem_init(&ran, 0, 0);
    ck_assert_int_eq(thread_start(note, &n, &thread), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, &n);
    ck_assert_int_eq(n, 1);
    check_no_signal_is_taken_there();
}
END_TEST

START_TEST(a_detached_thread_takes_none_either)
{
    static int n; /* the thread may outlive this function's frame */
    sem_init(&ran, 0, 0);
    ck_assert_int_eq(thread_start_detached(note, &n), 0);
    ck_assert_int_eq(sem_wait(&ran), 0);
    ck_assert_int_eq(n, 1);
    check_no_signal_is_taken_there();
}
END_TEST

UNIT_MAIN("thread", a_thread_takes_no_signal_and_is_joined, a_detached_thread_takes_none_either)
