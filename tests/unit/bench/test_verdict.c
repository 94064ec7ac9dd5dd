#include "verdict.h"

#include "unit.h"

#include "core/json.h"

#include <stdio.h>

/* A run of 2 connections in one channel, 1 message, everything well; a test spoils it. */
static struct bench_options options = {.connections = 2, .subscriptions = 1, .channels = 1};
static struct cpu_groups groups;
static struct board *board;
static struct run run;
static struct buf line;

static void good_run(void)
{
    board = board_new(1, 1, 1);
    board->reports[0] = (struct report){
        .asked = 2, .connected = 2, .subscribed = 2, .subscribed_now = 2, .delivered = 2};
    board->arrivals[0] = (struct arrivals){1000, 1100, 1200, 2};
    board->outcomes[0] = OUTCOME_ACKNOWLEDGED;
    board->publishers[0] =
        (struct publisher_report){.sent = 1, .acknowledged = 1, .requests = 1};
    run = (struct run){
        .options = &options, .groups = &groups, .board = board, .ended_by = "messages"};
}

/* The only failure is `name`; "" for none. */
static void ck_failure(const char *name)
{
    char want[64];
    snprintf(want, sizeof want, name[0] ? "[\"%s\"]" : "[%s]", name);
    buf_clear(&line);
    ck_assert_int_eq(verdict_append(&line, &run), name[0] == 0);
    ck_assert_int_eq(json_check(buf_bytes(&line), JSON_DEPTH_MAX, NULL), 0);
    ck_assert_bytes(json_member(buf_bytes(&line), "failures"), want);
    ck_assert_int_eq(json_type(json_member(buf_bytes(&line), "ok")),
                     name[0] ? JSON_FALSE : JSON_TRUE);
}

START_TEST(a_run_in_which_everybody_got_everything_is_well)
{
    good_run();
    ck_failure("");
}
END_TEST

#define SPOILT(test, what, name)                                                               \
    START_TEST(test)                                                                           \
    {                                                                                          \
        good_run();                                                                            \
        what;                                                                                  \
        ck_failure(name);                                                                      \
    }                                                                                          \
    END_TEST

SPOILT(one_that_never_subscribed_is_a_failure_even_if_nobody_misses_anything,
       board->reports[0].subscribed = 1, "not_all_subscribed")
SPOILT(one_that_is_away_at_the_end_is_a_failure, board->reports[0].subscribed_now = 1,
       "not_all_subscribed_at_the_end")
SPOILT(a_message_that_one_did_not_get_is_missing, board->arrivals[0].count = 1, "missing")
SPOILT(a_message_more_than_there_are_subscribers_is_extra, board->arrivals[0].count = 3,
       "extra")
SPOILT(a_hole_is_a_failure, board->reports[0].holes = 1, "holes")
SPOILT(a_repeat_is_a_failure, board->reports[0].repeats = 1, "repeats")
SPOILT(disorder_is_a_failure, board->reports[0].disorder = 1, "disorder")
SPOILT(what_nobody_wrote_is_a_failure, board->reports[0].unreadable = 1, "unreadable")
SPOILT(an_error_is_a_failure, board->reports[0].errors = 1, "errors")
SPOILT(a_connection_that_was_lost_is_a_failure, board->reports[0].lost = 1, "lost")
SPOILT(one_that_was_told_to_stay_away_is_a_failure, board->reports[0].ended = 1, "ended")
SPOILT(a_recovery_that_failed_is_a_failure, board->reports[0].not_recovered = 1,
       "not_recovered")
SPOILT(a_refused_publish_is_a_failure, board->publishers[0].refused = 1, "publish_refused")
SPOILT(a_publish_without_an_answer_is_a_failure, board->publishers[0].unknown = 1,
       "publish_unknown")
SPOILT(an_interrupted_run_is_a_failure, run.ended_by = "interrupted", "interrupted")

START_TEST(cuts_of_our_own_are_no_failure_and_losses_when_they_may_be)
{
    good_run();
    board->reports[0].lost = board->reports[0].cut = 5;
    ck_failure("");
    board->reports[0].lost = 6;
    options.may_lose = true;
    ck_failure("");
    options.may_lose = false;
}
END_TEST

UNIT_MAIN("bench/verdict", a_run_in_which_everybody_got_everything_is_well,
          one_that_never_subscribed_is_a_failure_even_if_nobody_misses_anything,
          one_that_is_away_at_the_end_is_a_failure, a_message_that_one_did_not_get_is_missing,
          a_message_more_than_there_are_subscribers_is_extra, a_hole_is_a_failure,
          a_repeat_is_a_failure, disorder_is_a_failure, what_nobody_wrote_is_a_failure,
          an_error_is_a_failure, a_connection_that_was_lost_is_a_failure,
          one_that_was_told_to_stay_away_is_a_failure, a_recovery_that_failed_is_a_failure,
          a_refused_publish_is_a_failure, a_publish_without_an_answer_is_a_failure,
          an_interrupted_run_is_a_failure,
          cuts_of_our_own_are_no_failure_and_losses_when_they_may_be)
