#include "kafka/consumer.h"

#include "core/clock.h"
#include "kafka/conf.h"
#include "kafka/lookup.h"
#include "kafka/task.h"
#include "kafka/wake.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TURN_RECORDS 500 /* handed over per turn of the loop */
#define UNPLACED (-1)
#define DOUBT_ALL_NS NS_PER_S /* between two doubts about all partitions */

/* Partitions are started and stopped one by one (consume_start_queue): no group is needed,
 * those that stay go on undisturbed, and rd_kafka_assign() of librdkafka 2.0.2 ends the process
 * when it is called again while a partition of the call before is still stopping (its assertion
 * `rktp_started`). With the default queued.min.messages the client stops fetching for a second
 * at a time once 100,000 wait. */
static const char *const settings[][2] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},
    {"enable.partition.eof", "true"},
    {"topic.metadata.propagation.max.ms", "1000"}, /* that a lost topic goes unsaid */
    {"fetch.error.backoff.ms", "20"},
    {"fetch.wait.max.ms", "100"}, /* a partition just assigned waits for the fetch under way */
    {"queued.min.messages", "10000000"},
    {"queued.max.messages.kbytes", "65536"},
    {NULL, NULL},
};

struct partition {
    int32_t number;
    uint64_t birth; /* one for each time that it was assigned or lost its place */
    int64_t next;   /* offset of the next record, UNPLACED while it is looked up */
    int64_t was;    /* next before it lost its place, UNPLACED when it never had one */
    int64_t end;    /* seen when it was placed */
    bool started;   /* librdkafka reads it */
    bool caught_up; /* and told */
};

struct kafka_consumer {
    struct ev_loop *loop;
    const struct kafka_consumer_handlers *handlers;
    void *owner;
    char *brokers, *name, *topic;
    rd_kafka_t *rk;
    rd_kafka_topic_t *handle; /* opened early: leaders are known before the first assignment */
    struct wake wake;
    struct partition *partitions;
    size_t n;
    uint64_t births;
    int64_t tail_records, tail_ms;
    bool reachable;
    struct task task;
    struct lookup lookup; /* the thread's while the task runs */
    char said[256];       /* the last failure of a lookup that was logged */
    char trouble[256];    /* an error about no partition of this turn, "" when none */
    bool all_down;        /* and it was about every broker */
    bool topic_gone;      /* or about the topic: made again, our offsets are of the old one */
    bool returned;        /* reachable again after a doubt, which is yet to be told */
    int64_t doubted_ns;   /* the last doubt about all */
    bool handed;          /* something in this turn */
    bool freed;           /* inside of a callback */
    unsigned depth;       /* frames of ours on the stack that call the owner */
};

/* A round trip to librdkafka's own thread, to no broker; what it has fetched is dropped. */
static void stop(struct kafka_consumer *c, struct partition *p)
{
    if (p->started)
        rd_kafka_consume_stop(c->handle, p->number);
    p->started = false;
}

static void start(struct kafka_consumer *c, struct partition *p)
{
    p->started =
        rd_kafka_consume_start_queue(c->handle, p->number, p->next, c->wake.queue) == 0;
    if (!p->started)
        log_error("kafka_start", "name=%s topic=%s partition=%d why=\"%s\"", c->name, c->topic,
                  p->number, rd_kafka_err2str(rd_kafka_last_error()));
}

static void free_parts(struct kafka_consumer *c)
{
    if (c->handle)
        rd_kafka_topic_destroy(c->handle);
    if (c->rk)
        rd_kafka_destroy(c->rk);
    free(c->lookup.places);
    free(c->partitions);
    free(c->topic);
    free(c->name);
    free(c->brokers);
    free(c);
}

static void destroy(struct kafka_consumer *c)
{
    atomic_store(&c->lookup.cancelled, true);
    task_fini(&c->task);
    for (size_t i = 0; i < c->n; i++)
        stop(c, &c->partitions[i]);
    wake_fini(&c->wake);
    free_parts(c);
}

static void leave(struct kafka_consumer *c)
{
    assert(c->depth > 0);
    if (--c->depth == 0 && c->freed)
        destroy(c);
}

static struct partition *find(const struct kafka_consumer *c, int32_t number)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->partitions[i].number == number)
            return &c->partitions[i];
    return NULL;
}

static size_t count_unplaced(const struct kafka_consumer *c)
{
    size_t unplaced = 0;
    for (size_t i = 0; i < c->n; i++)
        unplaced += c->partitions[i].next == UNPLACED;
    return unplaced;
}

static void unplace(struct kafka_consumer *c, struct partition *p)
{
    stop(c, p);
    p->birth = ++c->births;
    if (p->next != UNPLACED)
        p->was = p->next;
    p->next = UNPLACED;
    p->caught_up = false;
}

static void doubt_all(struct kafka_consumer *c, const char *why)
{
    c->doubted_ns = clock_mono_ns();
    c->handlers->doubt(c->owner, -1, why);
}

/* ---- places */

/* On the loop, before the thread: what is asked. */
static void before_lookup(void *owner)
{
    struct kafka_consumer *c = owner;
    struct lookup *l = &c->lookup;
    free(l->places);
    l->places = calloc(c->n + 1, sizeof *l->places);
    assert(l->places);
    l->n = 0;
    l->tail_records = c->tail_records;
    l->tail_ms = c->tail_ms;
    l->window_records = KAFKA_WINDOW_RECORDS;
    l->now_ms = clock_real_ns() / NS_PER_MS;
    for (size_t i = 0; i < c->n; i++)
        if (c->partitions[i].next == UNPLACED)
            l->places[l->n++] = (struct place){.partition = c->partitions[i].number,
                                               .birth = c->partitions[i].birth,
                                               .was = c->partitions[i].was};
}

static void set_reachable(struct kafka_consumer *c, bool reachable)
{
    if (c->reachable == reachable)
        return;
    c->reachable = reachable;
    c->returned = reachable && c->doubted_ns != 0;
    if (reachable)
        log_info("kafka_reachable", "name=%s topic=%s", c->name, c->topic);
    else
        log_warn("kafka_unreachable", "name=%s topic=%s", c->name, c->topic);
}

static void log_failure(struct kafka_consumer *c, uint32_t retry_ms)
{
    if (strcmp(c->said, c->lookup.why) == 0)
        return;
    snprintf(c->said, sizeof c->said, "%s", c->lookup.why);
    log_warn("kafka_lookup", "name=%s topic=%s partitions=%zu retry_ms=%u why=\"%s\"", c->name,
             c->topic, c->lookup.n, retry_ms, c->said);
}

static void take_places(struct kafka_consumer *c)
{
    for (size_t i = 0; i < c->lookup.n; i++) {
        const struct place *found = &c->lookup.places[i];
        struct partition *p = find(c, found->partition);
        /* of another birth: given away meanwhile, its end seen too early */
        if (!p || p->birth != found->birth || found->missing)
            continue;
        p->next = found->start;
        p->end = found->end;
        start(c, p);
        if (!p->started)
            unplace(c, p);
        log_debug("kafka_place", "topic=%s partition=%d start=%" PRId64 " end=%" PRId64,
                  c->topic, p->number, p->next, p->end);
    }
}

static void looked_up(void *owner, bool fine)
{
    struct kafka_consumer *c = owner;
    c->depth++;
    if (c->lookup.answered)
        set_reachable(c, true);
    if (fine) {
        c->said[0] = 0;
        take_places(c);
        if (count_unplaced(c) > 0)
            task_again(&c->task);
    } else {
        log_failure(c, task_again(&c->task));
    }
    wake_again(&c->wake);
    leave(c);
}

/* ---- records */

static void look_whether_caught_up(struct kafka_consumer *c, struct partition *p)
{
    if (p->caught_up || p->next == UNPLACED || p->next < p->end)
        return;
    p->caught_up = true;
    c->handed = true;
    c->handlers->caught_up(c->owner, p->number);
}

static void take_record(struct kafka_consumer *c, struct partition *p,
                        const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    p->next = m->offset + 1;
    c->handed = true;
    set_reachable(c, true);
    c->handlers->record(c->owner, m->partition, m->offset, rd_kafka_message_timestamp(m, &type),
                        bytes_of(m->key, m->key_len), bytes_of(m->payload, m->len));
}

/* The place is lost, or what is read there cannot be trusted: looked up anew, later each time
 * while it goes on so. */
static void take_partition_error(struct kafka_consumer *c, struct partition *p,
                                 const rd_kafka_message_t *m)
{
    const char *why = m->len > 0 ? m->payload : rd_kafka_err2str(m->err);
    log_warn("kafka_partition", "name=%s topic=%s partition=%d next=%" PRId64 " why=\"%s\"",
             c->name, c->topic, p->number, p->next, why);
    unplace(c, p);
    task_again(&c->task);
    c->handed = true;
    c->handlers->doubt(c->owner, m->partition, why);
}

static void take_message(struct kafka_consumer *c, const rd_kafka_message_t *m)
{
    struct partition *p = m->rkt ? find(c, m->partition) : NULL;
    if (!p || p->next == UNPLACED)
        return;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (m->offset > p->next)
            p->next = m->offset; /* the last offsets held no record (control batches) */
        set_reachable(c, true);
        backoff_reset(&c->task.backoff);
    } else if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        take_partition_error(c, p, m);
        return;
    } else if (m->offset >= p->next) {
        take_record(c, p, m);
        if (c->freed)
            return;
        p = find(c, m->partition);
    }
    if (p)
        look_whether_caught_up(c, p);
}

/* From inside of librdkafka: kept until it has returned. */
static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    struct kafka_consumer *c = opaque;
    c->all_down |= err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    c->topic_gone |= kafka_errno(err) == -ENOENT;
    snprintf(c->trouble, sizeof c->trouble, "%s", reason);
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    kafka_log(rd_kafka_name(rk), level, text);
}

static void lose_places(struct kafka_consumer *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->partitions[i].next != UNPLACED)
            unplace(c, &c->partitions[i]);
    task_again(&c->task);
}

static void take_trouble(struct kafka_consumer *c)
{
    char why[sizeof c->trouble];
    memcpy(why, c->trouble, sizeof why);
    c->trouble[0] = 0;
    if (c->all_down) {
        c->all_down = false;
        set_reachable(c, false);
        task_again(&c->task);
    }
    if (c->topic_gone) {
        c->topic_gone = false;
        lose_places(c);
    }
    if (c->returned) {
        c->returned = false;
        doubt_all(c, "Kafka answers again");
    } else if (why[0] &&
               (c->doubted_ns == 0 || clock_mono_ns() - c->doubted_ns > DOUBT_ALL_NS)) {
        doubt_all(c, why);
    }
}

static void tell_empty_ones(struct kafka_consumer *c)
{
    for (size_t i = 0; i < c->n && !c->freed; i++)
        look_whether_caught_up(c, &c->partitions[i]);
}

static void woken(void *owner)
{
    struct kafka_consumer *c = owner;
    rd_kafka_message_t *batch[TURN_RECORDS];
    c->depth++;
    c->handed = false;
    ssize_t n = rd_kafka_consume_batch_queue(c->wake.queue, 0, batch, TURN_RECORDS);
    for (ssize_t i = 0; i < n; i++) {
        if (!c->freed)
            take_message(c, batch[i]);
        rd_kafka_message_destroy(batch[i]);
    }
    if (!c->freed)
        take_trouble(c);
    tell_empty_ones(c);
    if (!c->freed && c->handed)
        c->handlers->turn(c->owner);
    if (!c->freed && n == TURN_RECORDS)
        wake_again(&c->wake);
    leave(c);
}

/* ---- the owner's side */

static rd_kafka_t *new_client(struct kafka_consumer *c, const char *brokers,
                              struct buf *ret_error)
{
    rd_kafka_conf_t *conf = kafka_conf_new(brokers, c->name, settings, ret_error);
    if (!conf)
        return NULL;
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_t *rk = kafka_client_new(RD_KAFKA_CONSUMER, conf, ret_error);
    if (rk)
        rd_kafka_set_log_queue(rk, NULL);
    return rk;
}

/* One queue for all: records, ends, errors and logs. */
static rd_kafka_queue_t *new_queue(rd_kafka_t *rk)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk), *others = rd_kafka_queue_get_main(rk);
    rd_kafka_queue_forward(others, queue);
    rd_kafka_queue_destroy(others);
    return queue;
}

int kafka_consumer_new(struct ev_loop *loop, const char *brokers, const char *name,
                       const char *topic, const struct kafka_consumer_handlers *handlers,
                       void *owner, struct kafka_consumer **ret_consumer, struct buf *ret_error)
{
    struct kafka_consumer *c = calloc(1, sizeof *c);
    assert(c);
    c->loop = loop;
    c->handlers = handlers;
    c->owner = owner;
    c->name = strdup(name);
    c->topic = strdup(topic);
    c->brokers = strdup(brokers);
    assert(c->name && c->topic && c->brokers);
    c->rk = new_client(c, brokers, ret_error);
    c->handle = c->rk ? rd_kafka_topic_new(c->rk, topic, NULL) : NULL;
    if (!c->handle) {
        if (c->rk)
            buf_append_str(ret_error, rd_kafka_err2str(rd_kafka_last_error()));
        free_parts(c);
        return -EINVAL;
    }
    if (wake_init(&c->wake, loop, new_queue(c->rk), woken, c) < 0) {
        buf_append_str(ret_error, "no descriptor left");
        free_parts(c);
        return -EINVAL;
    }
    c->lookup.brokers = c->brokers;
    c->lookup.name = c->name;
    c->lookup.topic = c->topic;
    task_init(&c->task, loop, lookup_run, &c->lookup, before_lookup, looked_up, c);
    task_start(&c->task);
    *ret_consumer = c;
    return 0;
}

void kafka_consumer_free(struct kafka_consumer *c)
{
    if (!c || c->freed)
        return;
    c->depth++;
    c->freed = true;
    wake_stop(&c->wake);
    leave(c);
}

void kafka_consumer_assign(struct kafka_consumer *c, const int32_t *partitions, size_t n,
                           int64_t tail_records, int64_t tail_ms)
{
    struct partition *fresh = calloc(n + 1, sizeof *fresh);
    assert(fresh);
    for (size_t i = 0; i < n; i++) {
        struct partition *stays = find(c, partitions[i]);
        fresh[i] = (struct partition){
            .number = partitions[i], .birth = ++c->births, .next = UNPLACED, .was = UNPLACED};
        if (!stays)
            continue;
        fresh[i] = *stays;
        stays->started = false; /* it goes on in `fresh` */
    }
    for (size_t i = 0; i < c->n; i++)
        stop(c, &c->partitions[i]);
    free(c->partitions);
    c->partitions = fresh;
    c->n = n;
    c->tail_records = tail_records;
    c->tail_ms = tail_ms;
    if (count_unplaced(c) > 0)
        task_start(&c->task);
}

bool kafka_consumer_is_new(const struct kafka_consumer *c, int32_t partition, int64_t offset)
{
    const struct partition *p = find(c, partition);
    return p && offset >= p->end;
}

bool kafka_consumer_reachable(const struct kafka_consumer *c)
{
    return c->reachable;
}

int64_t kafka_consumer_lag(const struct kafka_consumer *c)
{
    int64_t lag = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct partition *p = &c->partitions[i];
        int64_t low = 0, high = 0;
        if (p->next == UNPLACED)
            return -1;
        /* as of the last fetch: asks nobody */
        if (rd_kafka_get_watermark_offsets(c->rk, c->topic, p->number, &low, &high) !=
                RD_KAFKA_RESP_ERR_NO_ERROR ||
            high < p->end)
            high = p->end;
        lag += high > p->next ? high - p->next : 0;
    }
    return lag;
}
