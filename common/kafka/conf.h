/* What producer, consumer and topic maker say to librdkafka alike. */
#ifndef KAFKA_CONF_H
#define KAFKA_CONF_H

#include "core/buf.h"

#include <librdkafka/rdkafka.h>

/* Brokers, name, how connections are kept and lost, then the rows of `more` (name, value; NULL
 * at the end).
 * -> the configuration, or NULL with the reason in ret_error */
rd_kafka_conf_t *kafka_conf_new(const char *brokers, const char *name,
                                const char *const (*more)[2], struct buf *ret_error);
/* Rows as above. -> false with the reason in ret_error */
bool kafka_conf_add(rd_kafka_conf_t *conf, const char *const (*rows)[2], struct buf *ret_error);
/* One line of librdkafka into our log. level: syslog's. From the loop's thread only. */
void kafka_log(const char *name, int level, const char *text);
/* -> -EMSGSIZE or -EINVAL: this record will never be taken; -ENOENT: no such topic or
 * partition; -EACCES: not allowed; -EIO: anything else */
int kafka_errno(rd_kafka_resp_err_t err);

#endif
