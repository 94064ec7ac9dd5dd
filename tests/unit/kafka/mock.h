/* A Kafka cluster of one broker inside of the test (librdkafka's mock), and turns of the loop.
 */
#ifndef TEST_KAFKA_MOCK_H
#define TEST_KAFKA_MOCK_H

#include <ev.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>
#include <stdlib.h>

#define TOPIC "test.topic"
#define PARTITIONS 4

struct mock {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    const char *brokers;
};

static inline void mock_init(struct mock *m)
{
    char why[256];
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    m->cluster = rd_kafka_mock_cluster_new(m->rk, 1);
    m->brokers = rd_kafka_mock_cluster_bootstraps(m->cluster);
    rd_kafka_mock_topic_create(m->cluster, TOPIC, PARTITIONS, 1);
}

static inline void mock_fini(struct mock *m)
{
    rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->rk);
}

static inline void loop_on_time(struct ev_loop *loop, ev_timer *w, int events)
{
}

/* Turns the loop until *flag or so many seconds are over. -> *flag */
static inline bool loop_wait(struct ev_loop *loop, const bool *flag, double seconds)
{
    ev_timer timer;
    ev_tstamp end = ev_time() + seconds;
    while (!*flag && ev_time() < end) {
        ev_timer_init(&timer, loop_on_time, 0.01, 0);
        ev_timer_start(loop, &timer);
        ev_run(loop, EVRUN_ONCE);
        ev_timer_stop(loop, &timer);
    }
    return *flag;
}

static inline void loop_for(struct ev_loop *loop, double seconds)
{
    static const bool never;
    loop_wait(loop, &never, seconds);
}

#endif
