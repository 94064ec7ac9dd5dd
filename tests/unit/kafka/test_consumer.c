#include "kafka/consumer.h"
#include "mock.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#define ALL_RECORDS 1000000

struct reader {
    struct kafka_consumer *c;
    unsigned records, turns, in_turn, most_in_turn, caught_up, doubts, holes;
    unsigned want;
    bool done;       /* `want` records have come */
    bool caught_all; /* PARTITIONS have caught up */
    bool doubted;
    int64_t first[PARTITIONS], next[PARTITIONS]; /* -1: none yet */
    unsigned caught_at[PARTITIONS];              /* records seen of it by then; 0 when not */
    bool free_inside, assign_inside;
    char why[256];
};

static struct ev_loop *loop;
static const int32_t all[PARTITIONS] = {0, 1, 2, 3};

static void on_record(void *owner, int32_t partition, int64_t offset, int64_t time_ms,
                      struct bytes key, struct bytes value)
{
    struct reader *r = owner;
    r->records++;
    r->in_turn++;
    if (r->first[partition] < 0)
        r->first[partition] = offset;
    else
        r->holes += offset != r->next[partition];
    r->next[partition] = offset + 1;
    r->done = r->records >= r->want;
    if (r->free_inside)
        kafka_consumer_free(r->c);
    if (r->assign_inside && r->records % 7 == 0)
        kafka_consumer_assign(r->c, all, PARTITIONS, ALL_RECORDS, 0);
}

static void on_caught_up(void *owner, int32_t partition)
{
    struct reader *r = owner;
    r->caught_up++;
    r->caught_at[partition] = r->records;
    r->caught_all = r->caught_up >= PARTITIONS;
}

static void on_doubt(void *owner, int32_t partition, const char *why)
{
    struct reader *r = owner;
    r->doubts++;
    r->doubted = true;
    snprintf(r->why, sizeof r->why, "%d: %s", partition, why);
}

static void on_turn(void *owner)
{
    struct reader *r = owner;
    r->turns++;
    if (r->in_turn > r->most_in_turn)
        r->most_in_turn = r->in_turn;
    r->in_turn = 0;
}

static const struct kafka_consumer_handlers handlers = {on_record, on_caught_up, on_doubt,
                                                        on_turn};

static void open_consumer(struct reader *r, const struct mock *m)
{
    struct buf error = {0};
    loop = ev_default_loop(0);
    for (int i = 0; i < PARTITIONS; i++)
        r->first[i] = r->next[i] = -1;
    ck_assert_msg(
        kafka_consumer_new(loop, m->brokers, "test", TOPIC, &handlers, r, &r->c, &error) == 0,
        "%s", error.p);
}

/* n records over the partitions in turn, acknowledged. */
static void produce(const struct mock *m, unsigned n)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", m->brokers, NULL, 0);
    rd_kafka_conf_set(conf, "enable.idempotence", "true", NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, TOPIC, NULL);
    for (unsigned i = 0; i < n; i++)
        ck_assert_int_eq(rd_kafka_produce(t, (int32_t)(i % PARTITIONS), RD_KAFKA_MSG_F_COPY,
                                          "v", 1, "k", 1, NULL),
                         0);
    ck_assert_int_eq(rd_kafka_flush(rk, 10000), 0);
    rd_kafka_topic_destroy(t);
    rd_kafka_destroy(rk);
}

static void wait_for(struct reader *r, unsigned records)
{
    r->want = records;
    r->done = r->records >= records;
    ck_assert_msg(loop_wait(loop, &r->done, 10), "%u of %u records", r->records, records);
}

START_TEST(empty_partitions_are_caught_up)
{
    struct mock m;
    struct reader r = {0};
    mock_init(&m);
    open_consumer(&r, &m);
    kafka_consumer_assign(r.c, all, PARTITIONS, 10, 1000);
    ck_assert_int_eq(kafka_consumer_lag(r.c), -1);
    ck_assert(loop_wait(loop, &r.caught_all, 5));
    ck_assert_int_eq(kafka_consumer_lag(r.c), 0);
    ck_assert(kafka_consumer_reachable(r.c));
    ck_assert_uint_eq(r.records, 0);
    kafka_consumer_free(r.c);
    mock_fini(&m);
}
END_TEST

START_TEST(reading_begins_so_many_records_before_the_end_and_follows)
{
    struct mock m;
    struct reader r = {0};
    mock_init(&m);
    produce(&m, 400);
    open_consumer(&r, &m);
    kafka_consumer_assign(r.c, all, PARTITIONS, 30, 0);
    wait_for(&r, 120);
    ck_assert(loop_wait(loop, &r.caught_all, 5));
    for (int i = 0; i < PARTITIONS; i++) {
        ck_assert_int_eq(r.first[i], 70);
        ck_assert_int_eq(r.next[i], 100);
    }
    produce(&m, 40);
    wait_for(&r, 160);
    ck_assert_uint_eq(r.holes, 0);
    ck_assert_uint_eq(r.caught_up, PARTITIONS);
    kafka_consumer_free(r.c);
    mock_fini(&m);
}
END_TEST

START_TEST(a_turn_hands_over_a_bounded_number_of_records)
{
    struct mock m;
    struct reader r = {0};
    mock_init(&m);
    produce(&m, 20000);
    open_consumer(&r, &m);
    kafka_consumer_assign(r.c, all, PARTITIONS, ALL_RECORDS, 0);
    wait_for(&r, 20000);
    loop_for(loop, 0.05);
    ck_assert_uint_le(r.most_in_turn, 500);
    ck_assert_uint_ge(r.turns, 40);
    ck_assert_uint_eq(r.holes, 0);
    kafka_consumer_free(r.c);
    mock_fini(&m);
}
END_TEST

START_TEST(partitions_that_stay_keep_their_position_and_new_ones_are_looked_up)
{
    struct mock m;
    struct reader r = {0};
    mock_init(&m);
    produce(&m, 400);
    open_consumer(&r, &m);
    kafka_consumer_assign(r.c, all, 2, ALL_RECORDS, 0);
    wait_for(&r, 200);
    kafka_consumer_assign(r.c, all + 1, 2, ALL_RECORDS, 0);
    wait_for(&r, 300);
    produce(&m, 400);
    wait_for(&r, 500);
    loop_for(loop, 0.2);
    ck_assert_uint_eq(r.records, 500);
    ck_assert_int_eq(r.next[0], 100);
    ck_assert_int_eq(r.next[1], 200);
    ck_assert_int_eq(r.next[2], 200);
    ck_assert_int_eq(r.next[3], -1);
    ck_assert_uint_eq(r.holes, 0);
    kafka_consumer_free(r.c);
    mock_fini(&m);
}
END_TEST

START_TEST(a_later_assignment_replaces_one_that_is_being_looked_up)
{
    struct mock m;
    struct reader r = {0};
    mock_init(&m);
    produce(&m, 400);
    open_consumer(&r, &m);
    for (int i = 0; i < 50; i++) {
        kafka_consumer_assign(r.c, all, i % 2 ? PARTITIONS : 1, ALL_RECORDS, 0);
        loop_for(loop, 0.002);
    }
    kafka_consumer_assign(r.c, all + 3, 1, ALL_RECORDS, 0);
    r.first[3] = r.next[3] = -1;
    r.records = r.holes = 0; /* one that went and came back began anew */
    loop_for(loop, 0.5);
    ck_assert_uint_le(r.records, 100);
    produce(&m, 400);
    for (int i = 0; i < 500 && r.next[3] < 200; i++)
        loop_for(loop, 0.01);
    loop_for(loop, 0.1);
    ck_assert_int_eq(r.next[3], 200);
    ck_assert_uint_eq(r.holes, 0);
    kafka_consumer_free(r.c);
    mock_fini(&m);
}
END_TEST

START_TEST(assigning_inside_of_a_record_loses_and_repeats_nothing)
{
    struct mock m;
    struct reader r = {.assign_inside = true};
    mock_init(&m);
    produce(&m, 2000);
    open_consumer(&r, &m);
    kafka_consumer_assign(r.c, all, PARTITIONS, ALL_RECORDS, 0);
    wait_for(&r, 2000);
    loop_for(loop, 0.2);
    ck_assert_uint_eq(r.records, 2000);
    ck_assert_uint_eq(r.holes, 0);
    kafka_consumer_free(r.c);
    mock_fini(&m);
}
END_TEST

START_TEST(a_broker_that_was_away_casts_doubt_and_reading_goes_on_where_it_was)
{
    struct mock m;
    struct reader r = {0};
    mock_init(&m);
    produce(&m, 400);
    open_consumer(&r, &m);
    kafka_consumer_assign(r.c, all, PARTITIONS, ALL_RECORDS, 0);
    wait_for(&r, 400);
    rd_kafka_mock_broker_set_down(m.cluster, 1);
    ck_assert(loop_wait(loop, &r.doubted, 5));
    for (int i = 0; i < 500 && kafka_consumer_reachable(r.c); i++)
        loop_for(loop, 0.01);
    ck_assert(!kafka_consumer_reachable(r.c));
    rd_kafka_mock_broker_set_up(m.cluster, 1);
    for (int i = 0; i < 500 && !strstr(r.why, "again"); i++)
        loop_for(loop, 0.01);
    ck_assert(kafka_consumer_reachable(r.c));
    ck_assert_msg(strstr(r.why, "again"), "%s", r.why);
    produce(&m, 400);
    wait_for(&r, 800);
    ck_assert_uint_eq(r.holes, 0);
    kafka_consumer_free(r.c);
    mock_fini(&m);
}
END_TEST

START_TEST(the_lookup_is_tried_until_kafka_answers)
{
    struct mock m;
    struct reader r = {0};
    mock_init(&m);
    produce(&m, 400);
    rd_kafka_mock_broker_set_down(m.cluster, 1);
    open_consumer(&r, &m);
    kafka_consumer_assign(r.c, all, PARTITIONS, ALL_RECORDS, 0);
    loop_for(loop, 1.5);
    ck_assert(!kafka_consumer_reachable(r.c));
    ck_assert_uint_eq(r.records, 0);
    rd_kafka_mock_broker_set_up(m.cluster, 1);
    wait_for(&r, 400);
    ck_assert(kafka_consumer_reachable(r.c));
    kafka_consumer_free(r.c);
    mock_fini(&m);
}
END_TEST

START_TEST(an_offset_that_is_no_more_casts_doubt_and_is_looked_up_anew)
{
    struct mock m;
    struct reader r = {0};
    mock_init(&m);
    produce(&m, 400);
    open_consumer(&r, &m);
    rd_kafka_mock_push_request_errors(m.cluster, 1 /* Fetch */, 1,
                                      RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    kafka_consumer_assign(r.c, all, PARTITIONS, ALL_RECORDS, 0);
    wait_for(&r, 400);
    ck_assert(r.doubted);
    ck_assert_msg(strstr(r.why, "out of range"), "%s", r.why);
    kafka_consumer_free(r.c);
    mock_fini(&m);
}
END_TEST

START_TEST(the_consumer_may_be_freed_inside_of_a_record)
{
    struct mock m;
    struct reader r = {.free_inside = true};
    mock_init(&m);
    produce(&m, 400);
    open_consumer(&r, &m);
    kafka_consumer_assign(r.c, all, PARTITIONS, ALL_RECORDS, 0);
    wait_for(&r, 1);
    loop_for(loop, 0.1);
    ck_assert_uint_eq(r.records, 1);
    mock_fini(&m);
}
END_TEST

START_TEST(a_consumer_is_freed_during_a_lookup)
{
    struct mock m;
    struct reader r = {0};
    mock_init(&m);
    rd_kafka_mock_broker_set_down(m.cluster, 1);
    open_consumer(&r, &m);
    kafka_consumer_assign(r.c, all, PARTITIONS, ALL_RECORDS, 0);
    loop_for(loop, 0.05);
    double start = ev_time();
    kafka_consumer_free(r.c);
    ck_assert(ev_time() - start < 3);
    mock_fini(&m);
}
END_TEST

UNIT_MAIN("consumer", empty_partitions_are_caught_up,
          reading_begins_so_many_records_before_the_end_and_follows,
          a_turn_hands_over_a_bounded_number_of_records,
          partitions_that_stay_keep_their_position_and_new_ones_are_looked_up,
          a_later_assignment_replaces_one_that_is_being_looked_up,
          assigning_inside_of_a_record_loses_and_repeats_nothing,
          a_broker_that_was_away_casts_doubt_and_reading_goes_on_where_it_was,
          the_lookup_is_tried_until_kafka_answers,
          an_offset_that_is_no_more_casts_doubt_and_is_looked_up_anew,
          the_consumer_may_be_freed_inside_of_a_record, a_consumer_is_freed_during_a_lookup)
