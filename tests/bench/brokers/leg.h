/* The stretch from relay to worker by itself, for bench_brokers.py: a publisher, a broker, a
 * reader, each a process on a loop of its own. What is measured and checked is here, one for
 * all brokers; what is a broker's own is behind struct broker. Messages are numbered from 0;
 * number n goes to channel n % channels. */
#ifndef BENCH_LEG_H
#define BENCH_LEG_H

#include "core/bytes.h"

#include <ev.h>

#define LEG_PAYLOAD_MIN 16 /* bytes: stamp and number */

struct publisher;
struct reader;

/* Where: a topic, a stream, or what channels begin with; new for each run, made by the reader.
 */
struct place {
    struct ev_loop *loop;
    const char *host;
    int port;
    const char *name;
    const char *settings; /* what stood behind the broker's name and a colon, or "" */
    unsigned channels;
};

struct broker {
    const char *name;
    void *(*publisher_new)(const struct place *where, struct publisher *p);
    /* -> false: not now; it is tried again in a millisecond */
    bool (*publish)(void *publisher, unsigned channel, uint64_t number, struct bytes payload);
    void (*reader_new)(const struct place *where, struct reader *r);
};

/* From the broker's side, on the loop. */
void publisher_acked(struct publisher *p, uint64_t number);
void publisher_lost(
    struct publisher *p);            /* what is not acknowledged is sent again, in its order */
void reader_ready(struct reader *r); /* what is published from now on will come */
void reader_message(struct reader *r, struct bytes payload);
void leg_fail(const char *why) __attribute__((noreturn));

extern const struct broker broker_kafka, broker_redis_pubsub, broker_redis_streams,
    broker_jetstream;

/* words: COUNT RATE WARMUP BYTES -> exit status */
int publisher_run(const struct broker *b, const struct place *where, char **words);
/* words: COUNT */
int reader_run(const struct broker *b, const struct place *where, char **words);

#endif
