/* What producer, consumer and topic maker say to librdkafka alike. */
#ifndef KAFKA_CONF_H
#define KAFKA_CONF_H

#include "core/buf.h"

#include <librdkafka/rdkafka.h>

/* Brokers, name, how connections are kept and lost, TLS and SASL (access.h), then the rows of `more` (name, value; NULL
 * at the end; NULL: none).
 * -> the configuration, or NULL with the reason in ret_error */
rd_kafka_conf_t *kafka_conf_new(const char *brokers, const char *name,
                                const char *const (*more)[2], struct buf *ret_error);
/* Rows as those. -> false with the reason in ret_error */
bool kafka_conf_add(rd_kafka_conf_t *conf, const char *const (*rows)[2], struct buf *ret_error);
/* Takes conf, also where it fails. -> a client, or NULL with the reason in ret_error */
rd_kafka_t *kafka_client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct buf *ret_error);
/* One line of librdkafka into our log. level: syslog's. From the loop's thread only. */
void kafka_log(const char *name, int level, const char *text);
/* Why a client that asks one question got no answer: what librdkafka says of its connections meanwhile. */
struct kafka_reason {
    char text[256]; /* the newest, "" when there is none */
};
void kafka_reason_watch(struct kafka_reason *r, rd_kafka_conf_t *conf); /* zeroed; it stays until the client is gone */
/* On the thread that asked. -> r's text */
const char *kafka_reason_of(struct kafka_reason *r, rd_kafka_t *rk);
/* -> -EMSGSIZE or -EINVAL: this record will never be taken; -ENOENT: no such topic or
 * partition; -EACCES: not allowed; -EIO: anything else */
int kafka_errno(rd_kafka_resp_err_t err);

#endif
