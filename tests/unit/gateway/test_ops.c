#include "ops.h"

#include "fake_edges.h"
#include "unit.h"

static struct gateway_options options;
static struct gateway g;
static int calls;
static uint32_t code;

static void on_range(void *ctx, const struct ops_range *answer)
{
    calls++;
    code = answer->code;
}

static void on_published(void *ctx, const struct ops_published *answer)
{
    calls++;
    code = answer->code;
}

static void on_called(void *ctx, const struct ops_called *answer)
{
    calls++;
    code = answer->answers.n ? 0 : 100;
}

static void start(void)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    calls = 0;
    code = 7;
}

static uint64_t read_one(void)
{
    return ops_read(&g, BYTES("default/x"), 0, 0, 1, false, on_range, NULL);
}

START_TEST(an_answer_is_handed_over_once)
{
    start();
    read_one();
    uint64_t request = edges.request;
    edges_range(&g, 0, 1, 0, 0, 0);
    ck_assert_int_eq(calls, 1);
    ck_assert_uint_eq(code, 0);
    edges.request = request;
    edges_range(&g, 0, 1, 0, 0, 0);
    edges_pass(&g, 10000);
    ck_assert_int_eq(calls, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(what_fails_at_once_is_answered_from_the_loop_and_not_inside_the_call)
{
    start();
    edges.worker_away = edges.sequencer_full = true;
    read_one();
    ops_publish(&g, &(struct ops_publish){.channel = BYTES("default/x")}, on_published, NULL);
    ops_call(&g, BYTES("info"), BYTES(""), BYTES("{}"), on_called, NULL);
    ck_assert_int_eq(calls, 0);
    edges_pass(&g, 0);
    ck_assert_int_eq(calls, 3);
    edges_stop(&g);
}
END_TEST

START_TEST(without_an_answer_it_is_100_in_time)
{
    start();
    read_one();
    edges_pass(&g, 3900);
    ck_assert_int_eq(calls, 0);
    edges_pass(&g, 200);
    ck_assert_int_eq(calls, 1);
    ck_assert_uint_eq(code, 100);
    edges_stop(&g);
}
END_TEST

START_TEST(a_lost_worker_answers_its_own_with_100)
{
    start();
    read_one();
    ops_worker_lost(&g, 2);
    edges_pass(&g, 0);
    ck_assert_int_eq(calls, 0);
    ops_worker_lost(&g, 1);
    ck_assert_int_eq(calls, 0);
    edges_pass(&g, 0);
    ck_assert_int_eq(calls, 1);
    ck_assert_uint_eq(code, 100);
    edges_stop(&g);
}
END_TEST

START_TEST(a_cancelled_one_calls_nobody)
{
    start();
    uint64_t one = read_one();
    edges.worker_away = true;
    uint64_t two = read_one();
    ops_cancel(&g, one);
    ops_cancel(&g, two);
    ops_cancel(&g, two);
    ops_cancel(&g, 0);
    edges_range(&g, 0, 1, 0, 0, 0);
    edges_pass(&g, 10000);
    ck_assert_int_eq(calls, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(an_answer_of_another_kind_is_not_taken)
{
    start();
    uint64_t ticket = read_one();
    ops_publish_done(&g, ticket, &(struct ops_published){0});
    ops_head_came(&g, &(struct fan_head){.request = ticket});
    ck_assert_int_eq(calls, 0);
    edges_range(&g, 0, 1, 0, 0, 0);
    ck_assert_int_eq(calls, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(a_read_that_nobody_waits_for_is_taken_back)
{
    start();
    ops_cancel(&g, read_one());
    ck_assert_int_eq(edges.forgotten, 1);
    read_one();
    edges_pass(&g, options.ask_timeout + 1000);
    ck_assert_uint_eq(code, 100);
    ck_assert_int_eq(edges.forgotten, 2);
    read_one();
    edges_range(&g, 0, 1, 0, 0, 0);
    edges.worker_away = true;
    ops_cancel(&g, read_one()); /* it never went out */
    ck_assert_int_eq(edges.forgotten, 2);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("ops", an_answer_is_handed_over_once, what_fails_at_once_is_answered_from_the_loop_and_not_inside_the_call,
          without_an_answer_it_is_100_in_time, a_lost_worker_answers_its_own_with_100, a_cancelled_one_calls_nobody,
          an_answer_of_another_kind_is_not_taken, a_read_that_nobody_waits_for_is_taken_back)
