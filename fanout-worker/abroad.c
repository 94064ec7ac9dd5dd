#include "abroad.h"

#include "core/json.h"
#include "kafka/producer.h"
#include "run/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct elsewhere {
    struct buf name;
    uint64_t start;      /* of it, as it said last; 0: it has said nothing yet */
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
    struct bytes one = json_array_named(cells, name);
    return one.n && json_type(json_member(one, "new")) != JSON_TRUE && read_cell(one, ret);
}

static struct shared *shared_new(struct bytes name, size_t most)
{
    struct shared *s = calloc(1, sizeof *s + most * sizeof *s->cells + name.n);
    assert(s);
    s->name = bytes_of(memcpy(s->cells + most, name.p, name.n), name.n);
    return s;
}

static void shared_free(struct shared *s)
{
    for (size_t i = 0; i < s->n; i++)
        buf_fini(&s->cells[i].name);
    free(s);
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
        else if (find_cell(cells, buf_bytes(&name), &s->cells[s->n]))
            buf_append_bytes(&s->cells[s->n++].name, buf_bytes(&name));
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
            shared_free(s);
    }
    buf_fini(&name);
}

static void forget(struct map *tenants)
{
    struct shared *s;
    map_for_each(s, tenants, by_name)
    {
        map_remove(tenants, &s->by_name);
        shared_free(s);
    }
    map_fini(tenants);
}

static struct shared *find_tenant(const struct map *tenants, struct bytes name)
{
    return map_find_bytes(tenants, name, struct shared, by_name, name);
}

static struct elsewhere *find_elsewhere(struct shared *s, struct bytes cell)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (bytes_equal(buf_bytes(&s->cells[i].name), cell))
            return &s->cells[i];
    return NULL;
}

/* What is known of cells is carried over. A tenant that has left a cell has said so of each client; a cell that is no more has not. */
static void compare(struct abroad *a, const struct shared *before, struct bytes cells)
{
    struct shared *now = find_tenant(&a->tenants, before->name);
    bool gone = false;
    for (size_t i = 0; i < before->n; i++) {
        struct bytes cell = buf_bytes(&before->cells[i].name);
        struct elsewhere *same = find_elsewhere(now, cell);
        if (same)
            same->start = before->cells[i].start;
        gone |= json_array_named(cells, cell).n == 0;
    }
    if (gone)
        a->unsaid(a->owner, before->name);
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
    struct map before = a->tenants;
    const struct shared *s;
    map_init(&a->tenants);
    json_array_each(&it, json_member(json, "tenants"), &one)
        read_tenant(a, one, cells);
    map_for_each(s, &before, by_name)
        compare(a, s, cells);
    forget(&before);
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
    struct presence_news said = *m;
    said.cell = bytes_str(a->options->cell);
    said.cell_start = (uint64_t)a->options->cell_start;
    wire_put_presence_news(&body, &said);
    buf_clear(&a->record);
    wire_put_record(&a->record, &(struct record){WIRE_VERSION, RECORD_PRESENCE, buf_bytes(&body)});
    buf_fini(&body);
}

void abroad_send(struct abroad *a, struct bytes channel, const struct lanes *lanes, const struct presence_news *m)
{
    struct bytes tenant, name;
    if (a->tenants.count == 0 || !channel_split(channel, &tenant, &name))
        return;
    const struct shared *s = find_tenant(&a->tenants, tenant);
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

void abroad_heard(struct abroad *a, struct bytes channel, const struct presence_news *m)
{
    struct bytes tenant, name;
    struct shared *s = channel_split(channel, &tenant, &name) ? find_tenant(&a->tenants, tenant) : NULL;
    struct elsewhere *cell = find_elsewhere(s, m->cell);
    if (!cell || m->cell_start <= cell->start)
        return;
    bool again = cell->start > 0;
    cell->start = m->cell_start;
    if (again)
        a->unsaid(a->owner, s->name);
}

/* ---- life */

void abroad_init(struct abroad *a, struct ev_loop *loop, const struct worker_options *options, struct worker_metrics *metrics,
                 void (*unsaid)(void *owner, struct bytes tenant), void *owner)
{
    *a = (struct abroad){.loop = loop, .options = options, .metrics = metrics, .unsaid = unsaid, .owner = owner};
    map_init(&a->tenants);
}

void abroad_fini(struct abroad *a)
{
    kafka_producer_free(a->producer);
    forget(&a->tenants);
    buf_fini(&a->record);
}
