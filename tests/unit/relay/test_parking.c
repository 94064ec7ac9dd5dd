#include "parking.h"

#include "core/clock.h"
#include "fake_edges.h"
#include "fixture.h"
#include "unit.h"

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

START_TEST(who_has_less_than_half_of_what_is_outstanding_is_not_the_one_that_fills_it)
{
    start();
    kafka.dead[0] = true;
    r.options.outstanding_max = 400;
    publish(400);
    r.outstanding += 500; /* of a third cell */
    turn();
    stall(0);
    stall(600);
    ck_assert_uint_eq(r.parking.cells, 0);
    r.outstanding -= 500;
    stall(600);
    ck_assert_uint_eq(r.parking.cells, 1);
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

START_TEST(a_row_that_was_caught_up_before_is_not_taken_again)
{
    start_with_a_parked(10);
    sink_open(&r.sink, 0);
    turn();
    for (uint64_t id = 2; id <= 3; id++)
        for (int twice = 0; twice < 2; twice++) {
            struct row row = row_of(S, id);
            parking_row(&r, &row);
        }
    ck_assert_uint_eq(r.parking.cell[0].count, 1); /* 2 has been there before it was parked */
    finish();
}
END_TEST

START_TEST(an_answer_that_begins_above_what_was_given_back_is_not_used)
{
    start_with_a_parked(500);
    sink_open(&r.sink, 0);
    turn();
    answer(seq);
    turn();
    kafka.dead[0] = false;
    turn();
    turn();
    kafka.dead[0] = true;
    answer(seq);
    ck_assert(question.asked);
    ck_assert_uint_gt(question.above, 2 + PARKING_PROBE);
    publish_in(S + 1, 1); /* where it has rejoined already */
    turn();
    stall(6000); /* what was to be acknowledged is to be read again */
    ck_assert_uint_eq(r.mark.caught[0][S], 2 + PARKING_PROBE);
    answer(seq);
    ck_assert_uint_eq(r.parking.cell[0].count, 0);
    ck_assert_uint_eq(r.mark.caught[0][S], 2 + PARKING_PROBE);
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
          who_has_less_than_half_of_what_is_outstanding_is_not_the_one_that_fills_it,
          a_parked_cell_gets_a_few_rows_until_its_topic_takes_them_and_then_more,
          a_parked_cell_catches_up_in_order_and_rejoins_ahead_of_what_is_released_next,
          the_gate_is_shut_for_the_last_question_only_and_not_for_long,
          a_topic_that_dies_again_keeps_a_small_window_and_is_looked_for_again,
          a_row_that_was_caught_up_before_is_not_taken_again,
          an_answer_that_begins_above_what_was_given_back_is_not_used,
          an_answer_to_a_question_of_an_earlier_parking_is_not_used,
          who_was_parked_or_is_far_behind_begins_parked,
          a_cell_that_is_configured_no_more_is_parked_no_more)
