#include "kafka/lookup.h"

#include <stdio.h>

#define CALL_MS 1000

static bool fail(struct lookup *l, rd_kafka_resp_err_t err)
{
    /* errors below 0 are the library's own; these two are said only once a broker's metadata has come */
    l->answered = err > 0 || err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    snprintf(l->why, sizeof l->why, "%s", rd_kafka_err2str(err));
    return false;
}

static bool only_ask(struct lookup *l)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(l->rk, 0, NULL, &metadata, CALL_MS);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail(l, err);
    rd_kafka_metadata_destroy(metadata);
    l->answered = true;
    return true;
}

static bool find_ends(struct lookup *l)
{
    for (size_t i = 0; i < l->n && !atomic_load(&l->cancelled); i++) {
        struct place *p = &l->places[i];
        int64_t low = 0, high = 0;
        rd_kafka_resp_err_t err =
            rd_kafka_query_watermark_offsets(l->rk, l->topic, p->partition, &low, &high, CALL_MS);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return fail(l, err);
        p->end = high;
        p->start = high - l->tail_records > low ? high - l->tail_records : low;
    }
    return !atomic_load(&l->cancelled);
}

/* The first record of the hot window, where that lies before the last records by count. */
static bool find_window(struct lookup *l)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)l->n);
    for (size_t i = 0; i < l->n; i++)
        rd_kafka_topic_partition_list_add(list, l->topic, l->places[i].partition)->offset =
            l->now_ms > l->tail_ms ? l->now_ms - l->tail_ms : 0;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(l->rk, list, CALL_MS);
    for (int i = 0; i < list->cnt && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        struct place *p = &l->places[i];
        int64_t offset = list->elems[i].offset; /* negative: nothing is so young */
        err = list->elems[i].err;
        if (offset >= 0 && offset < p->start)
            p->start = offset;
        p->found = err == RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR || fail(l, err);
}

bool lookup_run(void *arg)
{
    struct lookup *l = arg;
    l->answered = false;
    l->why[0] = 0;
    if (l->n == 0)
        return only_ask(l);
    if (!find_ends(l) || !find_window(l))
        return false;
    l->answered = true;
    return true;
}
