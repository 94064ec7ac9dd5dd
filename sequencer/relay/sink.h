/* The way into Kafka: per cell one idempotent producer, and one queue of deliveries in the order
 * of their release. Those in front of `next` have been handed to the producer, the others not.
 *
 *     pending:  d1 d2 d3 | d4 d5 …     acknowledged: removed, wherever it stands
 *               handed    ^ next       producer lost: next = first, all goes again, in order
 *
 * So order per channel holds whatever Kafka does, at the price of repeats, which workers drop.
 * What Kafka refuses for itself (too large; or anything else three times, unless it is for want
 * of the topic) goes on as a stub. A refusal that comes from the broker costs the producer,
 * since what stood behind the refused record must not stay in front of it; what was acknowledged
 * in the same breath does, and a worker that finds the hole reads the rows. A producer is a
 * cell's own, so that neither a refusal nor a topic that takes nothing is felt by another cell.
 * How much may stand here is bounded by whoever adds (--outstanding-max, --outstanding-bytes). */
#ifndef RELAY_SINK_H
#define RELAY_SINK_H

#include "cells.h"
#include "message.h"

#include <ev.h>

#define SINK_REFUSALS_MAX 3 /* then it becomes a stub */

struct sink_handlers {
    /* Kafka has it: the owner's from here. */
    void (*acked)(void *owner, struct delivery *d);
    /* Its cell is set aside or gone: the owner's from here, whether Kafka has it or not. */
    void (*given_back)(void *owner, struct delivery *d);
    /* The cell's producer is given up; a new one follows by itself. */
    void (*lost)(void *owner, unsigned cell, const char *why);
    /* Kafka takes it not; it is tried again. stub: as one from now on. */
    void (*refused)(void *owner, struct delivery *d, bool stub, const char *why);
    /* The cell's topic may be gone: make it again, then sink_open. */
    void (*doubt)(void *owner, unsigned cell);
};

struct sink_cell {
    struct sink *sink;
    struct list pending;       /* struct delivery::sink_link */
    struct delivery *next;     /* first one not handed over; NULL: all are */
    const struct cell *cell;   /* NULL: no such cell */
    struct kafka_producer *producer; /* NULL while the topic is not there, and between two */
    struct kafka_topic *topic;       /* of that producer; NULL: not asked for yet */
    bool open;                       /* the topic is there */
    bool full;             /* the producer takes no more until it has delivered something */
    ev_timer renew;        /* a new producer when it fires */
    uint32_t renew_ms;     /* grows with each producer lost before anything was acknowledged */
    uint64_t acknowledged; /* deliveries, since the start */
    uint64_t count;        /* pending */
    int64_t waits_ns;      /* monotonic: last acknowledged, or since when any is pending */
    int64_t acked_ns;      /* monotonic: last acknowledged; 0: nothing yet */
};

struct sink {
    struct ev_loop *loop;
    const char *brokers, *name;
    const struct sink_handlers *handlers;
    void *owner;
    struct sink_cell cells[MESSAGE_CELLS_MAX];
    uint64_t used;           /* bit n: cells[n].cell is set */
    int64_t (*now_us)(void); /* µs since 1970: the stamp relayed_us */
    struct buf scratch;
};

/* now_us NULL: the system's clock. */
void sink_init(struct sink *s, struct ev_loop *loop, const char *brokers, const char *name,
               int64_t (*now_us)(void), const struct sink_handlers *handlers, void *owner);
/* Everything pending is given back. */
void sink_fini(struct sink *s);

/* cell must stay where it is until sink_drop. Takes deliveries from now on, hands them over
 * once opened. */
void sink_add_cell(struct sink *s, unsigned n, const struct cell *cell);
/* The topic is there, with the cell's partitions. */
void sink_open(struct sink *s, unsigned n);
/* It is not, or not as it was: all that is pending is sent anew after sink_open. */
void sink_close(struct sink *s, unsigned n);
/* All that is pending is given back and the producer ended. After sink_open there is a new one.
 */
void sink_clear(struct sink *s, unsigned n);
/* The cell is gone: sink_clear, and nothing is taken for it any more. */
void sink_drop(struct sink *s, unsigned n);

void sink_add(struct sink *s, struct delivery *d); /* its cell must have been added */
void sink_flush(struct sink *s);                   /* hands over what can be handed over */
bool sink_goes(const struct sink *s, unsigned n);  /* a topic, and brokers that answer */
/* -> ns for which nothing was acknowledged although something waited; 0: nothing waits */
int64_t sink_stalled_ns(const struct sink *s, unsigned n, int64_t now_ns);

#endif
