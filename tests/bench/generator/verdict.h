/* What a run amounts to: the report as JSON, and what went wrong by name. */
#ifndef BENCH_VERDICT_H
#define BENCH_VERDICT_H

#include "board.h"
#include "cpu.h"
#include "options.h"

/* CPU seconds of everybody, at one moment or between two. */
struct effort {
    double subscribers, publishers, machine_busy, machine_idle;
    double group[CPU_GROUPS_MAX];
    double busiest; /* of the processes of subscribers; only between two */
    double *each;   /* of them; the caller's */
};

struct run {
    const struct bench_options *options;
    const struct cpu_groups *groups;
    const struct board *board;
    const char *ended_by;  /* a word: messages, stay, linger, interrupted, process_died */
    double join_s, seconds; /* until everybody was subscribed; of messages */
    struct effort effort;  /* while messages came */
};

/* Everything that was expected has come. Walks all messages. */
void verdict_tally(const struct bench_options *options, const struct board *board, struct tally *ret_tally);
/* Appends one line. -> true when nothing went wrong */
bool verdict_append(struct buf *into, const struct run *run);

#endif
