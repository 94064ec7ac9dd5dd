#include "kafka_link.h"

#include "ephemeral.h"
#include "fan_link.h"
#include "gateway.h"

#include "core/clock.h"
#include "kafka/producer.h"
#include "run/log.h"
#include "wire/lanes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* A publish that the producer has. */
struct handed {
    struct list link; /* struct kafka_link::handed */
    struct kafka_link *owner;
    uint64_t ticket;
    int64_t since_ns;
    size_t n;        /* bytes of the record, for the bound */
    uint32_t topics; /* that have not answered */
    int error;       /* the first one's, or 0 */
};

struct kafka_link {
    struct gateway *g;
    struct kafka_producer *producer; /* NULL: not needed yet, or no brokers are named */
    struct list handed;              /* struct handed::link */
    uint32_t count;
    size_t bytes;
    struct buf record;
};

/* ---- out */

static uint32_t code_of(int error)
{
    return error == 0 ? 0 : error == -EMSGSIZE || error == -EINVAL ? 107 : 100;
}

static void forget(struct handed *h)
{
    struct kafka_link *k = h->owner;
    list_remove(&h->link);
    k->count--;
    k->bytes -= h->n;
    free(h);
}

static struct handed *remember(struct kafka_link *k, uint64_t ticket)
{
    struct handed *h = malloc(sizeof *h);
    assert(h);
    *h = (struct handed){.owner = k, .ticket = ticket, .since_ns = clock_mono_ns(), .n = k->record.n};
    list_append(&k->handed, &h->link);
    k->count++;
    k->bytes += h->n;
    return h;
}

static int hand_over(struct kafka_link *k, const struct config_cell *cell, struct bytes channel, struct handed *h)
{
    struct kafka_topic *topic = kafka_producer_topic(k->producer, cell->topic);
    uint32_t partition = lane_partition(fan_lane(k->g->fan, channel), channel_place(channel), cell->partitions);
    if (!topic)
        return -EIO;
    return kafka_produce(k->producer, topic, (int32_t)partition, channel, buf_bytes(&k->record), (uint64_t)(uintptr_t)h);
}

int kafka_link_publish(struct kafka_link *k, uint64_t ticket, const struct ops_publish *what)
{
    struct gateway *g = k->g;
    const struct config_tenant *tenant = what->ephemeral;
    if (!k->producer || !kafka_producer_reachable(k->producer) || tenant->n_cells == 0)
        return -ENOTCONN;
    buf_clear(&k->record);
    ephemeral_encode(what, clock_real_us(), &k->record);
    if (k->count >= (uint64_t)g->options->ephemeral_max || k->bytes + k->record.n > (size_t)g->options->ephemeral_bytes)
        return -ENOBUFS;
    struct handed *h = remember(k, ticket);
    for (size_t i = 0; i < tenant->n_cells; i++) {
        int error = hand_over(k, tenant->cells[i], what->channel, h);
        h->topics += error == 0;
        if (h->error == 0)
            h->error = error;
    }
    int error = h->topics ? 0 : h->error; /* one that took it answers for the others, too */
    if (error)
        forget(h);
    return error;
}

/* ---- in */

static void delivered(void *owner, uint64_t token, int error, const char *why)
{
    struct kafka_link *k = owner;
    struct gateway *g = k->g;
    struct handed *h = (struct handed *)(uintptr_t)token;
    if (error && h->error == 0)
        h->error = error;
    if (--h->topics > 0)
        return;
    uint64_t ticket = h->ticket;
    uint32_t code = code_of(h->error);
    histogram_record(&g->metrics.ephemeral_publish_seconds, (clock_mono_ns() - h->since_ns) / NS_PER_US);
    *(code ? &g->metrics.ephemeral_refused_total : &g->metrics.ephemeral_published_total) += 1;
    forget(h);
    if (!why)
        why = code ? "not taken by every cell" : "";
    ops_publish_done(g, ticket, &(struct ops_published){.code = code, .text = bytes_str(why)});
}

static void fatal(void *owner, const char *why)
{
}

static const struct kafka_producer_handlers doors = {delivered, fatal};

/* ---- life */

struct kafka_link *kafka_link_new(struct gateway *g)
{
    struct kafka_link *k = calloc(1, sizeof *k);
    assert(k);
    k->g = g;
    list_init(&k->handed);
    return k;
}

/* Their leaders are known by the first publish. */
static void open_topic(void *ctx, const char *topic)
{
    struct kafka_link *k = ctx;
    kafka_producer_topic(k->producer, topic);
}

void kafka_link_configured(struct kafka_link *k)
{
    struct gateway *g = k->g;
    struct buf why = {0};
    if (!config_has_ephemeral(g->config) || !g->options->kafka[0])
        return;
    if (!k->producer && kafka_producer_new_brief(g->loop, g->options->kafka, g->name, &doors, k, &k->producer, &why) < 0)
        log_error("no_producer", "why=%.*s ephemeral publishes are refused", BYTES_FMT(buf_bytes(&why)));
    if (k->producer)
        config_each_topic(g->config, open_topic, k);
    buf_fini(&why);
}

void kafka_link_free(struct kafka_link *k)
{
    if (!k)
        return;
    kafka_producer_free(k->producer);
    while (!list_is_empty(&k->handed))
        forget(list_first(&k->handed, struct handed, link));
    buf_fini(&k->record);
    free(k);
}

uint32_t kafka_link_pending(const struct kafka_link *k)
{
    return k->count;
}
