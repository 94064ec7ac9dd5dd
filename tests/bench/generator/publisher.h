/* The body of a forked process that publishes its share of the messages over the HTTP API: each when it is due, all that are
 * due in one request when it is behind. Blocks; it is a process so that neither it nor the readers starve in one loop. */
#ifndef BENCH_PUBLISHER_H
#define BENCH_PUBLISHER_H

#include "board.h"
#include "options.h"

/* Messages number, number + n_publishers, …; returns when all have their outcome, or at PHASE_END. */
void publisher_run(const struct bench_options *options, struct board *board, size_t number);
/* ns after the beginning at which a message is due. */
int64_t publisher_due_ns(const struct bench_options *options, uint64_t message);
/* The API's answer to n publishes (one: publish, several: batch) as an outcome each. */
void publisher_outcomes(struct bytes answer, size_t n, enum outcome *ret_outcomes);

#endif
