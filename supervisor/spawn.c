#include "spawn.h"

#include "wire/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_SPARE_FD 16 /* above the descriptors that a child inherits */

/* Between fork and exec: only what is safe after a fork of a process with threads (libpq's resolver, kafka_watch.c). */
static void fail(const char *path, const char *what)
{
    const char *parts[] = {path, ": ", what, ": ", strerrordesc_np(errno), "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i] && write(STDERR_FILENO, parts[i], strlen(parts[i])) < 0)
            break;
    _exit(127);
}

static void reset_signals(void)
{
    sigset_t none;
    for (int n = 1; n < NSIG; n++)
        signal(n, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Of a child's sockets; fd -1: none. */
struct place {
    int fd, at;
};

/* All are first moved out of the way: each may lie where another one has to go. */
static void put(const char *path, struct place *all, size_t n)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        fail(path, "descriptors");
    for (size_t i = 0; i < n; i++)
        if (all[i].fd >= 0 && (all[i].fd = fcntl(all[i].fd, F_DUPFD_CLOEXEC, FIRST_SPARE_FD)) < 0)
            fail(path, "descriptors");
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    for (size_t i = 0; i < n; i++)
        if (all[i].fd >= 0)
            dup2(all[i].fd, all[i].at);
}

static void become(const char *path, char *const argv[], char *const env[], int ctl, int accept, const struct inherits *more,
                   pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* it died before that line */
    setsid();
    reset_signals();
    struct place all[] = {{ctl, CTL_FD}, {accept, ACCEPT_FD}, {more->listen, LISTEN_FD}, {more->tokens, TOKENS_FD}};
    put(path, all, sizeof all / sizeof *all);
    execve(path, argv, env);
    fail(path, "can't be executed");
}

static int pair(int type, int ret_fds[2])
{
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret_fds) < 0)
        return -errno;
    fcntl(ret_fds[0], F_SETFL, O_NONBLOCK);
    return 0;
}

static void close_pair(int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

int spawn(const char *path, char *const argv[], char *const env[], bool with_accept, const struct inherits *more,
          struct spawned *ret)
{
    int ctl[2] = {-1, -1}, accept[2] = {-1, -1};
    int error = pair(SOCK_STREAM, ctl);
    if (error == 0 && with_accept)
        error = pair(SOCK_SEQPACKET, accept);
    pid_t parent = getpid();
    pid_t pid = error == 0 ? fork() : -1;
    if (pid == 0)
        become(path, argv, env, ctl[1], accept[1], more, parent);
    if (pid < 0) {
        error = error ? error : -errno;
        close_pair(ctl);
        close_pair(accept);
        return error;
    }
    close(ctl[1]);
    if (with_accept)
        close(accept[1]);
    *ret = (struct spawned){.pid = pid, .ctl_fd = ctl[0], .accept_fd = accept[0]};
    return 0;
}
