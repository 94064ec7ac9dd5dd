/* Pub/Sub: a channel each. Streams: one stream for the cell, as a Kafka topic is, read on from
 * the last id. */
#include "leg.h"

#include "core/buf.h"

#include <hiredis/adapters/libev.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#define AGAIN_S 0.05
#define KEPT "1000000" /* entries of the stream, about */
#define ID_MAX 48

struct session {
    const struct place *where;
    redisAsyncContext *redis; /* NULL: away */
    ev_timer again;
    void (*up)(struct session *s);
    struct publisher *publisher;
    struct reader *reader;
    bool streams;
    char last_id[ID_MAX];
};

/* ---- connection */

static void on_disconnect(const redisAsyncContext *redis, int status)
{
    struct session *s = redis->data;
    s->redis = NULL;
    if (s->publisher)
        publisher_lost(s->publisher);
    ev_timer_again(s->where->loop, &s->again);
}

static void on_connect(const redisAsyncContext *redis, int status)
{
    struct session *s = redis->data;
    if (status == REDIS_OK) {
        s->up(s);
        return;
    }
    s->redis = NULL; /* freed behind this call */
    ev_timer_again(s->where->loop, &s->again);
}

static void connect_again(struct ev_loop *loop, ev_timer *w, int events)
{
    struct session *s = w->data;
    ev_timer_stop(loop, w);
    s->redis = redisAsyncConnect(s->where->host, s->where->port);
    if (!s->redis || s->redis->err)
        leg_fail("no connection can be made");
    s->redis->data = s;
    redisLibevAttach(loop, s->redis);
    redisAsyncSetConnectCallback(s->redis, on_connect);
    redisAsyncSetDisconnectCallback(s->redis, on_disconnect);
}

static struct session *session_new(const struct place *where, bool streams,
                                   void (*up)(struct session *))
{
    struct session *s = calloc(1, sizeof *s);
    *s = (struct session){.where = where, .streams = streams, .up = up, .last_id = "0-0"};
    ev_timer_init(&s->again, connect_again, 0, AGAIN_S);
    s->again.data = s;
    connect_again(where->loop, &s->again, 0);
    return s;
}

/* ---- publisher */

static void nothing(struct session *s)
{
}

static void on_published(redisAsyncContext *redis, void *reply, void *number)
{
    struct session *s = redis->data;
    const redisReply *r = reply;
    if (r && r->type != REDIS_REPLY_ERROR)
        publisher_acked(s->publisher, (uint64_t)(uintptr_t)number);
    else if (r && strncmp(r->str, "LOADING", 7) == 0) /* its log, after a restart */
        redisAsyncFree(s->redis);
    else if (r)
        leg_fail(r->str);
}

static struct session *new_publisher(const struct place *where, struct publisher *p,
                                     bool streams)
{
    struct session *s = session_new(where, streams, nothing);
    s->publisher = p;
    return s;
}

static void *pubsub_publisher_new(const struct place *where, struct publisher *p)
{
    return new_publisher(where, p, false);
}

static void *streams_publisher_new(const struct place *where, struct publisher *p)
{
    return new_publisher(where, p, true);
}

static bool publish(void *publisher, unsigned channel, uint64_t number, struct bytes payload)
{
    struct session *s = publisher;
    if (!s->redis || !(s->redis->c.flags & REDIS_CONNECTED))
        return false;
    void *token = (void *)(uintptr_t)number;
    if (s->streams)
        return redisAsyncCommand(s->redis, on_published, token,
                                 "XADD %s MAXLEN ~ " KEPT " * c %u d %b", s->where->name,
                                 channel, payload.p, payload.n) == REDIS_OK;
    return redisAsyncCommand(s->redis, on_published, token, "PUBLISH %s.%u %b", s->where->name,
                             channel, payload.p, payload.n) == REDIS_OK;
}

/* ---- reader */

static void on_pushed(redisAsyncContext *redis, void *reply, void *last)
{
    struct session *s = redis->data;
    const redisReply *r = reply;
    if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != 3)
        return;
    if (r->element[2]->type == REDIS_REPLY_STRING)
        reader_message(s->reader, bytes_of(r->element[2]->str, r->element[2]->len));
    else if (r->element[2]->integer == (long long)s->where->channels)
        reader_ready(s->reader);
}

static void subscribe(struct session *s)
{
    for (unsigned i = 0; i < s->where->channels; i++)
        redisAsyncCommand(s->redis, on_pushed, NULL, "SUBSCRIBE %s.%u", s->where->name, i);
}

static void read_on(struct session *s);

/* [[stream, [[id, [c, channel, d, payload]], …]]] */
static void take_entries(struct session *s, const redisReply *entries)
{
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i], *payload = entry->element[1]->element[3];
        snprintf(s->last_id, sizeof s->last_id, "%s", entry->element[0]->str);
        reader_message(s->reader, bytes_of(payload->str, payload->len));
    }
}

static void on_entries(redisAsyncContext *redis, void *reply, void *unused)
{
    struct session *s = redis->data;
    const redisReply *r = reply;
    if (!r)
        return; /* the connection is gone */
    if (r->type == REDIS_REPLY_ARRAY)
        take_entries(s, r->element[0]->element[1]);
    read_on(s);
}

static void read_on(struct session *s)
{
    redisAsyncCommand(s->redis, on_entries, NULL, "XREAD COUNT 1000 BLOCK 1000 STREAMS %s %s",
                      s->where->name, s->last_id);
    reader_ready(s->reader);
}

static void pubsub_reader_new(const struct place *where, struct reader *r)
{
    session_new(where, false, subscribe)->reader = r;
}

static void streams_reader_new(const struct place *where, struct reader *r)
{
    session_new(where, true, read_on)->reader = r;
}

const struct broker broker_redis_pubsub = {"redis-pubsub", pubsub_publisher_new, publish,
                                           pubsub_reader_new};
const struct broker broker_redis_streams = {"redis-streams", streams_publisher_new, publish,
                                            streams_reader_new};
