/* fork and exec of a child with its inherited sockets: CTL_FD a stream, ACCEPT_FD (gateways) a SOCK_SEQPACKET,
 * LISTEN_FD and TOKENS_FD (gateways) what `more` says. All other descriptors are closed, standard input is /dev/null, and
 * it dies by SIGKILL with the supervisor. It is a session of its own: a terminal's ^C is the supervisor's alone, which then
 * ends its children in order, and where the kernel weighs sessions against each other (autogroups) a gateway that has much
 * to do takes its own share of a core, not the workers' and the other gateways'. */
#ifndef SUPERVISOR_SPAWN_H
#define SUPERVISOR_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct spawned {
    pid_t pid;
    int ctl_fd;    /* our ends, close-on-exec, non-blocking */
    int accept_fd; /* -1 without with_accept */
};

/* Borrowed descriptors that a child gets besides; -1: none. */
struct inherits {
    int listen; /* LISTEN_FD: the gateway slot's own listener; a gateway's -errno: it can't be had, and no process is started */
    int tokens; /* TOKENS_FD: memory of tokens */
};

/* A program that can't be executed is a process that says so on standard error and exits with 127.
 * -> 0, or -errno (EMFILE, EAGAIN, ENOMEM) */
int spawn(const char *path, char *const argv[], char *const env[], bool with_accept, const struct inherits *more,
          struct spawned *ret);

#endif
