#include "source.h"

#include "flow.h"
#include "kafka/consumer.h"
#include "record.h"
#include "run/log.h"
#include "worker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct source {
    struct worker *worker;
    struct kafka_consumer *consumer;
};

static void on_record(void *owner, int32_t partition, int64_t offset, int64_t time_ms,
                      struct bytes key, struct bytes value)
{
    struct source *s = owner;
    enum record_kind kind;
    struct publication p;
    struct presence_news news;
    /* At the start, and again where a partition had lost its place. */
    bool again = !kafka_consumer_is_new(s->consumer, partition, offset);
    s->worker->metrics.records_total++;
    if (record_decode(key, value, &kind, &p) == 0) {
        if (!again || flow_wants_again(s->worker, kind, key))
            flow_record(s->worker, kind, key, &p);
        return;
    }
    if (record_news(key, value, &news) == 0) {
        if (!again)
            flow_news(s->worker, key, &news);
        return;
    }
    if (s->worker->metrics.records_malformed_total++ % 1000 == 0)
        log_error(
            "record_malformed",
            "partition=%d offset=%lld key_bytes=%zu bytes=%zu skipped; the first of up to 1000",
            partition, (long long)offset, key.n, value.n);
}

static void on_caught_up(void *owner, int32_t partition)
{
    flow_caught_up(((struct source *)owner)->worker, (uint32_t)partition);
}

static void on_doubt(void *owner, int32_t partition, const char *why)
{
    flow_doubt(((struct source *)owner)->worker, partition, why);
}

static void on_turn(void *owner) /* the loop's own end of turn flushes */
{
}

static const struct kafka_consumer_handlers doors = {
    .record = on_record,
    .caught_up = on_caught_up,
    .doubt = on_doubt,
    .turn = on_turn,
};

int source_new(struct worker *w, struct source **ret_source, struct buf *ret_error)
{
    struct source *s = calloc(1, sizeof *s);
    char name[128];
    assert(s);
    s->worker = w;
    snprintf(name, sizeof name, "worker-%s-%lld", w->options.cell, (long long)w->options.slot);
    int error = kafka_consumer_new(w->process.loop, w->options.kafka, name, w->topic, &doors, s,
                                   &s->consumer, ret_error);
    if (error < 0) {
        free(s);
        return error;
    }
    *ret_source = s;
    return 0;
}

void source_free(struct source *s)
{
    if (!s)
        return;
    kafka_consumer_free(s->consumer);
    free(s);
}

void source_assign(struct source *s, const bool *owned, uint32_t partitions)
{
    int32_t *mine = calloc(partitions ? partitions : 1, sizeof *mine);
    size_t n = 0;
    assert(mine);
    for (uint32_t i = 0; i < partitions; i++)
        if (owned[i])
            mine[n++] = (int32_t)i;
    kafka_consumer_assign(s->consumer, mine, n, s->worker->options.tail_records,
                          s->worker->options.hot_window);
    free(mine);
}

bool source_is_up(const struct source *s)
{
    return kafka_consumer_reachable(s->consumer);
}

int64_t source_lag(const struct source *s)
{
    return kafka_consumer_lag(s->consumer);
}
