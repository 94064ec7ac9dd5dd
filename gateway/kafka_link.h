/* The way of ephemeral publishes: straight into the topic of each cell that hosts the tenant, past sequencer and database.
 * A publish is answered when every one of these brokers' leaders has taken it, and tried once: no record arrives twice,
 * those of one gateway keep their order. Nothing is dialled before the configuration has an ephemeral namespace.
 * Bounds: --ephemeral-max publishes, --ephemeral-bytes; KAFKA_BRIEF_MS for each. */
#ifndef GATEWAY_KAFKA_LINK_H
#define GATEWAY_KAFKA_LINK_H

#include "ops.h"

struct kafka_link;

struct kafka_link *kafka_link_new(struct gateway *g);
void kafka_link_free(struct kafka_link *k); /* what has no answer is forgotten */
void kafka_link_configured(struct kafka_link *k); /* g->config is another one */
/* Copies. ops_publish_done is called with the ticket once: 0, 107 (the broker refuses it for itself) or 100 (not taken, or
 * the outcome is unknown). -> 0, or nobody is called: -ENOTCONN no broker answers, -ENOBUFS too many wait, -EMSGSIZE */
int kafka_link_publish(struct kafka_link *k, uint64_t ticket, const struct ops_publish *what);
uint32_t kafka_link_pending(const struct kafka_link *k);

#endif
