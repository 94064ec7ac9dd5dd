/* The way of the data over Kafka and PostgreSQL made here: cell `a` (bit 0) and cell `b` (bit 1)
 * host the tenant `default`; a producer of a dead topic keeps what it gets, another one
 * acknowledges at once; a question for a parked cell is answered when the test says so. */
#include "parking.h"

#include "core/clock.h"
#include "fixture.h"
#include "flow.h"
#include "kafka/producer.h"
#include "unit.h"
#include "wire/messages.h"

#include <stdio.h>

#define SENT_MAX 4096
#define S 3 /* the shard of all messages */

struct kafka_topic {
    unsigned cell;
};
struct kafka_producer {
    const struct kafka_producer_handlers *handlers;
    void *owner;
};

static struct {
    struct kafka_producer producers[16];
    unsigned made;
    bool dead[2];
    uint64_t sent[2][SENT_MAX], tokens[2][SENT_MAX]; /* ids, in the order of handing over */
    struct kafka_producer *by[2][SENT_MAX];
    unsigned n[2], answered[2];
    unsigned wanted; /* topics */
} kafka;
static struct kafka_topic topics_of_kafka[2] = {{0}, {1}};

static struct {
    bool asked, down;
    uint64_t above, upto;
    unsigned limit;
    char cell[8];
} question;

static struct relay r;
static struct ev_loop *loop;
static uint64_t seq;

/* ---- Kafka */

int kafka_producer_new(struct ev_loop *l, const char *brokers, const char *name,
                       const struct kafka_producer_handlers *handlers, void *owner,
                       struct kafka_producer **ret_producer, struct buf *ret_error)
{
    ck_assert_uint_lt(kafka.made, 16);
    *ret_producer = &kafka.producers[kafka.made++];
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

static void acknowledge(unsigned cell)
{
    while (kafka.answered[cell] < kafka.n[cell]) {
        unsigned i = kafka.answered[cell]++;
        kafka.by[cell][i]->handlers->delivered(kafka.by[cell][i]->owner, kafka.tokens[cell][i], 0,
                                               NULL);
    }
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

/* The table has every id from 1 to last. */
static void answer(uint64_t last)
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
bool store_load_config(struct store *s) { return true; }
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

static void start(void)
{
    memset(&kafka, 0, sizeof kafka);
    memset(&question, 0, sizeof question);
    memset(&r, 0, sizeof r);
    seq = 0;
    loop = r.process.loop = ev_loop_new(0);
    r.options.park_after = 5000;
    r.options.outstanding_max = 1000;
    r.options.outstanding_bytes = 64 << 20;
    list_init(&r.open);
    gate_init(&r.gate);
    gate_heard_standbys(&r.gate, LSN_EVERYWHERE);
    mark_init(&r.mark);
    cells_init(&r.cells);
    sink_init(&r.sink, loop, "k", "relay", NULL, &flow_sink_handlers, &r);
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

static void finish(void)
{
    flow_drop_unreleased(&r);
    sink_fini(&r.sink);
    ck_assert_uint_eq(r.outstanding, 0);
    ck_assert_uint_eq(r.parking.cell[0].count + r.parking.cell[1].count, 0);
    mark_fini(&r.mark);
    cells_fini(&r.cells);
    ev_loop_destroy(loop);
}

static void turn(void)
{
    flow_turn(&r);
    for (unsigned cell = 0; cell < 2; cell++)
        if (!kafka.dead[cell])
            acknowledge(cell);
}

/* n messages are committed, decoded and visible. */
static void publish(unsigned n)
{
    while (n--) {
        struct row row = row_of(S, ++seq);
        flow_row(&r, 0, &row, 1);
    }
    gate_heard(&r.gate, S, seq);
}

/* As if cell a's topic had taken nothing for that long, while b's took something. */
static void stall(int64_t ms)
{
    int64_t now = clock_mono_ns() + ms * NS_PER_MS;
    r.sink.cells[1].acked_ns = now;
    parking_tick(&r, now);
}

static void start_with_a_parked(unsigned published)
{
    start();
    publish(2);
    turn();
    kafka.dead[0] = true;
    publish(published);
    turn();
    stall(6000);
    ck_assert_uint_eq(r.parking.cells, 1);
}

static void expect_sent(unsigned cell, uint64_t from, uint64_t upto)
{
    unsigned first = kafka.n[cell] - (unsigned)(upto - from + 1);
    for (uint64_t id = from; id <= upto; id++)
        ck_assert_uint_eq(kafka.sent[cell][first + id - from], id);
}

START_TEST(a_topic_that_takes_nothing_while_another_does_is_set_aside_and_holds_nothing_back)
{
    start();
    kafka.dead[0] = true;
    publish(10);
    turn();
    stall(4000);
    ck_assert_uint_eq(r.parking.cells, 0);
    ck_assert_uint_eq(mark_acknowledged(&r.mark, S), 0);
    stall(6000);
    ck_assert_uint_eq(r.parking.cells, 1);
    ck_assert_uint_eq(r.metrics.parked_total, 1);
    ck_assert_uint_eq(kafka.wanted, 1);
    ck_assert_uint_eq(r.outstanding, 0);
    ck_assert_uint_eq(mark_acknowledged(&r.mark, S), 10);
    ck_assert_uint_eq(mark_progress(&r.mark, 0, S), 0);
    ck_assert_uint_eq(mark_progress(&r.mark, 1, S), 10);
    publish(5);
    turn();
    ck_assert_uint_eq(r.outstanding, 0);
    ck_assert_uint_eq(mark_acknowledged(&r.mark, S), 15);
    ck_assert_uint_eq(mark_progress(&r.mark, 0, S), 0);
    finish();
}
END_TEST

START_TEST(nobody_is_parked_for_what_everybody_suffers)
{
    start();
    kafka.dead[0] = kafka.dead[1] = true;
    publish(10);
    turn();
    parking_tick(&r, clock_mono_ns() + 60 * NS_PER_S);
    ck_assert_uint_eq(r.parking.cells, 0);
    finish();
}
END_TEST

START_TEST(nobody_is_parked_before_its_progress_stands_in_the_table)
{
    start();
    kafka.dead[0] = true;
    publish(10);
    turn();
    r.written[0][5] = -1;
    stall(6000);
    ck_assert_uint_eq(r.parking.cells, 0);
    r.written[0][5] = 0;
    stall(6000);
    ck_assert_uint_eq(r.parking.cells, 1);
    finish();
}
END_TEST

START_TEST(a_cell_that_alone_fills_what_may_be_outstanding_is_parked_at_once)
{
    start();
    kafka.dead[0] = true;
    publish(1000);
    turn();
    ck_assert(r.full);
    stall(0);
    stall(400);
    ck_assert_uint_eq(r.parking.cells, 0);
    stall(600);
    ck_assert_uint_eq(r.parking.cells, 1);
    turn();
    ck_assert(!r.full);
    finish();
}
END_TEST

START_TEST(a_parked_cell_gets_a_few_rows_until_its_topic_takes_them_and_then_more)
{
    start_with_a_parked(1000);
    turn();
    ck_assert(!question.asked); /* the topic is not there */
    sink_open(&r.sink, 0);
    turn();
    ck_assert_str_eq(question.cell, "a");
    ck_assert_uint_eq(question.above, 2);
    ck_assert_uint_eq(question.upto, 1002);
    ck_assert_uint_eq(question.limit, PARKING_PROBE);
    answer(seq);
    turn();
    ck_assert(!question.asked); /* its window is full */
    expect_sent(0, 3, 2 + PARKING_PROBE);
    ck_assert_uint_eq(mark_progress(&r.mark, 0, S), 2);
    kafka.dead[0] = false;
    turn();
    ck_assert_uint_eq(mark_progress(&r.mark, 0, S), 2 + PARKING_PROBE);
    turn();
    ck_assert_uint_gt(question.limit, PARKING_PROBE);
    ck_assert_uint_le(question.limit, PARKING_BYTES / ROW_BYTES_MAX);
    answer(seq);
    finish();
}
END_TEST

START_TEST(a_parked_cell_catches_up_in_order_and_rejoins_ahead_of_what_is_released_next)
{
    start_with_a_parked(300);
    sink_open(&r.sink, 0);
    kafka.dead[0] = false;
    unsigned first = kafka.n[0];
    for (unsigned i = 0; i < 100 && r.parking.cells; i++) {
        publish(1); /* there is always something new */
        turn();
        if (question.asked)
            answer(seq);
    }
    ck_assert_uint_eq(r.parking.cells, 0);
    publish(3);
    turn();
    ck_assert(!question.asked);
    for (uint64_t id = 3; id <= seq; id++)
        ck_assert_uint_eq(kafka.sent[0][first++], id);
    ck_assert_uint_eq(kafka.n[0], first);
    ck_assert_uint_eq(mark_progress(&r.mark, 0, S), seq);
    ck_assert_uint_eq(mark_acknowledged(&r.mark, S), seq);
    finish();
}
END_TEST

START_TEST(the_gate_is_shut_for_the_last_question_only_and_not_for_long)
{
    start_with_a_parked(5);
    sink_open(&r.sink, 0);
    kafka.dead[0] = false;
    turn();
    publish(1); /* goes on to b while the first question is under way */
    turn();
    expect_sent(1, 8, 8);
    answer(seq); /* up to 7: all that was asked for */
    ck_assert(question.asked);
    publish(1);
    turn();
    ck_assert_uint_eq(kafka.n[1], 8); /* held for the answer */
    parking_tick(&r, clock_mono_ns() + 200 * NS_PER_MS);
    turn();
    expect_sent(1, 9, 9); /* not any longer */
    answer(seq);
    turn();
    answer(seq);
    turn();
    ck_assert_uint_eq(r.parking.cells, 0);
    expect_sent(0, 3, 9);
    finish();
}
END_TEST

START_TEST(a_topic_that_dies_again_keeps_a_small_window_and_is_looked_for_again)
{
    start_with_a_parked(500);
    sink_open(&r.sink, 0);
    turn();
    answer(seq);
    turn();
    ck_assert_uint_eq(r.parking.cell[0].count, PARKING_PROBE);
    unsigned wanted = kafka.wanted;
    stall(6000);
    ck_assert_uint_eq(kafka.wanted, wanted + 1);
    ck_assert_uint_eq(r.metrics.parked_total, 1);
    ck_assert_uint_eq(r.parking.cell[0].count, 0);
    ck_assert_uint_eq(mark_progress(&r.mark, 0, S), 2);
    sink_open(&r.sink, 0);
    turn();
    ck_assert_uint_eq(question.above, 2); /* the same ones again */
    answer(seq);
    finish();
}
END_TEST

START_TEST(an_answer_to_a_question_of_an_earlier_parking_is_not_used)
{
    start_with_a_parked(500);
    sink_open(&r.sink, 0);
    turn();
    answer(seq);
    kafka.dead[0] = false;
    turn();
    turn();
    ck_assert(question.asked);
    kafka.dead[0] = true;
    parking_session_ends(&r);
    mark_forget(&r.mark);
    ck_assert(r.parking.remembered[S] & 1);
    unsigned sent = kafka.n[0];
    question.asked = false;
    struct row row = row_of(S, question.above + 1);
    parking_row(&r, &row);
    parking_end(&r, false);
    turn();
    ck_assert_uint_eq(kafka.n[0], sent);
    finish();
}
END_TEST

START_TEST(who_was_parked_or_is_far_behind_begins_parked)
{
    uint64_t second = 1000ull << 21, top = 1000 * second;
    start();
    ck_assert(!parking_loaded(&r, 0, S, top, top));
    ck_assert(!parking_loaded(&r, 0, S, top - 9 * second, top));
    ck_assert(parking_loaded(&r, 1, S, top - 11 * second, top));
    ck_assert_uint_eq(r.parking.cells, 2);
    ck_assert_uint_eq(mark_progress(&r.mark, 1, S), top - 11 * second);
    r.parking.remembered[S] = 1;
    ck_assert(parking_loaded(&r, 0, S, top - second, top));
    ck_assert_uint_eq(r.parking.cells, 3);
    finish();
}
END_TEST

START_TEST(a_cell_that_is_configured_no_more_is_parked_no_more)
{
    start_with_a_parked(10);
    sink_open(&r.sink, 0);
    turn();
    answer(seq);
    sink_drop(&r.sink, 0);
    parking_forget(&r, 0);
    ck_assert_uint_eq(r.parking.cells, 0);
    ck_assert_uint_eq(r.mark.parked[S], 0);
    ck_assert_uint_eq(r.parking.cell[0].count, 0);
    finish();
}
END_TEST

UNIT_MAIN("parking",
          a_topic_that_takes_nothing_while_another_does_is_set_aside_and_holds_nothing_back,
          nobody_is_parked_for_what_everybody_suffers,
          nobody_is_parked_before_its_progress_stands_in_the_table,
          a_cell_that_alone_fills_what_may_be_outstanding_is_parked_at_once,
          a_parked_cell_gets_a_few_rows_until_its_topic_takes_them_and_then_more,
          a_parked_cell_catches_up_in_order_and_rejoins_ahead_of_what_is_released_next,
          the_gate_is_shut_for_the_last_question_only_and_not_for_long,
          a_topic_that_dies_again_keeps_a_small_window_and_is_looked_for_again,
          an_answer_to_a_question_of_an_earlier_parking_is_not_used,
          who_was_parked_or_is_far_behind_begins_parked,
          a_cell_that_is_configured_no_more_is_parked_no_more)
