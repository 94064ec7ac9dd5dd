/* What every process does around its work: the loop, signals, death with its parent. */
#ifndef RUN_PROCESS_H
#define RUN_PROCESS_H

#include <ev.h>
#include <stdbool.h>

struct process {
    struct ev_loop *loop; /* the default loop, epoll */
    ev_signal term, intr, hup;
    void (*stop)(void *owner);   /* SIGTERM, SIGINT; a second one ends the process at once with status 1 */
    void (*reload)(void *owner); /* SIGHUP; NULL: ignored */
    void *owner;
};

#define PROCESS_TURN_NS 300000 /* on a core that others want, too */

/* Ignores SIGPIPE, raises RLIMIT_NOFILE to the hard limit, takes short turns, closes nothing. with_parent: dies by SIGKILL with its parent. */
void process_init(struct process *p, bool with_parent, void (*stop)(void *owner), void (*reload)(void *owner),
                  void *owner);
void process_fini(struct process *p);
int process_nofile(void); /* most open files of this process */
void process_lower_nofile(int most); /* the soft limit; one that is lower stays */

#endif
