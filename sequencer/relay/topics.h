/* Makes the cells' topics. kafka_topic_make blocks for seconds, so it has a thread, which is
 * only in this file; a topic is tried again until Kafka answers. Results come to the loop. */
#ifndef RELAY_TOPICS_H
#define RELAY_TOPICS_H

#include "cells.h"

#include <ev.h>

struct topics;

/* The topic of that cell is there, with so many partitions in all. By now the cell may have
 * become another one: compare. */
typedef void topics_made(void *owner, unsigned cell, const char *topic, int32_t total);

struct topics *topics_new(struct ev_loop *loop, const char *brokers, int replication,
                          int64_t retention_ms, topics_made *made, void *owner);
/* The thread ends by itself when it comes back from Kafka; nobody waits for it. */
void topics_free(struct topics *t);
void topics_want(struct topics *t, unsigned n, const struct cell *cell); /* replaces what was wanted */
void topics_forget(struct topics *t, unsigned cell);

#endif
