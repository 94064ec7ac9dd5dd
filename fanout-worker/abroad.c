#include "abroad.h"

#include "core/json.h"
#include "kafka/producer.h"
#include "run/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct elsewhere {
    char topic[CELL_TOPIC_MAX + 1];
    uint32_t partitions; /* that channels are hashed over */
};

/* A tenant of this cell that others serve, too. */
struct shared {
    struct map_node by_name; /* of struct abroad::tenants */
    struct bytes name;       /* points behind the struct */
    size_t n;
    struct elsewhere cells[];
};

/* ---- the configuration */

static bool read_cell(struct bytes cell, struct elsewhere *ret)
{
    struct buf topic = {0};
    uint64_t partitions;
    bool ok = json_string(json_member(cell, "topic"), &topic) == 0 && topic.n > 0 && topic.n <= CELL_TOPIC_MAX &&
              json_u64(json_member(cell, "partitions"), &partitions) && partitions >= 1 && partitions <= INT32_MAX;
    if (ok) {
        snprintf(ret->topic, sizeof ret->topic, "%s", topic.p);
        ret->partitions = (uint32_t)partitions;
    }
    buf_fini(&topic);
    return ok;
}

static bool find_cell(struct bytes cells, struct bytes name, struct elsewhere *ret)
{
    struct json_iter it;
    struct bytes one;
    json_array_each(&it, cells, &one)
    {
        if (json_type(one) == JSON_OBJECT && json_string_is(json_member(one, "name"), name))
            return json_type(json_member(one, "new")) != JSON_TRUE && read_cell(one, ret);
    }
    return false;
}

static struct shared *shared_new(struct bytes name, size_t most)
{
    struct shared *s = calloc(1, sizeof *s + most * sizeof *s->cells + name.n);
    assert(s);
    s->name = bytes_of(memcpy(s->cells + most, name.p, name.n), name.n);
    return s;
}

static size_t count_items(struct bytes array)
{
    struct json_iter it;
    struct bytes one;
    size_t n = 0;
    json_array_each(&it, array, &one)
        n++;
    return n;
}

/* -> whether this cell is among them */
static bool find_cells(const struct abroad *a, struct shared *s, struct bytes names, struct bytes cells)
{
    struct json_iter it;
    struct bytes one;
    struct buf name = {0};
    bool here = false;
    json_array_each(&it, names, &one)
    {
        buf_clear(&name);
        if (json_string(one, &name) < 0)
            continue;
        if (bytes_is(buf_bytes(&name), a->options->cell))
            here = true;
        else
            s->n += find_cell(cells, buf_bytes(&name), &s->cells[s->n]);
    }
    buf_fini(&name);
    return here;
}

static void read_tenant(struct abroad *a, struct bytes tenant, struct bytes cells)
{
    struct bytes names = json_type(tenant) == JSON_OBJECT ? json_member(tenant, "cells") : bytes_of(NULL, 0);
    struct buf name = {0};
    size_t most = json_type(names) == JSON_ARRAY ? count_items(names) : 0;
    if (most > 1 && json_string(json_member(tenant, "name"), &name) == 0) {
        struct shared *s = shared_new(buf_bytes(&name), most);
        if (find_cells(a, s, names, cells) && s->n)
            map_insert(&a->tenants, &s->by_name, hash_bytes(s->name));
        else
            free(s);
    }
    buf_fini(&name);
}

static void forget_tenants(struct abroad *a)
{
    struct shared *s;
    map_for_each(s, &a->tenants, by_name)
    {
        map_remove(&a->tenants, &s->by_name);
        free(s);
    }
}

/* ---- Kafka */

static void delivered(void *owner, uint64_t token, int error, const char *why)
{
    struct abroad *a = owner;
    a->pending--;
    *(error ? &a->metrics->presence_news_lost_total : &a->metrics->presence_news_sent_total) += 1;
}

static void fatal(void *owner, const char *why)
{
}

static const struct kafka_producer_handlers doors = {delivered, fatal};

static void connect_now(struct abroad *a)
{
    struct buf why = {0};
    char name[160];
    snprintf(name, sizeof name, "cellcast-worker-%s-%lld-abroad", a->options->cell, (long long)a->options->slot);
    if (kafka_producer_new_brief(a->loop, a->options->kafka, name, &doors, a, &a->producer, &why) < 0)
        log_error("no_producer", "why=%.*s joins and leaves are not told to other cells", BYTES_FMT(buf_bytes(&why)));
    buf_fini(&why);
}

/* Their leaders are known by the first record. */
static void open_topics(struct abroad *a)
{
    const struct shared *s;
    map_for_each(s, &a->tenants, by_name)
        for (size_t i = 0; i < s->n; i++)
            kafka_producer_topic(a->producer, s->cells[i].topic);
}

void abroad_configure(struct abroad *a, struct bytes json)
{
    struct json_iter it;
    struct bytes one, cells = json_member(json, "cells");
    forget_tenants(a);
    if (json_type(cells) != JSON_ARRAY)
        return;
    json_array_each(&it, json_member(json, "tenants"), &one)
        read_tenant(a, one, cells);
    if (a->tenants.count && !a->producer)
        connect_now(a);
    if (a->producer)
        open_topics(a);
}

/* ---- telling */

static bool send_to(struct abroad *a, const struct elsewhere *cell, struct bytes channel, uint32_t lane)
{
    uint32_t partition = lane_partition(lane, channel_place(channel), cell->partitions);
    struct kafka_topic *topic = kafka_producer_topic(a->producer, cell->topic);
    return topic && a->pending < a->options->presence_news_max &&
           kafka_produce(a->producer, topic, (int32_t)partition, channel, buf_bytes(&a->record), 0) == 0;
}

static void encode(struct abroad *a, const struct presence_news *m)
{
    struct buf body = {0};
    wire_put_presence_news(&body, m);
    buf_clear(&a->record);
    wire_put_record(&a->record, &(struct record){WIRE_VERSION, RECORD_PRESENCE, buf_bytes(&body)});
    buf_fini(&body);
}

void abroad_send(struct abroad *a, struct bytes channel, const struct lanes *lanes, const struct presence_news *m)
{
    struct bytes tenant, name;
    if (a->tenants.count == 0 || !channel_split(channel, &tenant, &name))
        return;
    const struct shared *s = map_find_bytes(&a->tenants, tenant, struct shared, by_name, name);
    if (!s)
        return;
    uint32_t lane = lanes_of(lanes, channel);
    encode(a, m);
    for (size_t i = 0; i < s->n; i++) {
        bool sent = a->producer && send_to(a, &s->cells[i], channel, lane);
        a->pending += sent;
        a->metrics->presence_news_lost_total += !sent;
    }
}

/* ---- life */

void abroad_init(struct abroad *a, struct ev_loop *loop, const struct worker_options *options, struct worker_metrics *metrics)
{
    *a = (struct abroad){.loop = loop, .options = options, .metrics = metrics};
    map_init(&a->tenants);
}

void abroad_fini(struct abroad *a)
{
    kafka_producer_free(a->producer);
    forget_tenants(a);
    map_fini(&a->tenants);
    buf_fini(&a->record);
}
