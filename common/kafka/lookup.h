/* Where reading a partition begins, asked of Kafka with calls that block: for a thread
 * (task.h). Each run has a client of its own: a broker answers one request of a connection
 * after the other, so that behind a fetch that waits for records each question would take its
 * 100 ms (measured: 400 ms, now 15). */
#ifndef KAFKA_LOOKUP_H
#define KAFKA_LOOKUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct place {
    int32_t partition;
    uint64_t birth; /* the owner's, to know it again */
    int64_t
        was; /* offset where reading would go on if nothing is amiss; -1: it has not begun */
    int64_t start; /* offset; of no meaning unless the run went well */
    int64_t end;   /* offset behind the last record, seen after the assignment */
    bool missing;  /* the topic has no such partition yet: neither start nor end; others are looked up all the same */
};

struct lookup {
    const char *brokers, *name, *topic;
    int64_t tail_records, tail_ms;
    int64_t window_records; /* most that are read for their age alone: a flood of ephemeral records delays no start */
    int64_t now_ms; /* since 1970 */
    struct place *places;
    size_t n; /* 0: only asks whether a broker answers */
    atomic_bool cancelled;
    bool answered; /* a broker did, even if not what was hoped for */
    char why[256]; /* when it did not work */
};

/* Where one partition begins. was: where reading would go on, or -1; low, end: of what is there; young: first offset that
 * is younger than tail_ms, or -1. */
int64_t lookup_start(const struct lookup *l, int64_t was, int64_t low, int64_t end, int64_t young);
bool lookup_run(void *arg); /* struct lookup. -> all places found that are not missing, and there is one */

#endif
