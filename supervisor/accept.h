/* The one gate of the cell: listens on the public port and hands each connection to the gateway with most headroom, no
 * faster than the gateways bear.
 *
 *     kernel's backlog ── listener ──▶ arrivals (arrival.h): silent ones stay there ── rate ──▶ gateway
 *                          paused while somebody who is ready has to wait
 *
 * The rate (core/aimd.h) begins at --accept-rate-start, doubles while the gateways' loops do not lag, is halved when they
 * do. Who has to wait, waits in the kernel's backlog, which is the bounded queue; nobody is refused, neither by the rate nor
 * in a rolling restart. In our own hands are the silent ones, those that wait for the turn of their source, and of
 * the others few: the one that found the gate closed, and silent ones that have spoken meanwhile.
 * Descriptors that ran out (EMFILE) are run/listener.c's: it pauses and nobody is refused; ours leave at once. */
#ifndef SUPERVISOR_ACCEPT_H
#define SUPERVISOR_ACCEPT_H

#include "arrival.h"
#include "cell.h"
#include "core/aimd.h"
#include "metrics.h"
#include "run/listener.h"

struct acceptor {
    struct cell *cell;
    struct supervisor_metrics *metrics;
    struct listener *listener; /* NULL: closed */
    struct arrivals arrivals;
    struct aimd rate;
    struct episode paced, full;
    ev_timer again; /* ACCEPT_FD of all were full, or the rate was used up */
    size_t turn;    /* equal gateways take turns */
    uint32_t starved_ticks; /* for so many in a row no gateway could take a connection */
};

/* -> 0, or -errno with the reason in ret_error */
int acceptor_init(struct acceptor *a, struct cell *cell, struct supervisor_metrics *metrics,
                  struct buf *ret_error);
void acceptor_fini(struct acceptor *a);
/* A child moved or reported: pauses, or goes on. */
void acceptor_consider(struct acceptor *a);
void acceptor_tick(struct acceptor *a, int64_t now_ns); /* once a second */
void acceptor_close(struct acceptor *a); /* for good */
int acceptor_port(const struct acceptor *a);

#endif
