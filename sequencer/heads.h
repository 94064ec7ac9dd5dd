/* Where each channel stands, as far as this process knows: a cache of channel_head, chained
 * forward in memory by the batches in flight, and the tenants that the channels belong to.
 *
 * A head that messages refer to stays; the others are kept in order of use, `max` of them at
 * most. A tenant lives as long as one of its channels is known. Nothing here is believed after
 * leadership was lost: heads_forget. */
#ifndef SEQUENCER_HEADS_H
#define SEQUENCER_HEADS_H

#include "core/drr.h"
#include "core/list.h"
#include "core/map.h"

#define HEADS_QUANTUM                                                                          \
    16384 /* bytes that a tenant, or a channel of it, may take in a turn; above most messages */

struct tenant {
    struct map_node by_name; /* heads::tenants */
    struct drr_flow turn;    /* inbox::turns, while something is ready */
    struct drr turns;        /* struct head::turn, of its channels with something ready */
    size_t heads;            /* that belong to it */
    size_t waiting;          /* messages of gateways WAITING, READY or FOLLOWING */
    size_t waiting_bytes;    /* message::size of them */
    struct bytes name;
    char text[];
};

struct head {
    struct map_node by_name; /* heads::by_name */
    struct list idle;        /* heads::idle, while no message refers to it */
    struct list ask;         /* inbox::unknown, while it waits to be read */
    struct list waiting;     /* message::place, in order of arrival */
    struct list ready;       /* message::place, the same, before those */
    struct drr_flow turn;    /* tenant::turns, while something is ready */
    struct list touched;     /* batch.c's, while a batch is put together */
    struct tenant *tenant;
    size_t messages; /* that refer to it, and the lookup that reads it */
    uint8_t shard;
    bool asked;           /* it waits to be read, or is being read */
    bool known;           /* seq to durable_id are of some worth */
    uint64_t seq;         /* numbered so far, in flight included; 0: none in this epoch */
    uint64_t prev;        /* seq that the batch under way builds on */
    uint64_t id;          /* of seq */
    uint64_t durable_seq; /* committed */
    uint64_t durable_id;
    struct bytes name; /* full form */
    char text[];
};

struct heads {
    struct map by_name; /* struct head */
    struct map tenants; /* struct tenant */
    struct list idle;   /* struct head::idle, least recently used first */
    size_t n_idle;
    size_t max; /* from --heads-max */
};

void heads_init(struct heads *h, size_t max);
void heads_fini(struct heads *h); /* no message may refer to a head any more */

/* The head of the channel, made when it is not there, with one message more that refers to it.
 */
struct head *heads_hold(struct heads *h, struct bytes channel);
void heads_let_go(struct heads *h, struct head *head);
struct head *heads_find(const struct heads *h, struct bytes channel); /* NULL when not there */
struct tenant *heads_tenant(const struct heads *h,
                            struct bytes tenant); /* NULL when none of its channels is there */
/* No head is known any more; those that no message refers to are gone. */
void heads_forget(struct heads *h);
/* The same for channels of these shards (bit n: shard n). Messages that wait are to enter anew. */
void heads_forget_shards(struct heads *h, uint64_t shards);

/* What channel_head says. seq 0: nothing in this epoch yet. */
void head_learn(struct head *head, uint64_t seq, uint64_t id);
void head_forget(struct head *head);

#endif
