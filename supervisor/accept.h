/* The one gate of the cell: listens on the public port and passes each connection to the gateway with most headroom.
 *
 * While no gateway can take one, connections stay in the kernel's backlog: nobody is refused in a rolling restart.
 * At most one descriptor is in our own hands between two turns, when every gateway's ACCEPT_FD was full at once.
 * Descriptors that ran out (EMFILE) are run/listener.c's: it pauses and nobody is refused; ours leave at once. */
#ifndef SUPERVISOR_ACCEPT_H
#define SUPERVISOR_ACCEPT_H

#include "cell.h"
#include "metrics.h"
#include "run/listener.h"

struct acceptor {
    struct cell *cell;
    struct supervisor_metrics *metrics;
    struct listener *listener; /* NULL: closed */
    ev_timer again;            /* ACCEPT_FD of all were full */
    int held;                  /* descriptor that nobody took yet, or -1 */
    struct buf held_body;      /* its ctl_accepted */
    size_t turn;               /* equal gateways take turns */
};

/* -> 0, or -errno with the reason in ret_error */
int acceptor_init(struct acceptor *a, struct cell *cell, struct supervisor_metrics *metrics,
                  struct buf *ret_error);
void acceptor_fini(struct acceptor *a);
/* A child moved or reported: pauses, or goes on. */
void acceptor_consider(struct acceptor *a);
void acceptor_close(struct acceptor *a); /* for good */
int acceptor_port(const struct acceptor *a);

#endif
