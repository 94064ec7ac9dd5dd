/* What the worker makes of Kafka's records: the whole of it in this process, on librdkafka's mock cluster, without PostgreSQL. */
#include "../kafka/mock.h"
#include "flow.h"
#include "unit.h"
#include "worker.h"

#include "core/clock.h"
#include "run/log.h"
#include "wire/channel.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FETCH 1 /* key of that request */

static struct mock m;
static struct worker *w;
static char dir[64];
static int gateway = -1;

static void start(void)
{
    char run_dir[96], brokers[128];
    struct buf text = {0};
    mock_init(&m);
    snprintf(dir, sizeof dir, "/tmp/test-source-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(run_dir, sizeof run_dir, "--run-dir=%s", dir);
    snprintf(brokers, sizeof brokers, "--kafka=%s", m.brokers);
    char *argv[] = {"test", run_dir, brokers, "--standalone-map=4", "--topic=" TOPIC, "--postgres=host=/nowhere", NULL};
    log_init("test", LOG_LEVEL_ERROR + 1);
    w = calloc(1, sizeof *w);
    ck_assert_int_eq(worker_options_parse(&w->options, 6, argv, &text), OPTIONS_RUN);
    ck_assert_int_eq(worker_init(w, &text), 0);
    buf_fini(&text);
    ck_assert(loop_wait(w->process.loop, &w->caught_up, 20));
}

static void stop(void)
{
    close(gateway);
    worker_fini(w);
    free(w);
    rmdir(dir);
    mock_fini(&m);
}

static void say(uint8_t type, const struct buf *body)
{
    uint32_t n = (uint32_t)body->n + 1;
    ck_assert_int_eq(send(gateway, &n, sizeof n, 0), sizeof n);
    ck_assert_int_eq(send(gateway, &type, 1, 0), 1);
    ck_assert_int_eq(send(gateway, body->p, body->n, 0), (ssize_t)body->n);
}

/* A gateway that wants what passes in a channel. */
static void listen_to(const char *channel)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct buf body = {0};
    snprintf(at.sun_path, sizeof at.sun_path, "%s/worker-1.sock", dir);
    gateway = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(gateway, (struct sockaddr *)&at, sizeof at), 0);
    wire_put_fan_hello(&body, &(struct fan_hello){.version = WIRE_VERSION, .gateway = BYTES("a-1"), .origin = 1});
    say(FAN_HELLO, &body);
    buf_clear(&body);
    wire_put_fan_subscribe(&body, &(struct fan_subscribe){.channel = bytes_str(channel), .from_head = 1, .ephemeral = 1});
    say(FAN_SUBSCRIBE, &body);
    buf_fini(&body);
    for (int i = 0; i < 1000 && w->metrics.subscribed_total == 0; i++)
        loop_for(w->process.loop, 0.01);
    ck_assert_uint_eq(w->metrics.subscribed_total, 1);
}

/* One record of the channel, acknowledged. */
static void produce(const char *channel, uint8_t kind, const struct publication *p)
{
    char why[256];
    struct buf body = {0}, value = {0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", m.brokers, NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, TOPIC, NULL);
    wire_put_publication(&body, p);
    wire_put_record(&value, &(struct record){WIRE_VERSION, kind, buf_bytes(&body)});
    int32_t partition = (int32_t)(channel_place(bytes_str(channel)).partition_hash % PARTITIONS);
    ck_assert_int_eq(rd_kafka_produce(t, partition, RD_KAFKA_MSG_F_COPY, value.p, value.n, channel, strlen(channel), NULL), 0);
    ck_assert_int_eq(rd_kafka_flush(rk, 10000), 0);
    rd_kafka_topic_destroy(t);
    rd_kafka_destroy(rk);
    buf_fini(&body);
    buf_fini(&value);
}

static void pass_by(const char *channel)
{
    produce(channel, RECORD_EPHEMERAL, &(struct publication){.data = BYTES("{}")});
}

static void publish(const char *channel, uint64_t seq)
{
    produce(channel, RECORD_MESSAGE, &(struct publication){.epoch = 7, .seq = seq, .data = BYTES("{}")});
}

static void wait_for(const uint64_t *counter, uint64_t n)
{
    for (int i = 0; i < 1000 && *counter < n; i++)
        loop_for(w->process.loop, 0.01);
    ck_assert_uint_eq(*counter, n);
}

/* Each partition is looked up anew, and read again from its tail. */
static void lose_places(void)
{
    uint64_t doubts = w->metrics.doubts_total;
    rd_kafka_mock_push_request_errors(m.cluster, FETCH, 1, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    for (int i = 0; i < 1000 && w->metrics.doubts_total == doubts; i++)
        loop_for(w->process.loop, 0.01);
    ck_assert_uint_gt(w->metrics.doubts_total, doubts);
}

START_TEST(what_has_no_number_passes_once_though_kafka_is_read_again)
{
    start();
    listen_to("t/typing");
    pass_by("t/typing");
    wait_for(&w->metrics.sent_total, 1);
    uint64_t records = w->metrics.records_total;
    lose_places();
    wait_for(&w->metrics.records_total, records + 1);
    pass_by("t/typing");
    wait_for(&w->metrics.records_total, records + 2);
    wait_for(&w->metrics.sent_total, 2);
    loop_for(w->process.loop, 0.2);
    ck_assert_uint_eq(w->metrics.sent_total, 2);
    stop();
}
END_TEST

START_TEST(a_channel_that_was_forgotten_does_not_stand_where_it_did_long_ago)
{
    start();
    publish("t/x", 1);
    publish("t/x", 2);
    wait_for(&w->metrics.records_total, 2);
    routes_tenant_came(&w->routes, BYTES("t")); /* nobody wants it: nothing is kept */
    ck_assert_int_eq(w->metrics.channels, 0);
    lose_places();
    wait_for(&w->metrics.records_total, 4);
    ck_assert_int_eq(w->metrics.channels, 0);
    publish("t/x", 3);
    wait_for(&w->metrics.records_total, 5);
    ck_assert_uint_eq(ring_head(&routes_channel(&w->routes, BYTES("t/x"))->ring), 3);
    stop();
}
END_TEST

UNIT_MAIN("fanout-worker/source", what_has_no_number_passes_once_though_kafka_is_read_again,
          a_channel_that_was_forgotten_does_not_stand_where_it_did_long_ago)
