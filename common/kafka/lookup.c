#include "kafka/lookup.h"

#include "kafka/conf.h"
#include "kafka/metadata.h"

#include <stdio.h>
#include <stdlib.h>

#define CALL_MS 1000
/* Times that mean places (Kafka protocol, ListOffsets) */
#define AT_END (-1)
#define AT_BEGINNING (-2)

static const char *const settings[][2] = {
    {NULL, NULL},
};

static bool fail(struct lookup *l, rd_kafka_resp_err_t err)
{
    /* errors below 0 are the library's own; these two are said only once a broker's metadata
     * has come */
    l->answered = err > 0 || err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
                  err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    snprintf(l->why, sizeof l->why, "%s", rd_kafka_err2str(err));
    return false;
}

static bool only_ask(struct lookup *l, rd_kafka_t *rk)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, NULL, &metadata, CALL_MS);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail(l, err);
    rd_kafka_metadata_destroy(metadata);
    return true;
}

/* Which partitions the topic has: one that is to be made yet must not hold up the others. */
static bool see_what_is_there(struct lookup *l, rd_kafka_t *rk)
{
    int there = 0;
    rd_kafka_resp_err_t err = metadata_partitions(rk, l->topic, CALL_MS, &there);
    bool any = false;
    for (size_t i = 0; i < l->n; i++) {
        l->places[i].missing = l->places[i].partition >= there;
        any |= !l->places[i].missing;
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && !any)
        err = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    return err == RD_KAFKA_RESP_ERR_NO_ERROR || fail(l, err);
}

/* First offset at or after that time, of each place; -1 where there is none. One request to
 * each leader. */
static bool ask_offsets(struct lookup *l, rd_kafka_t *rk, int64_t time_ms, int64_t *ret_offsets)
{
    if (atomic_load(&l->cancelled))
        return fail(l, RD_KAFKA_RESP_ERR__DESTROY);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)l->n);
    for (size_t i = 0; i < l->n; i++)
        if (!l->places[i].missing)
            rd_kafka_topic_partition_list_add(list, l->topic, l->places[i].partition)->offset =
                time_ms;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(rk, list, CALL_MS);
    for (size_t i = 0, at = 0; i < l->n && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        if (l->places[i].missing)
            continue;
        err = list->elems[at].err;
        ret_offsets[i] = list->elems[at++].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR || fail(l, err);
}

int64_t lookup_start(const struct lookup *l, int64_t was, int64_t low, int64_t end, int64_t young)
{
    int64_t start = end - l->tail_records, floor = end - l->window_records;
    int64_t window = young < 0 ? end : young > floor ? young : floor;
    if (window < start)
        start = window;
    if (was >= 0 && was < start)
        start = was;
    return start < low ? low : start;
}

/* The end comes first: what is written after it was seen is read as what is new. */
static bool find_places(struct lookup *l, rd_kafka_t *rk)
{
    int64_t *ends = calloc(3 * l->n, sizeof *ends), *lows = ends + l->n, *young = lows + l->n;
    int64_t since = l->now_ms > l->tail_ms ? l->now_ms - l->tail_ms : 0;
    bool fine = ends && see_what_is_there(l, rk) && ask_offsets(l, rk, AT_END, ends) &&
                ask_offsets(l, rk, AT_BEGINNING, lows) && ask_offsets(l, rk, since, young);
    for (size_t i = 0; i < l->n && fine; i++) {
        struct place *p = &l->places[i];
        p->end = ends[i];
        p->start = lookup_start(l, p->was, lows[i], ends[i], young[i]);
    }
    free(ends);
    return fine;
}

bool lookup_run(void *arg)
{
    struct lookup *l = arg;
    struct buf error = {0};
    struct kafka_reason reason = {0};
    l->answered = false;
    rd_kafka_conf_t *conf = kafka_conf_new(l->brokers, l->name, settings, &error);
    if (conf)
        kafka_reason_watch(&reason, conf);
    rd_kafka_t *rk = conf ? kafka_client_new(RD_KAFKA_CONSUMER, conf, &error) : NULL;
    snprintf(l->why, sizeof l->why, "%s", error.p ? error.p : "");
    buf_fini(&error);
    if (!rk)
        return false;
    bool fine = l->n > 0 ? find_places(l, rk) : only_ask(l, rk);
    if (!fine && *kafka_reason_of(&reason, rk))
        memcpy(l->why, reason.text, sizeof l->why);
    rd_kafka_destroy(rk);
    l->answered |= fine;
    return fine;
}
