/* The way of the data over Kafka and PostgreSQL made here: cell `a` (bit 0) and cell `b` (bit 1)
 * host the tenant `default`; a producer of a dead topic keeps what it gets, another one
 * acknowledges at once; a question for a parked cell is answered when the test says so. */
#ifndef TESTS_RELAY_FAKE_EDGES_H
#define TESTS_RELAY_FAKE_EDGES_H

#include "relay.h"

#define SENT_MAX 4096
#define S 3 /* the shard of the messages */

struct fake_kafka {
    unsigned made;
    bool dead[2];
    uint64_t sent[2][SENT_MAX], tokens[2][SENT_MAX]; /* ids, in the order of handing over */
    struct kafka_producer *by[2][SENT_MAX];
    unsigned n[2], answered[2];
    unsigned wanted; /* topics */
};

struct fake_postgres {
    bool asked, down;
    uint64_t above, upto;
    unsigned limit;
    char cell[8];
    unsigned configurations; /* times that the configuration was asked for */
};

extern struct fake_kafka kafka;
extern struct fake_postgres question;
extern struct relay r;
extern uint64_t seq; /* of the newest message: its id, too */

void start(void);
void finish(void); /* and nothing is outstanding then */
void turn(void);
void acknowledge_one(unsigned cell); /* the oldest of a dead topic */
void publish(unsigned n); /* so many are committed, decoded and visible */
void publish_in(unsigned shard, uint64_t id);
/* Answers the question for a parked cell: the table has every id from 1 to last. */
void answer(uint64_t last);
void expect_sent(unsigned cell, uint64_t from, uint64_t upto); /* were the last ones */

#endif
