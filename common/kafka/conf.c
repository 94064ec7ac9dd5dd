#include "kafka/conf.h"

#include "kafka/access.h"

#include "run/log.h"

#include <errno.h>
#include <stdio.h>
#include <syslog.h>

/* The waits are what a client needs to be back within a second of its broker (with the defaults
 * it stalls up to 9 s); the deadlines are for a broker that has stopped without closing its
 * connections. */
static const char *const common[][2] = {
    {"socket.keepalive.enable", "true"},
    {"socket.nagle.disable", "true"}, /* else a request behind an unacknowledged one waits for the ACK */
    {"socket.timeout.ms", "10000"},
    {"socket.connection.setup.timeout.ms", "3000"},
    {"reconnect.backoff.ms", "20"},
    {"reconnect.backoff.max.ms", "200"},
    {"topic.metadata.refresh.fast.interval.ms", "50"},
    {"log.connection.close", "false"},
    {"log.queue", "true"}, /* its threads do not write to our log */
    {NULL, NULL},
};

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value,
                struct buf *ret_error)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    buf_append_str(ret_error, why);
    return false;
}

bool kafka_conf_add(rd_kafka_conf_t *conf, const char *const (*rows)[2], struct buf *ret_error)
{
    for (; rows && (*rows)[0]; rows++)
        if (!set(conf, (*rows)[0], (*rows)[1], ret_error))
            return false;
    return true;
}

rd_kafka_conf_t *kafka_conf_new(const char *brokers, const char *name,
                                const char *const (*more)[2], struct buf *ret_error)
{
    if (!*brokers) {
        buf_append_str(ret_error, "no brokers are named");
        return NULL;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (set(conf, "bootstrap.servers", brokers, ret_error) &&
        set(conf, "client.id", name, ret_error) && kafka_conf_add(conf, common, ret_error) &&
        kafka_conf_add(conf, kafka_access_rows(), ret_error) && kafka_conf_add(conf, more, ret_error))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_t *kafka_client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct buf *ret_error)
{
    char why[512];
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (rk)
        return rk;
    rd_kafka_conf_destroy(conf);
    buf_append_str(ret_error, why);
    return NULL;
}

void kafka_log(const char *name, int level, const char *text)
{
    if (level <= LOG_WARNING)
        log_warn("kafka_client", "name=%s text=\"%s\"", name, text);
    else
        log_debug("kafka_client", "name=%s text=\"%s\"", name, text);
}

/* How long it had waited for that differs each time, and would make each time worth a line in the log. */
static void on_reason(rd_kafka_t *rk, int err, const char *text, void *opaque)
{
    struct kafka_reason *r = opaque;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        return;
    snprintf(r->text, sizeof r->text, "%s", text);
    char *waited = strstr(r->text, " (after ");
    if (waited)
        *waited = 0;
}

void kafka_reason_watch(struct kafka_reason *r, rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_opaque(conf, r);
    rd_kafka_conf_set_error_cb(conf, on_reason);
}

const char *kafka_reason_of(struct kafka_reason *r, rd_kafka_t *rk)
{
    while (rd_kafka_poll(rk, 0) > 0)
        ;
    return r->text;
}

int kafka_errno(rd_kafka_resp_err_t err)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return -EMSGSIZE;
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
        return -EINVAL;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return -ENOENT;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return -EACCES;
    default:
        return -EIO;
    }
}
