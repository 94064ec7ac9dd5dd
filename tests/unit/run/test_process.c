#include "run/process.h"

#include "loop.h"
#include "run/log.h"
#include "unit.h"

#include <linux/sched/types.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned stops, reloads;

static void on_stop(void *owner)
{
    stops++;
}

static void on_reload(void *owner)
{
    reloads++;
}

START_TEST(sigterm_stops_and_sighup_reloads_from_the_loop)
{
    struct process p;
    log_init("test", LOG_LEVEL_ERROR);
    process_init(&p, false, on_stop, on_reload, NULL);
    kill(getpid(), SIGHUP);
    ck_assert(loop_until(p.loop, reloads == 1));
    kill(getpid(), SIGTERM);
    ck_assert(loop_until(p.loop, stops == 1));
    process_fini(&p);
}
END_TEST

START_TEST(waiting_for_signals_alone_does_not_keep_the_loop)
{
    struct process p;
    process_init(&p, false, on_stop, on_reload, NULL);
    ev_run(p.loop, 0);
    process_fini(&p);
}
END_TEST

START_TEST(a_second_signal_ends_the_process_with_status_1)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct process p;
        ev_loop_fork(ev_default_loop(EVBACKEND_EPOLL));
        log_init("test", LOG_LEVEL_ERROR + 1);
        process_init(&p, false, on_stop, NULL, NULL);
        stops = 0;
        kill(getpid(), SIGTERM);
        (void)loop_until(p.loop, stops == 1);
        kill(getpid(), SIGINT);
        loop_for(p.loop, 5000);
        _exit(7);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 1);
}
END_TEST

START_TEST(a_child_dies_with_its_parent)
{
    int fds[2];
    char byte;
    ck_assert_int_eq(pipe(fds), 0);
    pid_t parent = fork();
    if (parent == 0) {
        int ready[2];
        if (pipe(ready) < 0)
            _exit(2);
        if (fork() == 0) {
            struct process p;
            process_init(&p, true, on_stop, NULL, NULL);
            if (write(ready[1], "", 1) == 1)
                sleep(30);
            _exit(0);
        }
        if (read(ready[0], &byte, 1) == 1)
            kill(getpid(), SIGKILL);
        _exit(2);
    }
    close(fds[1]);
    waitpid(parent, NULL, 0);
    ck_assert_int_eq(read(fds[0], &byte, 1), 0); /* both ends are gone: the grandchild too */
    close(fds[0]);
}
END_TEST

START_TEST(the_soft_limit_of_open_files_is_raised_to_the_hard_one)
{
    struct process p;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 256;
    setrlimit(RLIMIT_NOFILE, &limit);
    ck_assert_int_eq(process_nofile(), 256);
    process_init(&p, false, on_stop, NULL, NULL);
    ck_assert_uint_eq((rlim_t)process_nofile(), limit.rlim_max);
    process_fini(&p);
}
END_TEST

static bool kernel_has_turns(void)
{
    struct utsname u;
    int major = 0, minor = 0;
    uname(&u);
    return sscanf(u.release, "%d.%d", &major, &minor) == 2 && major * 100 + minor >= 612;
}

START_TEST(turns_are_short_and_niceness_stays)
{
    struct process p;
    struct sched_attr a = {.size = sizeof a};
    ck_assert_int_eq(setpriority(PRIO_PROCESS, 0, 3), 0);
    process_init(&p, false, on_stop, NULL, NULL);
    ck_assert_int_eq(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0), 0);
    ck_assert_int_eq(a.sched_nice, 3);
    if (kernel_has_turns())
        ck_assert_uint_eq(a.sched_runtime, PROCESS_TURN_NS);
    process_fini(&p);
}
END_TEST

START_TEST(a_limit_of_open_files_is_lowered_never_raised)
{
    process_lower_nofile(300);
    ck_assert_int_eq(process_nofile(), 300);
    process_lower_nofile(400);
    ck_assert_int_eq(process_nofile(), 300);
}
END_TEST

UNIT_MAIN("run/process", sigterm_stops_and_sighup_reloads_from_the_loop,
          waiting_for_signals_alone_does_not_keep_the_loop,
          a_second_signal_ends_the_process_with_status_1, a_child_dies_with_its_parent,
          the_soft_limit_of_open_files_is_raised_to_the_hard_one, turns_are_short_and_niceness_stays,
          a_limit_of_open_files_is_lowered_never_raised)
