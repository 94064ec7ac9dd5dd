/* The sink over producers made here: they keep what they are given and answer when the test says
 * so. */
#include "sink.h"

#include "fixture.h"
#include "kafka/producer.h"
#include "unit.h"

#include "wire/messages.h"

#include <errno.h>

#define HELD_MAX 64
#define PRODUCERS_MAX 16

struct kafka_producer {
    const struct kafka_producer_handlers *handlers;
    void *owner;
};
struct kafka_topic {
    int nothing;
};

static struct { /* all producers */
    struct kafka_producer it[PRODUCERS_MAX];
    struct kafka_topic topic;
    unsigned made, freed;
    struct {
        struct kafka_producer *by;
        uint64_t token, seq;
        uint8_t kind;
        int32_t partition;
    } held[HELD_MAX];
    unsigned n, most;
    size_t value_max;
    int refuses; /* an error for every record */
} producer;

static struct { /* what the sink told */
    uint64_t acked[HELD_MAX];
    unsigned n_acked, n_back, lost, refused, stubs, doubts;
} told;

static struct sink sink;
static struct cell cell_a = {.name = "a", .topic = "cellcast.a", .partitions = 16};
static struct cell cell_b = {.name = "b", .topic = "cellcast.b", .partitions = 1};
static struct ev_loop *loop;

/* ---- the producer */

int kafka_producer_new(struct ev_loop *l, const char *brokers, const char *name,
                       const struct kafka_producer_handlers *handlers, void *owner,
                       struct kafka_producer **ret_producer, struct buf *ret_error)
{
    ck_assert_uint_lt(producer.made, PRODUCERS_MAX);
    *ret_producer = &producer.it[producer.made++];
    **ret_producer = (struct kafka_producer){handlers, owner};
    return 0;
}

static void drop_held(unsigned n)
{
    for (unsigned i = n; i + 1 < producer.n; i++)
        producer.held[i] = producer.held[i + 1];
    producer.n--;
}

void kafka_producer_free(struct kafka_producer *p)
{
    producer.freed += p != NULL;
    for (unsigned i = producer.n; i-- > 0;)
        if (producer.held[i].by == p)
            drop_held(i);
}

struct kafka_topic *kafka_producer_topic(struct kafka_producer *p, const char *name)
{
    return &producer.topic;
}

int kafka_produce(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                  struct bytes key, struct bytes value, uint64_t token)
{
    struct record record;
    struct publication publication;
    if (producer.refuses)
        return producer.refuses;
    if (value.n > producer.value_max)
        return -EMSGSIZE;
    if (producer.n == producer.most)
        return -ENOBUFS;
    ck_assert_int_eq(wire_get_record(value, &record), 0);
    ck_assert_int_eq(wire_get_publication(record.publication, &publication), 0);
    ck_assert_bytes(key, "default/news");
    producer.held[producer.n].by = p;
    producer.held[producer.n].token = token;
    producer.held[producer.n].seq = publication.seq;
    producer.held[producer.n].kind = record.kind;
    producer.held[producer.n++].partition = partition;
    return 0;
}

bool kafka_producer_reachable(const struct kafka_producer *p)
{
    return true;
}

/* Answers the nth record that is held. */
static void answer(unsigned n, int error)
{
    uint64_t token = producer.held[n].token;
    struct kafka_producer *by = producer.held[n].by;
    drop_held(n);
    by->handlers->delivered(by->owner, token, error, "said the test");
}

static void expect_held(unsigned n, const uint64_t *seqs)
{
    ck_assert_uint_eq(producer.n, n);
    for (unsigned i = 0; i < n; i++)
        ck_assert_uint_eq(producer.held[i].seq, seqs[i]);
}
#define EXPECT_HELD(n, ...) expect_held(n, (const uint64_t[]){__VA_ARGS__})

/* ---- what the sink tells */

static void on_acked(void *owner, struct delivery *d)
{
    struct message *m = d->message;
    told.acked[told.n_acked++] = m->row.seq;
    if (--m->unacked == 0)
        message_free(m);
}

static void on_given_back(void *owner, struct delivery *d)
{
    struct message *m = d->message;
    told.n_back++;
    if (--m->unacked == 0)
        message_free(m);
}

static void on_lost(void *owner, unsigned cell, const char *why)
{
    told.lost++;
}

static void on_refused(void *owner, struct delivery *d, bool stub, const char *why)
{
    told.refused++;
    told.stubs += stub;
}

static void on_doubt(void *owner, unsigned cell)
{
    told.doubts++;
}

static const struct sink_handlers handlers = {on_acked, on_given_back, on_lost, on_refused, on_doubt};

static int64_t now_us(void)
{
    return 1;
}

static void start(void)
{
    memset(&producer, 0, sizeof producer);
    memset(&told, 0, sizeof told);
    producer.most = HELD_MAX;
    producer.value_max = 1000000;
    loop = ev_loop_new(0);
    sink_init(&sink, loop, "b", "n", now_us, &handlers, NULL);
    sink_add_cell(&sink, 0, &cell_a);
    sink_add_cell(&sink, 1, &cell_b);
    sink_open(&sink, 0);
}

static void finish(void)
{
    sink_fini(&sink);
    ev_loop_destroy(loop);
}

static void add(uint64_t seq, uint64_t cells)
{
    struct message *m = message_of(1, seq);
    message_route(m, cells, 0);
    for (unsigned i = 0; i < m->n_deliveries; i++)
        sink_add(&sink, &m->deliveries[i]);
}

/* Until the new producer is there. */
static void wait_for_producer(unsigned made)
{
    for (int i = 0; i < 100 && producer.made < made; i++)
        ev_run(loop, EVRUN_ONCE);
    ck_assert_uint_eq(producer.made, made);
    ck_assert_uint_eq(producer.freed, made - 1);
}

START_TEST(a_lane_is_taken_once_its_partition_is_there)
{
    start();
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct message *m = message_of(1, seq);
        message_route(m, 1, 2);
        sink_add(&sink, &m->deliveries[0]);
        sink_flush(&sink);
        cell_a.there = 16 + (int32_t)seq;
    }
    ck_assert_int_lt(producer.held[0].partition, 16);
    ck_assert_int_lt(producer.held[1].partition, 16); /* the topic has lane 1 alone */
    ck_assert_int_eq(producer.held[2].partition, 17);
    cell_a.there = 0;
    finish();
}
END_TEST

START_TEST(deliveries_are_handed_over_in_order_with_their_partition)
{
    start();
    add(1, 1);
    add(2, 1);
    sink_flush(&sink);
    add(3, 1);
    sink_flush(&sink);
    EXPECT_HELD(3, 1, 2, 3);
    ck_assert_int_eq(producer.held[0].partition, 8);
    ck_assert_uint_eq(producer.held[0].kind, RECORD_MESSAGE);
    answer(1, 0);
    answer(0, 0);
    ck_assert_uint_eq(told.n_acked, 2);
    ck_assert_uint_eq(sink.cells[0].count, 1);
    ck_assert_uint_eq(sink.cells[0].acknowledged, 2);
    finish();
}
END_TEST

START_TEST(a_full_producer_is_asked_again_when_it_has_delivered)
{
    start();
    producer.most = 2;
    add(1, 1);
    add(2, 1);
    add(3, 1);
    add(4, 1);
    sink_flush(&sink);
    EXPECT_HELD(2, 1, 2);
    sink_flush(&sink);
    EXPECT_HELD(2, 1, 2);
    answer(0, 0);
    sink_flush(&sink);
    EXPECT_HELD(2, 2, 3);
    finish();
}
END_TEST

START_TEST(a_lost_producer_is_replaced_and_gets_everything_unacknowledged_in_order)
{
    start();
    for (uint64_t seq = 1; seq <= 4; seq++)
        add(seq, 1);
    sink_flush(&sink);
    answer(1, 0);
    producer.it[0].handlers->fatal(producer.it[0].owner, "said the test");
    ck_assert_uint_eq(told.lost, 1);
    add(5, 1);
    sink_flush(&sink); /* nothing goes to one that is given up */
    ck_assert_uint_eq(producer.n, 3);
    wait_for_producer(2);
    EXPECT_HELD(4, 1, 3, 4, 5);
    finish();
}
END_TEST

START_TEST(a_record_that_is_too_large_goes_as_a_stub_in_its_place)
{
    start();
    struct row row = row_of(1, 2);
    char large[600] = {0};
    producer.value_max = 500;
    row.data = bytes_of(large, sizeof large);
    struct message *m = message_new(&row);
    message_route(m, 1, 0);
    add(1, 1);
    sink_add(&sink, m->deliveries);
    add(3, 1);
    sink_flush(&sink);
    EXPECT_HELD(3, 1, 2, 3);
    ck_assert_uint_eq(producer.held[0].kind, RECORD_MESSAGE);
    ck_assert_uint_eq(producer.held[1].kind, RECORD_STUB);
    ck_assert_uint_eq(told.stubs, 1);
    ck_assert_uint_eq(told.lost, 0);
    finish();
}
END_TEST

START_TEST(
    a_record_that_the_broker_finds_too_large_comes_again_as_a_stub_before_those_behind_it)
{
    start();
    add(1, 1);
    add(2, 1);
    add(3, 1);
    sink_flush(&sink);
    answer(0, -EMSGSIZE);
    answer(0, -EMSGSIZE); /* the whole batch was refused */
    ck_assert_uint_eq(told.stubs, 2);
    ck_assert_uint_eq(told.lost, 1);
    ck_assert_uint_eq(told.doubts, 0);
    wait_for_producer(2);
    EXPECT_HELD(3, 1, 2, 3);
    ck_assert_uint_eq(producer.held[1].kind, RECORD_STUB);
    ck_assert_uint_eq(producer.held[2].kind, RECORD_MESSAGE);
    finish();
}
END_TEST

START_TEST(another_refusal_is_tried_again_and_becomes_a_stub_the_third_time)
{
    start();
    add(1, 1);
    for (unsigned try = 1; try <= SINK_REFUSALS_MAX; try++) {
        sink_flush(&sink);
        EXPECT_HELD(1, 1);
        ck_assert_uint_eq(producer.held[0].kind, RECORD_MESSAGE);
        answer(0, -EIO);
        ck_assert_uint_eq(told.doubts, try);
        wait_for_producer(try + 1);
    }
    EXPECT_HELD(1, 1);
    ck_assert_uint_eq(producer.held[0].kind, RECORD_STUB);
    answer(0, 0);
    ck_assert_uint_eq(told.n_acked, 1);
    finish();
}
END_TEST

START_TEST(a_record_that_finds_no_topic_or_may_not_write_to_it_never_becomes_a_stub)
{
    start();
    add(1, 1);
    for (unsigned try = 1; try <= 2 * SINK_REFUSALS_MAX; try++) {
        sink_flush(&sink);
        answer(0, try % 2 ? -ENOENT : -EACCES);
        ck_assert_uint_eq(told.doubts, try);
        wait_for_producer(try + 1);
    }
    EXPECT_HELD(1, 1);
    ck_assert_uint_eq(producer.held[0].kind, RECORD_MESSAGE);
    finish();
}
END_TEST

START_TEST(nothing_goes_to_a_topic_that_is_not_there_and_no_other_waits_for_it)
{
    start();
    add(1, 3);
    add(2, 2);
    add(3, 1);
    sink_flush(&sink);
    EXPECT_HELD(2, 1, 3);
    ck_assert(!sink_goes(&sink, 1));
    sink_open(&sink, 1);
    EXPECT_HELD(4, 1, 3, 1, 2);
    ck_assert_int_eq(producer.held[2].partition, 0);
    ck_assert(sink_goes(&sink, 0) && sink_goes(&sink, 1));
    finish();
}
END_TEST

START_TEST(a_topic_that_changes_gets_what_is_pending_anew)
{
    start();
    add(1, 1);
    add(2, 1);
    sink_flush(&sink);
    answer(0, 0);
    sink_close(&sink, 0);
    ck_assert_uint_eq(told.lost, 1);
    add(3, 1);
    for (int i = 0; i < 100 && producer.freed < 1; i++)
        ev_run(loop, EVRUN_ONCE);
    ck_assert_uint_eq(producer.n, 0);
    ck_assert_uint_eq(producer.made, 1); /* without a topic there is none */
    sink_open(&sink, 0);
    wait_for_producer(2);
    EXPECT_HELD(2, 2, 3);
    finish();
}
END_TEST

START_TEST(a_cell_that_is_gone_gives_everything_back_and_is_never_answered_for)
{
    start();
    sink_open(&sink, 1);
    add(1, 3);
    add(2, 1);
    sink_flush(&sink);
    ck_assert_uint_eq(producer.n, 3);
    sink_drop(&sink, 0);
    ck_assert_uint_eq(told.n_back, 2);
    ck_assert_uint_eq(told.n_acked, 0);
    ck_assert_uint_eq(producer.freed, 1); /* its producer holds tokens that are no more */
    EXPECT_HELD(1, 1);
    answer(0, 0);
    ck_assert_uint_eq(told.n_acked, 1);
    finish();
}
END_TEST

START_TEST(a_cell_that_is_cleared_takes_deliveries_again_when_its_topic_is_there)
{
    start();
    add(1, 1);
    sink_flush(&sink);
    sink_clear(&sink, 0);
    ck_assert_uint_eq(told.n_back, 1);
    ck_assert_int_eq(sink_stalled_ns(&sink, 0, INT64_MAX), 0);
    add(2, 1);
    sink_flush(&sink);
    ck_assert_uint_eq(producer.n, 0);
    sink_open(&sink, 0);
    EXPECT_HELD(1, 2);
    finish();
}
END_TEST

START_TEST(another_cells_producer_is_not_touched_by_a_refusal)
{
    start();
    sink_open(&sink, 1);
    add(1, 1);
    add(2, 2);
    sink_flush(&sink);
    answer(0, -EIO);
    ck_assert_uint_eq(told.lost, 1);
    EXPECT_HELD(1, 2);
    add(3, 2);
    sink_flush(&sink);
    EXPECT_HELD(2, 2, 3);
    finish();
}
END_TEST

START_TEST(a_cell_is_stalled_since_its_last_acknowledgement_or_since_it_waits)
{
    start();
    ck_assert_int_eq(sink_stalled_ns(&sink, 0, INT64_MAX), 0);
    add(1, 1);
    add(2, 1);
    sink_flush(&sink);
    int64_t since = sink.cells[0].waits_ns;
    ck_assert_int_eq(sink_stalled_ns(&sink, 0, since + 7), 7);
    sink.cells[0].waits_ns -= 1000000;
    answer(0, 0);
    ck_assert_int_ge(sink.cells[0].waits_ns, since);
    ck_assert_int_eq(sink.cells[0].acked_ns, sink.cells[0].waits_ns);
    answer(0, 0);
    ck_assert_int_eq(sink_stalled_ns(&sink, 0, INT64_MAX), 0);
    finish();
}
END_TEST

START_TEST(a_producer_that_takes_nothing_is_replaced_less_and_less_often)
{
    start();
    producer.refuses = -EIO;
    add(1, 1);
    sink_flush(&sink);
    uint32_t first = sink.cells[0].renew_ms;
    wait_for_producer(2);
    wait_for_producer(3);
    ck_assert_uint_gt(sink.cells[0].renew_ms, first);
    producer.refuses = 0;
    wait_for_producer(4);
    EXPECT_HELD(1, 1);
    answer(0, 0);
    ck_assert_uint_lt(sink.cells[0].renew_ms, first);
    finish();
}
END_TEST

UNIT_MAIN("sink", a_lane_is_taken_once_its_partition_is_there, deliveries_are_handed_over_in_order_with_their_partition,
          a_full_producer_is_asked_again_when_it_has_delivered,
          a_lost_producer_is_replaced_and_gets_everything_unacknowledged_in_order,
          a_record_that_is_too_large_goes_as_a_stub_in_its_place,
          a_record_that_the_broker_finds_too_large_comes_again_as_a_stub_before_those_behind_it,
          another_refusal_is_tried_again_and_becomes_a_stub_the_third_time,
          a_record_that_finds_no_topic_or_may_not_write_to_it_never_becomes_a_stub,
          nothing_goes_to_a_topic_that_is_not_there_and_no_other_waits_for_it,
          a_topic_that_changes_gets_what_is_pending_anew,
          a_cell_that_is_gone_gives_everything_back_and_is_never_answered_for,
          a_cell_that_is_cleared_takes_deliveries_again_when_its_topic_is_there,
          another_cells_producer_is_not_touched_by_a_refusal,
          a_cell_is_stalled_since_its_last_acknowledgement_or_since_it_waits,
          a_producer_that_takes_nothing_is_replaced_less_and_less_often)
