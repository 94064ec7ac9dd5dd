#include "kafka/producer.h"
#include "mock.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

struct witness {
    struct kafka_producer *p;
    struct kafka_topic *t;
    unsigned delivered, refused, fatals;
    unsigned want;
    bool done; /* `want` answers have come */
    uint64_t last;
    bool in_order;
    int error;
    char why[256];
    bool free_inside;
};

static struct ev_loop *loop;

static void on_delivered(void *owner, uint64_t token, int error, const char *why)
{
    struct witness *w = owner;
    if (error) {
        w->refused++;
        w->error = error;
        snprintf(w->why, sizeof w->why, "%s", why);
    } else {
        w->delivered++;
        w->in_order &= token == w->last + 1;
        w->last = token;
    }
    w->done = w->delivered + w->refused >= w->want;
    if (w->free_inside)
        kafka_producer_free(w->p);
}

static void on_fatal(void *owner, const char *why)
{
    struct witness *w = owner;
    w->fatals++;
    snprintf(w->why, sizeof w->why, "%s", why);
    kafka_producer_free(w->p);
    w->p = NULL;
    w->done = true;
}

static const struct kafka_producer_handlers handlers = {on_delivered, on_fatal};

static void open_producer(struct witness *w, const struct mock *m)
{
    struct buf error = {0};
    loop = ev_default_loop(0);
    w->in_order = true;
    ck_assert_msg(kafka_producer_new(loop, m->brokers, "test", &handlers, w, &w->p, &error) ==
                      0,
                  "%s", error.p);
    w->t = kafka_producer_topic(w->p, TOPIC);
    ck_assert_ptr_nonnull(w->t);
}

static int send_token(struct witness *w, uint64_t token)
{
    return kafka_produce(w->p, w->t, (int32_t)(token % PARTITIONS), BYTES("key"),
                         BYTES("value"), token);
}

static void wait_for(struct witness *w, unsigned answers)
{
    w->want = answers;
    w->done = w->delivered + w->refused >= answers;
    ck_assert_msg(loop_wait(loop, &w->done, 10), "%u of %u answers", w->delivered + w->refused,
                  answers);
}

START_TEST(a_record_is_delivered_and_its_token_handed_back)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_producer(&w, &m);
    ck_assert_int_eq(send_token(&w, 1), 0);
    ck_assert_uint_eq(w.delivered, 0);
    wait_for(&w, 1);
    ck_assert_uint_eq(w.last, 1);
    ck_assert(kafka_producer_reachable(w.p));
    ck_assert_ptr_eq(kafka_producer_topic(w.p, TOPIC), w.t);
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

START_TEST(records_of_a_partition_are_delivered_in_order)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_producer(&w, &m);
    for (uint64_t i = 1; i <= 5000; i++)
        ck_assert_int_eq(kafka_produce(w.p, w.t, 0, BYTES("k"), BYTES("v"), i), 0);
    wait_for(&w, 5000);
    ck_assert(w.in_order);
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

START_TEST(a_producer_that_is_idle_knows_whether_a_broker_answers)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_producer(&w, &m);
    for (int i = 0; i < 200 && !kafka_producer_reachable(w.p); i++)
        loop_for(loop, 0.01);
    ck_assert(kafka_producer_reachable(w.p));
    rd_kafka_mock_broker_set_down(m.cluster, 1);
    for (int i = 0; i < 500 && kafka_producer_reachable(w.p); i++)
        loop_for(loop, 0.01);
    ck_assert(!kafka_producer_reachable(w.p));
    rd_kafka_mock_broker_set_up(m.cluster, 1);
    for (int i = 0; i < 500 && !kafka_producer_reachable(w.p); i++)
        loop_for(loop, 0.01);
    ck_assert(kafka_producer_reachable(w.p));
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

START_TEST(what_was_sent_while_the_broker_was_away_is_delivered_when_it_is_back)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_producer(&w, &m);
    send_token(&w, 1);
    wait_for(&w, 1);
    rd_kafka_mock_broker_set_down(m.cluster, 1);
    loop_for(loop, 0.3);
    for (uint64_t i = 2; i <= 100; i++)
        ck_assert_int_eq(kafka_produce(w.p, w.t, 1, BYTES("k"), BYTES("v"), i), 0);
    loop_for(loop, 0.5);
    ck_assert_uint_eq(w.delivered, 1);
    rd_kafka_mock_broker_set_up(m.cluster, 1);
    wait_for(&w, 100);
    ck_assert_uint_eq(w.refused, 0);
    ck_assert(w.in_order);
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

START_TEST(errors_that_pass_are_not_told)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_producer(&w, &m);
    rd_kafka_mock_push_request_errors(
        m.cluster, 0 /* Produce */, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    for (uint64_t i = 1; i <= 10; i++)
        kafka_produce(w.p, w.t, 0, BYTES("k"), BYTES("v"), i);
    wait_for(&w, 10);
    ck_assert_uint_eq(w.refused, 0);
    ck_assert(w.in_order);
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

START_TEST(a_record_that_kafka_refuses_is_told_with_the_reason_and_the_next_goes_on)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_producer(&w, &m);
    rd_kafka_mock_push_request_errors(m.cluster, 0, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    send_token(&w, 1);
    wait_for(&w, 1);
    ck_assert_uint_eq(w.refused, 1);
    ck_assert_int_eq(w.error, -EMSGSIZE);
    ck_assert_str_ne(w.why, "");
    send_token(&w, 2);
    wait_for(&w, 2);
    ck_assert_uint_eq(w.delivered, 1);
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

START_TEST(a_record_above_the_limit_is_refused_at_once)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_producer(&w, &m);
    char *big = calloc(1, 2 << 20);
    ck_assert_int_eq(kafka_produce(w.p, w.t, 0, BYTES("k"), bytes_of(big, 2 << 20), 1),
                     -EMSGSIZE);
    free(big);
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

START_TEST(a_full_queue_is_told_and_room_comes_with_the_next_delivery)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_producer(&w, &m);
    rd_kafka_mock_broker_set_down(m.cluster, 1);
    uint64_t sent = 0;
    int answer;
    while ((answer = send_token(&w, sent + 1)) == 0 && sent < 1000000)
        sent++;
    ck_assert_int_eq(answer, -ENOBUFS);
    ck_assert_uint_gt(sent, 1000);
    rd_kafka_mock_broker_set_up(m.cluster, 1);
    wait_for(&w, 1);
    ck_assert_int_eq(send_token(&w, sent + 1), 0);
    wait_for(&w, (unsigned)sent + 1);
    ck_assert_uint_eq(w.refused, 0);
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

START_TEST(a_fatal_error_is_told_once_and_refuses_no_record)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_producer(&w, &m);
    send_token(&w, 1);
    wait_for(&w, 1);
    rd_kafka_mock_push_request_errors(m.cluster, 0, 1,
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    for (uint64_t i = 2; i < 50; i++)
        kafka_produce(w.p, w.t, 0, BYTES("k"), BYTES("v"), i);
    w.want = 1000;
    w.done = false;
    ck_assert(loop_wait(loop, &w.done, 5));
    loop_for(loop, 0.1);
    ck_assert_uint_eq(w.fatals, 1);
    ck_assert_str_ne(w.why, "");
    ck_assert_uint_eq(w.refused, 0);
    ck_assert_uint_eq(w.delivered, 1);
    mock_fini(&m);
}
END_TEST

START_TEST(the_producer_may_be_freed_inside_of_delivered)
{
    struct mock m;
    struct witness w = {.free_inside = true};
    mock_init(&m);
    open_producer(&w, &m);
    for (uint64_t i = 1; i <= 10; i++)
        kafka_produce(w.p, w.t, 0, BYTES("k"), BYTES("v"), i);
    wait_for(&w, 1);
    loop_for(loop, 0.1);
    ck_assert_uint_eq(w.delivered, 1);
    mock_fini(&m);
}
END_TEST

START_TEST(a_producer_with_records_on_their_way_is_freed_without_waiting_for_them)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_producer(&w, &m);
    rd_kafka_mock_broker_set_down(m.cluster, 1);
    for (uint64_t i = 1; i <= 1000; i++)
        send_token(&w, i);
    loop_for(loop, 0.2);
    double start = ev_time();
    kafka_producer_free(w.p);
    ck_assert(ev_time() - start < 2.5);
    ck_assert_uint_eq(w.delivered + w.refused, 0);
    mock_fini(&m);
}
END_TEST

START_TEST(bad_brokers_are_refused_with_a_reason)
{
    struct buf error = {0};
    struct kafka_producer *p;
    loop = ev_default_loop(0);
    ck_assert_int_eq(kafka_producer_new(loop, "", "test", &handlers, NULL, &p, &error),
                     -EINVAL);
    ck_assert_uint_gt(error.n, 0);
    buf_fini(&error);
}
END_TEST

START_TEST(settings_that_are_given_replace_ours)
{
    static const char *const small[][2] = {{"message.max.bytes", "2000"}, {NULL, NULL}}, *const unknown[][2] = {{"no.such", "1"}, {NULL, NULL}};
    static char body[3000];
    struct mock m;
    struct witness w = {0};
    struct buf error = {0};
    mock_init(&m);
    loop = ev_default_loop(0);
    ck_assert_int_eq(kafka_producer_new_with(loop, m.brokers, "test", unknown, &handlers, &w, &w.p, &error), -EINVAL);
    ck_assert_uint_gt(error.n, 0);
    ck_assert_int_eq(kafka_producer_new_with(loop, m.brokers, "test", small, &handlers, &w, &w.p, &error), 0);
    w.t = kafka_producer_topic(w.p, TOPIC);
    ck_assert_int_eq(kafka_produce(w.p, w.t, 0, BYTES("k"), bytes_of(body, sizeof body), 1), -EMSGSIZE);
    kafka_producer_free(w.p);
    buf_fini(&error);
    mock_fini(&m);
}
END_TEST

static void open_brief(struct witness *w, const struct mock *m)
{
    struct buf error = {0};
    loop = ev_default_loop(0);
    w->in_order = true;
    ck_assert_int_eq(kafka_producer_new_brief(loop, m->brokers, "test", &handlers, w, &w->p, &error), 0);
    w->t = kafka_producer_topic(w->p, TOPIC);
    ck_assert_ptr_nonnull(w->t);
}

START_TEST(a_brief_one_keeps_the_order)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_brief(&w, &m);
    for (uint64_t i = 1; i <= 5000; i++)
        ck_assert_int_eq(kafka_produce(w.p, w.t, 0, BYTES("k"), BYTES("v"), i), 0);
    wait_for(&w, 5000);
    ck_assert(w.in_order);
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

START_TEST(a_brief_one_gives_up_in_time_and_goes_on_when_the_broker_is_back)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_brief(&w, &m);
    send_token(&w, 1);
    wait_for(&w, 1);
    rd_kafka_mock_broker_set_down(m.cluster, 1);
    double start = ev_time();
    send_token(&w, 2);
    wait_for(&w, 2);
    ck_assert_uint_eq(w.refused, 1);
    ck_assert(ev_time() - start < 2 * KAFKA_BRIEF_MS / 1000.);
    rd_kafka_mock_broker_set_up(m.cluster, 1);
    for (int i = 0; i < 500 && !kafka_producer_reachable(w.p); i++)
        loop_for(loop, 0.01);
    unsigned before = w.delivered;
    send_token(&w, 3);
    wait_for(&w, 3);
    ck_assert_uint_eq(w.delivered, before + 1);
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

START_TEST(a_brief_one_tries_once)
{
    struct mock m;
    struct witness w = {0};
    mock_init(&m);
    open_brief(&w, &m);
    send_token(&w, 1);
    wait_for(&w, 1);
    rd_kafka_mock_push_request_errors(m.cluster, 0 /* produce */, 1, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    send_token(&w, 2); /* one that is sent again would succeed now */
    wait_for(&w, 2);
    ck_assert_uint_eq(w.refused, 1);
    ck_assert_int_eq(w.error, -EIO);
    kafka_producer_free(w.p);
    mock_fini(&m);
}
END_TEST

UNIT_MAIN("producer", a_record_is_delivered_and_its_token_handed_back,
          records_of_a_partition_are_delivered_in_order,
          a_producer_that_is_idle_knows_whether_a_broker_answers,
          what_was_sent_while_the_broker_was_away_is_delivered_when_it_is_back,
          errors_that_pass_are_not_told,
          a_record_that_kafka_refuses_is_told_with_the_reason_and_the_next_goes_on,
          a_record_above_the_limit_is_refused_at_once,
          a_full_queue_is_told_and_room_comes_with_the_next_delivery,
          a_fatal_error_is_told_once_and_refuses_no_record,
          the_producer_may_be_freed_inside_of_delivered,
          a_producer_with_records_on_their_way_is_freed_without_waiting_for_them,
          bad_brokers_are_refused_with_a_reason, settings_that_are_given_replace_ours,
          a_brief_one_keeps_the_order,
          a_brief_one_gives_up_in_time_and_goes_on_when_the_broker_is_back, a_brief_one_tries_once)
