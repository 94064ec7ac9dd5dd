/* Publishes that have no result yet, in the order of their counters. Bounded in number and bytes; each has its time.
 * Nothing here does I/O: sending is a function of the caller's. */
#ifndef GATEWAY_PENDING_H
#define GATEWAY_PENDING_H

#include "wheel.h"

#include "core/map.h"
#include "wire/channel.h"
#include "wire/messages.h"

struct pending_publish {
    struct map_node by_counter; /* struct pending::all */
    struct list in_order;       /* struct pending::shards[shard] */
    struct pending *pending;
    struct wheel_timer deadline;
    struct seq_publish message; /* texts point into `text` */
    uint64_t ticket;
    int64_t since_ns;
    bool sent;                  /* on the link that leads its shard now */
    bool sent_before;           /* on any */
    const void *sent_to;        /* ctx of the newest sending; NULL: not sent yet */
    size_t n;
    char text[];
};

struct pending {
    struct map all;
    struct list shards[SHARDS]; /* struct pending_publish::in_order, oldest first */
    struct wheel *wheel;
    uint64_t counter; /* last one given */
    uint32_t count_max;
    size_t bytes, bytes_max;
    int64_t timeout_ns;
    /* A publish has waited for its timeout: pending_remove it. */
    void (*late)(void *owner, struct pending_publish *p);
    void *owner;
};

struct pending_limits {
    uint32_t count_max;
    size_t bytes_max;
    int64_t timeout_ns;
};

void pending_init(struct pending *p, struct wheel *wheel, const struct pending_limits *limits,
                  void (*late)(void *owner, struct pending_publish *p), void *owner);
void pending_fini(struct pending *p); /* frees what waits, calls nobody */

/* Copies m (its counter is set here) to the end of the shard's order. -> NULL when it is full */
struct pending_publish *pending_add(struct pending *p, unsigned shard, const struct seq_publish *m, uint64_t ticket,
                                    int64_t now_ns);
struct pending_publish *pending_find(const struct pending *p, uint64_t counter); /* -> NULL */
void pending_remove(struct pending_publish *p); /* frees */
/* The shard's link is gone, or another one: all of it is to be sent, as a retry where it had been sent. */
void pending_unsend(struct pending *p, unsigned shard);
/* Hands what is not sent to `send`, oldest first, as long as that answers true; it is sent then. */
void pending_send(struct pending *p, unsigned shard, bool (*send)(void *ctx, const struct seq_publish *m), void *ctx);

#endif
