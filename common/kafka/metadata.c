#include "kafka/metadata.h"

rd_kafka_resp_err_t metadata_partitions(rd_kafka_t *rk, const char *topic, int timeout_ms, int *ret_n)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_resp_err_t err =
        t ? rd_kafka_metadata(rk, 0, t, &metadata, timeout_ms) : rd_kafka_last_error();
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        err = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        *ret_n = metadata->topics[0].partition_cnt;
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    if (t)
        rd_kafka_topic_destroy(t);
    return err;
}
