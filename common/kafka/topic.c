#include "kafka/conf.h"
#include "kafka/metadata.h"
#include "kafka/producer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MAKE_MS 4000
#define LOOK_MS 2000

#define BROKERS_DEFAULT (-1) /* copies; Kafka 2.4, KIP-464 */

static const char *const settings[][2] = {
    {"allow.auto.create.topics", "false"},
    {NULL, NULL},
};

static rd_kafka_NewTopic_t *describe(const char *topic, int partitions, int replication,
                                     int64_t retention_ms, struct buf *ret_error)
{
    char why[256], retention[24];
    rd_kafka_NewTopic_t *t =
        rd_kafka_NewTopic_new(topic, partitions, replication ? replication : BROKERS_DEFAULT, why, sizeof why);
    if (!t) {
        buf_append_str(ret_error, why);
        return NULL;
    }
    snprintf(retention, sizeof retention, "%" PRId64, retention_ms);
    rd_kafka_NewTopic_set_config(t, "message.timestamp.type", "LogAppendTime");
    rd_kafka_NewTopic_set_config(t, "cleanup.policy", "delete");
    rd_kafka_NewTopic_set_config(t, "unclean.leader.election.enable", "false");
    rd_kafka_NewTopic_set_config(t, "retention.ms", retention);
    if (replication >= 3)
        rd_kafka_NewTopic_set_config(t, "min.insync.replicas", "2");
    return t;
}

/* ---- asking the broker for a change */

static rd_kafka_AdminOptions_t *patience(rd_kafka_t *rk, rd_kafka_admin_op_t what)
{
    char why[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, what);
    rd_kafka_AdminOptions_set_request_timeout(options, MAKE_MS, why, sizeof why);
    rd_kafka_AdminOptions_set_operation_timeout(options, MAKE_MS / 2, why, sizeof why);
    return options;
}

static const rd_kafka_topic_result_t **results_of(rd_kafka_event_t *event, size_t *ret_n)
{
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
        return rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), ret_n);
    return rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), ret_n);
}

/* -> Kafka's answer about the one topic, with its text in ret_text */
static rd_kafka_resp_err_t answered(rd_kafka_queue_t *queue, struct buf *ret_text)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, MAKE_MS + 500);
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *text = NULL;
    if (event) {
        size_t n = 0;
        const rd_kafka_topic_result_t **topics = results_of(event, &n);
        err = n == 1 ? rd_kafka_topic_result_error(topics[0]) : rd_kafka_event_error(event);
        text = n == 1 ? rd_kafka_topic_result_error_string(topics[0])
                      : rd_kafka_event_error_string(event);
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        buf_append_str(ret_text, text ? text : rd_kafka_err2str(err));
    if (event)
        rd_kafka_event_destroy(event);
    return err;
}

static rd_kafka_resp_err_t create(rd_kafka_t *rk, rd_kafka_NewTopic_t *t, struct buf *ret_text)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options = patience(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(rk, &t, 1, options, queue);
    rd_kafka_resp_err_t err = answered(queue, ret_text);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return err;
}

static rd_kafka_resp_err_t enlarge(rd_kafka_t *rk, rd_kafka_NewPartitions_t *p, struct buf *ret_text)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options = patience(rk, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
    rd_kafka_CreatePartitions(rk, &p, 1, options, queue);
    rd_kafka_resp_err_t err = answered(queue, ret_text);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return err;
}

static int answer_of(rd_kafka_resp_err_t err)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return 0;
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return -EINVAL;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return -ETIMEDOUT;
    default:
        return kafka_errno(err);
    }
}

/* ---- a topic that is there */

static int grow(rd_kafka_t *rk, const char *topic, int partitions, struct buf *ret_error)
{
    char why[256];
    rd_kafka_NewPartitions_t *p = rd_kafka_NewPartitions_new(topic, (size_t)partitions, why, sizeof why);
    if (!p) {
        buf_append_str(ret_error, why);
        return -EINVAL;
    }
    int error = answer_of(enlarge(rk, p, ret_error));
    rd_kafka_NewPartitions_destroy(p);
    return error;
}

/* Keys keep their partition only as long as the count that they are hashed over stands. */
static int judge_existing(rd_kafka_t *rk, const char *topic, int partitions, int keyed,
                          struct buf *ret_error)
{
    int there = 0;
    rd_kafka_resp_err_t err = metadata_partitions(rk, topic, LOOK_MS, &there);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        buf_append_str(ret_error, rd_kafka_err2str(err));
        return -EIO;
    }
    if (there >= partitions)
        return 1;
    if (there >= keyed)
        return grow(rk, topic, partitions, ret_error);
    buf_printf(ret_error,
               "topic %s has %d partitions, %d are asked for; to grow it would move keys",
               topic, there, keyed);
    return -EEXIST;
}

/* Whoever may not make topics, or not such ones, is told so of one that is there, too. */
static bool is_refused(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
           err == RD_KAFKA_RESP_ERR_POLICY_VIOLATION || err == RD_KAFKA_RESP_ERR_INVALID_CONFIG || err == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR;
}

static bool is_there(rd_kafka_t *rk, const char *topic)
{
    int partitions;
    return metadata_partitions(rk, topic, LOOK_MS, &partitions) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

int kafka_topic_make(const char *brokers, const char *topic, int partitions, int keyed,
                     int replication, int64_t retention_ms, struct buf *ret_error)
{
    struct kafka_reason reason = {0};
    rd_kafka_NewTopic_t *t = describe(topic, partitions, replication, retention_ms, ret_error);
    if (!t)
        return -EINVAL;
    rd_kafka_conf_t *conf = kafka_conf_new(brokers, "cellcast-topic", settings, ret_error);
    if (conf)
        kafka_reason_watch(&reason, conf);
    rd_kafka_t *rk = conf ? kafka_client_new(RD_KAFKA_CONSUMER, conf, ret_error) : NULL;
    if (!rk) {
        rd_kafka_NewTopic_destroy(t);
        return -EINVAL;
    }
    rd_kafka_resp_err_t err = create(rk, t, ret_error);
    int answer = answer_of(err);
    if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS || (is_refused(err) && is_there(rk, topic))) {
        buf_clear(ret_error);
        answer = judge_existing(rk, topic, partitions, keyed, ret_error);
    }
    if (answer < 0 && *kafka_reason_of(&reason, rk))
        buf_printf(ret_error, " (%s)", reason.text);
    rd_kafka_NewTopic_destroy(t);
    rd_kafka_destroy(rk);
    return answer;
}
