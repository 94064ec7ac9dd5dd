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

/* What a child inherits: descriptors of ours; -1: none */
struct inherited {
    int ctl, accept, listen;
};

/* Out of the way: each may lie where another one has to go. */
static int lift(const char *path, int fd)
{
    int up = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
    if (fd >= 0 && up < 0)
        fail(path, "descriptors");
    return up;
}

static void drop(int up, int at)
{
    if (up >= 0)
        dup2(up, at);
    else
        close(at);
}

static void place(const char *path, struct inherited fds)
{
    int ctl = lift(path, fds.ctl), accept = lift(path, fds.accept), listen = lift(path, fds.listen);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0)
        fail(path, "descriptors");
    dup2(null, STDIN_FILENO);
    drop(ctl, CTL_FD);
    drop(accept, ACCEPT_FD);
    drop(listen, LISTEN_FD);
    close_range(LISTEN_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC);
}

static void become(const char *path, char *const argv[], char *const env[], struct inherited fds,
                   pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* it died before that line */
    reset_signals();
    place(path, fds);
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

int spawn(const char *path, char *const argv[], char *const env[], bool with_accept, int listen_fd,
          struct spawned *ret)
{
    int ctl[2] = {-1, -1}, accept[2] = {-1, -1};
    int error = pair(SOCK_STREAM, ctl);
    if (error == 0 && with_accept)
        error = pair(SOCK_SEQPACKET, accept);
    pid_t parent = getpid();
    pid_t pid = error == 0 ? fork() : -1;
    if (pid == 0)
        become(path, argv, env, (struct inherited){ctl[1], accept[1], listen_fd}, parent);
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
