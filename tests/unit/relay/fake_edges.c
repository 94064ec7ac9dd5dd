#include "fake_edges.h"

#include "core/clock.h"
#include "fixture.h"
#include "flow.h"
#include "kafka/producer.h"
#include "unit.h"
#include "wire/messages.h"

#include <stdio.h>

struct kafka_topic {
    unsigned cell;
};
struct kafka_producer {
    const struct kafka_producer_handlers *handlers;
    void *owner;
};

struct fake_kafka kafka;
struct fake_postgres question;
struct relay r;
uint64_t seq;

static struct kafka_producer producers[16];
static struct kafka_topic topics_of_kafka[2] = {{0}, {1}};

/* ---- Kafka */

int kafka_producer_new(struct ev_loop *l, const char *brokers, const char *name,
                       const struct kafka_producer_handlers *handlers, void *owner,
                       struct kafka_producer **ret_producer, struct buf *ret_error)
{
    ck_assert_uint_lt(kafka.made, sizeof producers / sizeof *producers);
    *ret_producer = &producers[kafka.made++];
    **ret_producer = (struct kafka_producer){handlers, owner};
    return 0;
}

void kafka_producer_free(struct kafka_producer *p)
{
    for (unsigned cell = 0; cell < 2; cell++)
        for (unsigned i = kafka.answered[cell]; p && i < kafka.n[cell]; i++)
            if (kafka.by[cell][i] == p)
                kafka.answered[cell] = kafka.n[cell]; /* nothing of it is answered any more */
}

struct kafka_topic *kafka_producer_topic(struct kafka_producer *p, const char *name)
{
    return &topics_of_kafka[name[0] == 'b'];
}

bool kafka_producer_reachable(const struct kafka_producer *p)
{
    return true;
}

int kafka_produce(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                  struct bytes key, struct bytes value, uint64_t token)
{
    struct record record;
    struct publication publication;
    ck_assert_int_eq(wire_get_record(value, &record), 0);
    ck_assert_int_eq(wire_get_publication(record.publication, &publication), 0);
    unsigned i = kafka.n[t->cell]++;
    ck_assert_uint_lt(i, SENT_MAX);
    kafka.sent[t->cell][i] = publication.id;
    kafka.tokens[t->cell][i] = token;
    kafka.by[t->cell][i] = p;
    return 0;
}

void acknowledge_one(unsigned cell)
{
    unsigned i = kafka.answered[cell]++;
    kafka.by[cell][i]->handlers->delivered(kafka.by[cell][i]->owner, kafka.tokens[cell][i], 0, NULL);
}

static void acknowledge(unsigned cell)
{
    while (kafka.answered[cell] < kafka.n[cell])
        acknowledge_one(cell);
}

void topics_want(struct topics *t, unsigned n, const struct cell *cell)
{
    kafka.wanted++;
}

/* ---- PostgreSQL */

bool store_catch_up(struct store *s, const char *cell, unsigned shard, uint64_t above,
                    uint64_t upto, unsigned limit)
{
    if (question.down)
        return false;
    ck_assert(!question.asked);
    ck_assert_uint_eq(shard, S);
    question.asked = true;
    question.above = above;
    question.upto = upto;
    question.limit = limit;
    snprintf(question.cell, sizeof question.cell, "%s", cell);
    return true;
}

void answer(uint64_t last)
{
    ck_assert(question.asked);
    question.asked = false;
    unsigned rows = 0;
    for (uint64_t id = question.above + 1; id <= question.upto && id <= last; id++) {
        if (rows == question.limit)
            break;
        struct row row = row_of(S, id);
        parking_row(&r, &row);
        rows++;
    }
    parking_end(&r, rows < question.limit);
}

bool store_ask_heads(struct store *s, uint64_t shards) { return false; }
bool store_load_config(struct store *s)
{
    question.configurations++;
    return true;
}

bool store_read_rows(struct store *s, unsigned shard, uint64_t above, uint64_t upto, unsigned limit)
{
    return false;
}
bool store_is_up(const struct store *s) { return true; }
bool store_is_writing(const struct store *s) { return false; }
void store_add_progress(struct store *s, const char *cell, unsigned shard, uint64_t id) {}
bool store_write_progress(struct store *s) { return true; }
void source_broken(struct relay *relay, const char *why) {}
void source_joined(struct relay *relay) {}
void source_heads(struct relay *relay, const struct store_heads *heads) {}
void source_pressure(struct relay *relay) {}
void source_confirm(struct relay *relay) {}
bool source_tails(const struct source *s) { return true; }
bool source_ready(const struct source *s) { return true; }

/* ---- the relay */

void start(void)
{
    memset(&kafka, 0, sizeof kafka);
    memset(&question, 0, sizeof question);
    memset(&r, 0, sizeof r);
    seq = 0;
    r.process.loop = ev_loop_new(0);
    r.options.park_after = 5000;
    r.options.outstanding_max = 1000;
    r.options.outstanding_bytes = 64 << 20;
    list_init(&r.open);
    gate_init(&r.gate);
    gate_heard_standbys(&r.gate, LSN_EVERYWHERE);
    mark_init(&r.mark);
    cells_init(&r.cells);
    sink_init(&r.sink, r.process.loop, "k", "relay", NULL, &flow_sink_handlers, &r);
    ev_init(&r.ask.later, NULL);
    cells_begin(&r.cells, 1, BYTES(""), &r.change);
    cells_put(&r.cells, &r.change, BYTES("a"), BYTES("a"), 1, BYTES("default"));
    cells_put(&r.cells, &r.change, BYTES("b"), BYTES("b"), 1, BYTES("default"));
    cells_end(&r.cells, &r.change);
    for (unsigned n = 0; n < 2; n++) {
        sink_add_cell(&r.sink, n, &r.cells.cell[n]);
        sink_open(&r.sink, n);
    }
}

void finish(void)
{
    flow_drop_unreleased(&r);
    sink_fini(&r.sink);
    ck_assert_uint_eq(r.outstanding, 0);
    ck_assert_uint_eq(r.parking.cell[0].count + r.parking.cell[1].count, 0);
    mark_fini(&r.mark);
    cells_fini(&r.cells);
    ev_loop_destroy(r.process.loop);
}

void turn(void)
{
    flow_turn(&r);
    for (unsigned cell = 0; cell < 2; cell++)
        if (!kafka.dead[cell])
            acknowledge(cell);
}

void publish_in(unsigned shard, uint64_t id)
{
    struct row row = row_of(shard, id);
    flow_row(&r, 0, &row, 1);
    gate_heard(&r.gate, shard, id);
}

void publish(unsigned n)
{
    while (n--)
        publish_in(S, ++seq);
}

void expect_sent(unsigned cell, uint64_t from, uint64_t upto)
{
    unsigned first = kafka.n[cell] - (unsigned)(upto - from + 1);
    for (uint64_t id = from; id <= upto; id++)
        ck_assert_uint_eq(kafka.sent[cell][first + id - from], id);
}
