/* Producers on the loop; with consumer.h the only room that sees librdkafka. One request in flight per broker (batches
 * by itself: lab figures in decisions/), so records of a partition keep their order. Two kinds:
 *
 *     kafka_producer_new        keeps trying: idempotent, acks=all, no delivery timeout. For what must arrive.
 *     kafka_producer_new_brief  tries once: acks=1, given up after KAFKA_BRIEF_MS, never sent again. For what is worth
 *                               nothing later; no record arrives twice, and `fatal` is never called. */
#ifndef KAFKA_PRODUCER_H
#define KAFKA_PRODUCER_H

#include "core/buf.h"

#include <ev.h>

#define KAFKA_BRIEF_MS 2000

struct kafka_producer;
struct kafka_topic; /* of a producer */

struct kafka_producer_handlers {
    /* Kafka has it (error 0), or refuses it for good (why; -EMSGSIZE, -EINVAL: for itself, -ENOENT, -EACCES, -EIO:
     * for its topic or partition). From the loop, in the order of Kafka's answers. */
    void (*delivered)(void *owner, uint64_t token, int error, const char *why);
    /* The producer is of no more use (fatal error of idempotence): the owner makes a new one and sends again. */
    void (*fatal)(void *owner, const char *why);
};

/* -> 0, or -EINVAL with the reason in ret_error */
int kafka_producer_new(struct ev_loop *loop, const char *brokers, const char *name,
                       const struct kafka_producer_handlers *handlers, void *owner,
                       struct kafka_producer **ret_producer, struct buf *ret_error);
int kafka_producer_new_brief(struct ev_loop *loop, const char *brokers, const char *name,
                             const struct kafka_producer_handlers *handlers, void *owner,
                             struct kafka_producer **ret_producer, struct buf *ret_error);
/* As kafka_producer_new; settings of librdkafka that replace ours (name, value; NULL at the end): to measure them. */
int kafka_producer_new_with(struct ev_loop *loop, const char *brokers, const char *name, const char *const (*more)[2],
                            const struct kafka_producer_handlers *handlers, void *owner,
                            struct kafka_producer **ret_producer, struct buf *ret_error);
void kafka_producer_free(struct kafka_producer *p); /* what was not acknowledged is forgotten */
struct kafka_topic *kafka_producer_topic(struct kafka_producer *p, const char *name);
/* Copies key and value. token: the owner's, handed back in `delivered`. -> 0, -ENOBUFS (queue full: try after the next
 * delivered), -EMSGSIZE, -EIO */
int kafka_produce(struct kafka_producer *p, struct kafka_topic *t, int32_t partition, struct bytes key, struct bytes value,
                  uint64_t token);
bool kafka_producer_reachable(const struct kafka_producer *p); /* at least one broker answers */
/* Blocking, a few seconds at most: makes the topic unless it is there with at least these partitions. keyed: those that keys
 * are hashed over; a topic that has at least them is grown.
 * LogAppendTime, retention as given; replication 0: the brokers' default. -> 0 made, 1 was there, -errno with the reason in ret_error */
int kafka_topic_make(const char *brokers, const char *topic, int partitions, int keyed, int replication, int64_t retention_ms,
                     struct buf *ret_error);

#endif
