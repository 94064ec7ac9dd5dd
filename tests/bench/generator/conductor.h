/* A run from its beginning to its report: forks the processes, moves them through the phases of board.h, and judges. */
#ifndef BENCH_CONDUCTOR_H
#define BENCH_CONDUCTOR_H

#include "cpu.h"
#include "options.h"

struct dialect;
struct route;

/* What a run is made of. */
struct plan {
    const struct bench_options *options;
    const struct dialect *dialect;
    const struct route *route;
    struct cpu_groups groups;
};

/* Prints lines of progress, and the report as the last line of standard output.
 * -> 0 when everybody was subscribed and got everything once and in order, 1 when not, or -errno */
int conductor_run(const struct plan *plan);

#endif
