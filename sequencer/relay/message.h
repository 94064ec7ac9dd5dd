/* A message on its way to Kafka, from decoded to acknowledged by every cell, and one delivery
 * per cell. It owns a copy of its row, so nothing of the WAL or of a query's answer is kept. */
#ifndef RELAY_MESSAGE_H
#define RELAY_MESSAGE_H

#include "core/buf.h"
#include "core/list.h"
#include "row.h"

#define MESSAGE_CELLS_MAX 64 /* cells are bits of a u64 */

struct message {
    struct list gate_link; /* struct gate::waiting, until released */
    struct list open_link; /* struct relay::open, until its transaction's end is known */
    struct list mark_link; /* struct mark::unacked, from released to acknowledged */
    struct row row;        /* slices point into text */
    uint64_t prev;         /* id released before it in its shard; set by mark_release */
    uint64_t lsn;          /* at or above its commit's end; 0: not known yet */
    int64_t committed_us;  /* from the WAL, µs since 1970; 0: read from the table */
    int64_t decoded_ns;    /* monotonic */
    size_t bytes;          /* what it counts for in --outstanding-bytes */
    bool catching;         /* read for one parked cell; counts in its window */
    uint32_t lane;         /* of its channel when it was released (wire/lanes.h); 0: none */
    unsigned n_deliveries; /* 0 until routed, and for a tenant without a cell */
    unsigned unacked;      /* deliveries that Kafka has not acknowledged */
    struct delivery *deliveries;
    char text[];
};

struct delivery {
    struct message *message;
    struct list sink_link; /* struct sink_cell::pending */
    struct list mark_link; /* struct mark::waiting */
    int64_t handed_ns;     /* monotonic, last time handed to Kafka; 0: not yet */
    uint8_t cell;          /* < MESSAGE_CELLS_MAX */
    uint8_t refusals;      /* times that Kafka refused it */
    bool stub;             /* goes without its payload: Kafka refused the record for itself */
};

/* Copies the row. On no list, not routed. How many there are is bounded by options. */
struct message *message_new(const struct row *row);
void message_free(struct message *m); /* must hang on no list, nor its deliveries */
/* One delivery for each bit of cells; once per message. */
void message_route(struct message *m, uint64_t cells, uint32_t lane);
/* Value of the Kafka record, appended: a `record` body of wire/messages.h. */
void message_encode(const struct message *m, bool stub, uint64_t relayed_us, struct buf *into);

#endif
