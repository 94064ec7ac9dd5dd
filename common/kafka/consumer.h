/* A reader of assigned partitions on the loop: no consumer group, no committed offsets. */
#ifndef KAFKA_CONSUMER_H
#define KAFKA_CONSUMER_H

#include "core/buf.h"

#include <ev.h>

#define KAFKA_WINDOW_RECORDS 100000 /* of a partition: a fraction of a second */

struct kafka_consumer;

struct kafka_consumer_handlers {
    /* time_ms: LogAppendTime. key, value: borrowed for the call. */
    void (*record)(void *owner, int32_t partition, int64_t offset, int64_t time_ms, struct bytes key, struct bytes value);
    /* The partition has been read up to the end that was seen when it was assigned (also when it was empty). */
    void (*caught_up)(void *owner, int32_t partition);
    /* Something after which records may be missing or repeated: offset reset, topic gone or re-made, leader changed. */
    void (*doubt)(void *owner, int32_t partition, const char *why); /* partition -1: all */
    /* Records of this turn have all been handed over: a good moment to flush. */
    void (*turn)(void *owner);
};

/* -> 0, or -EINVAL with the reason in ret_error */
int kafka_consumer_new(struct ev_loop *loop, const char *brokers, const char *name, const char *topic,
                       const struct kafka_consumer_handlers *handlers, void *owner,
                       struct kafka_consumer **ret_consumer, struct buf *ret_error);
void kafka_consumer_free(struct kafka_consumer *c); /* waits for a lookup under way, a second or two at worst */
/* Replaces the assignment. A partition that is new starts at the earlier of (end - tail_records) and the first record
 * younger than tail_ms, of which KAFKA_WINDOW_RECORDS at most; never at "end" unknown. One that stays goes on
 * undisturbed. One that lost its place (doubt) goes on where it was, if that is still there, or at its new start where
 * that is earlier; `caught_up` is told again.
 * Looked up without blocking the loop (a thread of its own), tried again until Kafka answers. */
void kafka_consumer_assign(struct kafka_consumer *c, const int32_t *partitions, size_t n, int64_t tail_records,
                           int64_t tail_ms);
/* Whether that record lies behind the end that was seen when its partition was placed last; one before it may have been
 * handed over before. */
bool kafka_consumer_is_new(const struct kafka_consumer *c, int32_t partition, int64_t offset);
bool kafka_consumer_reachable(const struct kafka_consumer *c);
int64_t kafka_consumer_lag(const struct kafka_consumer *c); /* records behind the ends last seen, all partitions; -1 unknown */

#endif
