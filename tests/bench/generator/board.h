/* Memory that the conductor shares with the processes that it forked: the phase, which it alone writes and all look at, and
 * what each of them counts, which that one alone writes. */
#ifndef BENCH_BOARD_H
#define BENCH_BOARD_H

#include "report.h"
#include "tally.h"

#include <stdatomic.h>

enum phase {
    PHASE_JOIN,    /* connections are made */
    PHASE_PUBLISH, /* messages come; from here on what is delivered counts */
    PHASE_END,     /* everybody goes home */
};

struct publisher_report {
    uint64_t sent, acknowledged, refused, unknown;
    uint64_t requests;
    struct histogram call; /* request to answer */
    struct histogram late; /* due to sent: the generator's own lateness */
    _Atomic int done;      /* all of its messages have their outcome */
};

struct board {
    _Atomic int phase;       /* enum phase */
    _Atomic int64_t begun_ns; /* CLOCK_MONOTONIC when PHASE_PUBLISH began: message n is due n / rate later */
    _Atomic int64_t first_lost_ns; /* CLOCK_MONOTONIC of the first connection that was lost; 0: none yet */
    size_t n_swarms, n_publishers;
    size_t messages;
    struct report *reports;               /* n_swarms */
    struct publisher_report *publishers;  /* n_publishers */
    uint8_t *outcomes;                    /* enum outcome of each message */
    struct arrivals *arrivals;            /* messages of the first swarm, then those of the second … */
};

/* -> a board, or NULL without memory */
struct board *board_new(size_t swarms, size_t publishers, size_t messages);
bool board_all_published(const struct board *b); /* true as well when there is nobody who publishes */
void board_sum(const struct board *b, struct report *ret_sum);

#endif
