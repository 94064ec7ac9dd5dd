/* Where reading a partition begins, asked of Kafka with calls that block: for a thread (task.h). */
#ifndef KAFKA_LOOKUP_H
#define KAFKA_LOOKUP_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>

struct place {
    int32_t partition;
    uint64_t birth; /* the owner's, to know it again */
    bool found;
    int64_t start; /* offset */
    int64_t end;   /* offset behind the last record, seen after the assignment */
};

struct lookup {
    rd_kafka_t *rk;
    const char *topic;
    int64_t tail_records, tail_ms;
    int64_t now_ms; /* since 1970 */
    struct place *places;
    size_t n; /* 0: only asks whether a broker answers */
    atomic_bool cancelled;
    bool answered; /* a broker did, even if not what was hoped for */
    char why[256]; /* when it did not work */
};

bool lookup_run(void *arg); /* struct lookup. -> all places found */

#endif
