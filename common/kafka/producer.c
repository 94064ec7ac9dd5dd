#include "kafka/producer.h"

#include "core/list.h"
#include "kafka/conf.h"
#include "kafka/task.h"
#include "kafka/wake.h"
#include "run/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define TURN_EVENTS 16 /* per turn of the loop; one holds a batch of answers */
#define PROBE_MS 1000

/* One request in flight makes batches by itself, without a wait; linger.ms=0 with many of them
 * has collapsed at 10,000 records a second (decision 4). */
static const char *const lasting[][2] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"retry.backoff.ms", "20"},
    {"linger.ms", "0"},
    {"max.in.flight", "1"},
    {"message.timeout.ms", "0"}, /* none: what is given up here would be lost */
    {"request.timeout.ms", "5000"},
    {"queue.buffering.max.messages", "50000"},
    {"queue.buffering.max.kbytes", "65536"},
    {"allow.auto.create.topics",
     "false"}, /* a topic that is gone must not come back with another number of partitions */
    {NULL, NULL},
};

#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number
static const char *const brief[][2] = {
    {"acks", "1"}, /* consumers see a record once it is replicated, either way; here the publisher does not wait for that */
    {"retries", "0"},
    {"linger.ms", "0"},
    {"max.in.flight", "1"},
    {"message.timeout.ms", TEXT_OF(KAFKA_BRIEF_MS)},
    {"request.timeout.ms", TEXT_OF(KAFKA_BRIEF_MS)},
    {"queue.buffering.max.messages", "50000"},
    {"queue.buffering.max.kbytes", "65536"},
    {"allow.auto.create.topics", "false"},
    {NULL, NULL},
};

static const char *const none[][2] = {{NULL, NULL}};

struct kafka_topic {
    struct list link; /* struct kafka_producer::topics */
    rd_kafka_topic_t *topic;
};

struct kafka_producer {
    struct ev_loop *loop;
    const struct kafka_producer_handlers *handlers;
    void *owner;
    char *name;
    rd_kafka_t *rk;
    struct wake wake;
    struct task probe;  /* is a broker back? */
    struct list topics; /* struct kafka_topic::link */
    bool reachable;
    bool dead;      /* `fatal` was called */
    bool freed;     /* inside of a callback */
    unsigned depth; /* frames of ours on the stack that call the owner */
};

static void destroy(struct kafka_producer *p)
{
    struct kafka_topic *t, *spare;
    task_fini(&p->probe);
    wake_fini(&p->wake);
    list_for_each_safe (t, spare, &p->topics, link) {
        rd_kafka_topic_destroy(t->topic);
        free(t);
    }
    rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                              RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy(p->rk);
    free(p->name);
    free(p);
}

static void leave(struct kafka_producer *p)
{
    assert(p->depth > 0);
    if (--p->depth == 0 && p->freed)
        destroy(p);
}

/* ---- is anybody there? */

static bool probe(void *arg)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (rd_kafka_metadata(arg, 0, NULL, &metadata, PROBE_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

static void before_probe(void *owner)
{
}

static void set_reachable(struct kafka_producer *p, bool reachable)
{
    if (p->reachable == reachable)
        return;
    p->reachable = reachable;
    if (reachable) {
        backoff_reset(&p->probe.backoff);
        log_info("kafka_reachable", "name=%s waiting=%d", p->name, rd_kafka_outq_len(p->rk));
    } else {
        log_warn("kafka_unreachable", "name=%s waiting=%d", p->name, rd_kafka_outq_len(p->rk));
        task_again(&p->probe);
    }
}

static void probed(void *owner, bool fine)
{
    struct kafka_producer *p = owner;
    if (fine)
        set_reachable(p, true);
    else
        task_again(&p->probe);
}

/* ---- what librdkafka tells */

static void die(struct kafka_producer *p)
{
    char why[256];
    if (p->dead || p->freed)
        return;
    p->dead = true;
    rd_kafka_fatal_error(p->rk, why, sizeof why);
    log_error("kafka_fatal", "name=%s waiting=%d why=\"%s\"", p->name, rd_kafka_outq_len(p->rk),
              why);
    p->handlers->fatal(p->owner, why);
}

/* After a fatal error all that waits is answered with an error that says nothing of the record.
 */
static void take_delivery(struct kafka_producer *p, const rd_kafka_message_t *m)
{
    uint64_t token = (uint64_t)(uintptr_t)m->_private;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        set_reachable(p, true);
        p->handlers->delivered(p->owner, token, 0, NULL);
        return;
    }
    if (rd_kafka_fatal_error(p->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die(p);
        return;
    }
    p->handlers->delivered(p->owner, token, kafka_errno(m->err), rd_kafka_err2str(m->err));
}

static void take_event(struct kafka_producer *p, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *m;
    const char *facility, *text;
    int level;
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_DR:
        while (!p->dead && !p->freed && (m = rd_kafka_event_message_next(event)))
            take_delivery(p, m);
        break;
    case RD_KAFKA_EVENT_ERROR:
        if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__FATAL)
            die(p);
        else if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
            set_reachable(p, false);
        break;
    case RD_KAFKA_EVENT_LOG:
        if (rd_kafka_event_log(event, &facility, &text, &level) == 0)
            kafka_log(p->name, level, text);
        break;
    default:
        break;
    }
}

static void woken(void *owner)
{
    struct kafka_producer *p = owner;
    rd_kafka_event_t *event;
    p->depth++;
    for (int i = 0; !p->freed && !p->dead; i++) {
        if (i == TURN_EVENTS) {
            wake_again(&p->wake);
            break;
        }
        event = rd_kafka_queue_poll(p->wake.queue, 0);
        if (!event)
            break;
        take_event(p, event);
        rd_kafka_event_destroy(event);
    }
    leave(p);
}

/* ---- the owner's side */

static rd_kafka_t *new_client(const char *brokers, const char *name, const char *const (*settings)[2],
                              const char *const (*more)[2], struct buf *ret_error)
{
    rd_kafka_conf_t *conf = kafka_conf_new(brokers, name, settings, ret_error);
    if (!conf)
        return NULL;
    if (!kafka_conf_add(conf, more, ret_error)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_events(conf,
                             RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    rd_kafka_t *rk = kafka_client_new(RD_KAFKA_PRODUCER, conf, ret_error);
    if (rk)
        rd_kafka_set_log_queue(rk, NULL);
    return rk;
}

static int producer_new(struct ev_loop *loop, const char *brokers, const char *name, const char *const (*settings)[2],
                        const char *const (*more)[2], const struct kafka_producer_handlers *handlers, void *owner,
                        struct kafka_producer **ret_producer, struct buf *ret_error)
{
    rd_kafka_t *rk = new_client(brokers, name, settings, more, ret_error);
    if (!rk)
        return -EINVAL;
    struct kafka_producer *p = calloc(1, sizeof *p);
    assert(p);
    p->loop = loop;
    p->handlers = handlers;
    p->owner = owner;
    p->rk = rk;
    list_init(&p->topics);
    if (wake_init(&p->wake, loop, rd_kafka_queue_get_main(rk), woken, p) < 0) {
        buf_append_str(ret_error, "no descriptor left");
        rd_kafka_destroy(rk);
        free(p);
        return -EINVAL;
    }
    p->name = strdup(name);
    assert(p->name);
    task_init(&p->probe, loop, probe, rk, before_probe, probed, p);
    task_start(&p->probe);
    *ret_producer = p;
    return 0;
}

int kafka_producer_new(struct ev_loop *loop, const char *brokers, const char *name,
                       const struct kafka_producer_handlers *handlers, void *owner,
                       struct kafka_producer **ret_producer, struct buf *ret_error)
{
    return producer_new(loop, brokers, name, lasting, none, handlers, owner, ret_producer, ret_error);
}

int kafka_producer_new_brief(struct ev_loop *loop, const char *brokers, const char *name,
                             const struct kafka_producer_handlers *handlers, void *owner,
                             struct kafka_producer **ret_producer, struct buf *ret_error)
{
    return producer_new(loop, brokers, name, brief, none, handlers, owner, ret_producer, ret_error);
}

int kafka_producer_new_with(struct ev_loop *loop, const char *brokers, const char *name,
                            const char *const (*more)[2],
                            const struct kafka_producer_handlers *handlers, void *owner,
                            struct kafka_producer **ret_producer, struct buf *ret_error)
{
    return producer_new(loop, brokers, name, lasting, more, handlers, owner, ret_producer, ret_error);
}

void kafka_producer_free(struct kafka_producer *p)
{
    if (!p || p->freed)
        return;
    p->depth++;
    p->freed = true;
    wake_stop(&p->wake);
    leave(p);
}

struct kafka_topic *kafka_producer_topic(struct kafka_producer *p, const char *name)
{
    struct kafka_topic *t;
    list_for_each (t, &p->topics, link) {
        if (strcmp(rd_kafka_topic_name(t->topic), name) == 0)
            return t;
    }
    rd_kafka_topic_t *topic = rd_kafka_topic_new(p->rk, name, NULL);
    if (!topic)
        return NULL;
    t = calloc(1, sizeof *t);
    assert(t);
    t->topic = topic;
    list_append(&p->topics, &t->link);
    return t;
}

int kafka_produce(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                  struct bytes key, struct bytes value, uint64_t token)
{
    if (p->dead || p->freed)
        return -EIO;
    if (rd_kafka_produce(t->topic, partition, RD_KAFKA_MSG_F_COPY, (void *)value.p, value.n,
                         key.p, key.n, (void *)(uintptr_t)token) == 0)
        return 0;
    switch (rd_kafka_last_error()) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return -ENOBUFS;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return -EMSGSIZE;
    default:
        return -EIO;
    }
}

bool kafka_producer_reachable(const struct kafka_producer *p)
{
    return p->reachable;
}
