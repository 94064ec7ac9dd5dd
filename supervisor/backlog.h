/* The kernel's backlog of a listening socket: the queue in front of the gate. What does not fit in it is dropped without a
 * word, and its client tries again after 1, 3, 7 s. */
#ifndef SUPERVISOR_BACKLOG_H
#define SUPERVISOR_BACKLOG_H

#include <stdint.h>

struct backlog {
    unsigned waiting, max; /* connections that are established and not accepted */
};

struct backlog backlog_of(int listening); /* all 0 when the kernel does not say */
/* Warns of each sysctl that makes it shorter than was asked for, by name. */
void backlog_warn(int64_t asked);

#endif
