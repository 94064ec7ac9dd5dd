/* The subscribers of one process: begun at a rate, looked after four times a second, cut at random if the run wants that. */
#ifndef BENCH_SWARM_H
#define BENCH_SWARM_H

#include "board.h"
#include "connection.h"
#include "options.h"
#include "sdk.h"
#include "turns.h"

#include "run/address.h"

struct dialect;

#define SERVERS_MAX 64
#define READ_MAX (256 * 1024) /* bytes: longest frame, and most of one read */

struct swarm {
    struct ev_loop *loop;
    const struct bench_options *options;
    const struct dialect *dialect;
    struct sdk sdk;
    struct ssl_ctx_st *tls; /* NULL without --tls */
    struct board *board;
    struct report *report;     /* ours on the board */
    struct arrivals *arrivals; /* ours: board.messages of them */
    struct address servers[SERVERS_MAX];
    size_t n_servers;
    struct connection *connections;
    struct subscription *subscriptions; /* options.subscriptions of each connection */
    size_t n;         /* connections */
    size_t begun;     /* of these, in order */
    size_t opening;   /* neither waiting nor subscribed */
    struct turns turns; /* of those that come back */
    char *room;       /* READ_MAX bytes for a read; nothing in it outlasts one */
    size_t n_slow;    /* of these, that pause while messages are published */
    bool slow;        /* they pause now */
    double rate;      /* connections begun per second */
    double cut_rate;  /* connections cut per second */
    double started, cut_since; /* loop time */
    size_t n_cut;
    ev_timer tick, look;
};

/* "host:port,host:port". -> 0, or -errno with the reason in ret_error */
int swarm_resolve(const char *servers, struct address ret_servers[SERVERS_MAX], size_t *ret_n, struct buf *ret_error);
/* The body of a forked process: connections first to first + n - 1 of all; returns when the board says PHASE_END. */
void swarm_run(const struct bench_options *options, const struct dialect *dialect, struct board *board, size_t number,
               uint64_t first, size_t n);
/* Bound to the connection's source address, on its way to its server. -> descriptor, or -errno */
int swarm_socket(const struct swarm *s, uint64_t index);

#endif
