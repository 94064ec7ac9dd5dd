/* What a broker says of a topic, asked with a call that blocks: for a thread. */
#ifndef KAFKA_METADATA_H
#define KAFKA_METADATA_H

#include <librdkafka/rdkafka.h>

/* -> 0, or Kafka's error: then ret_n is untouched */
rd_kafka_resp_err_t metadata_partitions(rd_kafka_t *rk, const char *topic, int timeout_ms, int *ret_n);

#endif
