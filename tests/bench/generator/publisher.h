/* The body of a forked process that publishes its share of the messages: each when it is due, all that are due in one request
 * when it is behind. Blocks; it is a process so that neither it nor the readers starve in one loop. */
#ifndef BENCH_PUBLISHER_H
#define BENCH_PUBLISHER_H

#include "board.h"
#include "options.h"
#include "route.h"

/* Messages number, number + n_publishers, …; returns when all have their outcome, or at PHASE_END. */
void publisher_run(const struct bench_options *options, const struct route *route, struct board *board, size_t number);
/* ns after the beginning at which a message is due. */
int64_t publisher_due_ns(const struct bench_options *options, uint64_t message);

#endif
