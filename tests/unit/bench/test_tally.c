#include "tally.h"

#include "unit.h"

static const struct crowd one_channel = {.connections = 3, .subscriptions = 1, .channels = 1};
static struct tally t;

static void message(const struct crowd *crowd, uint32_t first, uint32_t second,
                    enum outcome outcome)
{
    /* two processes with two messages each; it is their second */
    struct arrivals rows[4] = {{0}, {1000, 1010, 1020, first}, {0}, {1000, 1050, 1060, second}};
    tally_message(&t, crowd, 1, &rows[1], 2, 2, outcome);
}

START_TEST(subscribers_are_spread_over_the_channels_to_the_last)
{
    struct crowd c = {.connections = 7, .subscriptions = 3, .channels = 5};
    uint64_t sum = 0;
    for (uint64_t channel = 0; channel < 5; channel++)
        sum += crowd_subscribers(&c, channel);
    ck_assert_uint_eq(sum, 21);
    ck_assert_uint_eq(crowd_subscribers(&c, 0), 5);
    ck_assert_uint_eq(crowd_subscribers(&c, 4), 4);
}
END_TEST

START_TEST(what_everybody_has_is_complete_and_its_last_subscriber_is_known)
{
    t = (struct tally){0};
    message(&one_channel, 2, 1, OUTCOME_ACKNOWLEDGED);
    ck_assert_uint_eq(t.expected, 3);
    ck_assert_uint_eq(t.missing, 0);
    ck_assert_uint_eq(t.extra, 0);
    ck_assert_uint_eq(t.messages, 1);
    ck_assert_uint_eq(t.last_kernel.max_us, 50);
    ck_assert_uint_eq(t.last_user.max_us, 60);
}
END_TEST

START_TEST(who_never_came_is_missing_in_every_message)
{
    t = (struct tally){0};
    message(&one_channel, 0, 1, OUTCOME_ACKNOWLEDGED);
    message(&one_channel, 0, 0, OUTCOME_ACKNOWLEDGED);
    ck_assert_uint_eq(t.expected, 6);
    ck_assert_uint_eq(t.missing, 5);
    ck_assert_uint_eq(t.last_user.count, 0);
}
END_TEST

START_TEST(a_repeat_does_not_fill_another_messages_hole)
{
    t = (struct tally){0};
    message(&one_channel, 2, 2, OUTCOME_ACKNOWLEDGED);
    message(&one_channel, 1, 1, OUTCOME_ACKNOWLEDGED);
    ck_assert_uint_eq(t.missing, 1);
    ck_assert_uint_eq(t.extra, 1);
}
END_TEST

START_TEST(a_refused_message_that_came_is_extra_and_an_unknown_one_is_neither)
{
    t = (struct tally){0};
    message(&one_channel, 1, 0, OUTCOME_REFUSED);
    ck_assert_uint_eq(t.extra, 1);
    message(&one_channel, 1, 0, OUTCOME_UNKNOWN);
    message(&one_channel, 0, 0, OUTCOME_UNKNOWN);
    ck_assert_uint_eq(t.extra, 1);
    ck_assert_uint_eq(t.missing, 0);
}
END_TEST

UNIT_MAIN("bench/tally", subscribers_are_spread_over_the_channels_to_the_last,
          what_everybody_has_is_complete_and_its_last_subscriber_is_known,
          who_never_came_is_missing_in_every_message,
          a_repeat_does_not_fill_another_messages_hole,
          a_refused_message_that_came_is_extra_and_an_unknown_one_is_neither)
