#include "delivery.h"

#include "swarm.h"
#include "unit.h"

static struct bench_options options;
static struct swarm swarm;
static struct connection connection;
static struct subscription subscriptions[3];

/* Connection 1 of those that have three of five channels each: it has 3, 4 and 0. */
static void begin(void)
{
    options = (struct bench_options){.channel = "c-", .channels = 5, .subscriptions = 3};
    swarm = (struct swarm){.options = &options, .board = board_new(1, 0, 100)};
    swarm.report = swarm.board->reports;
    swarm.arrivals = swarm.board->arrivals;
    memset(subscriptions, 0, sizeof subscriptions);
    connection_init(&connection, &swarm, 1, subscriptions);
    connection.state = CONNECTION_SUBSCRIBED;
    connection.joined_us = 1000;
}

static void arrive(uint64_t offset, uint64_t number, uint64_t stamp_us, bool last)
{
    struct delivery d = {.offset = offset, .number = number, .stamp_us = stamp_us};
    struct stamp at = {.kernel_us = stamp_us + 10, .user_us = stamp_us + 30, .last = last};
    delivery_take(&connection, &subscriptions[0], &d, &at);
}

START_TEST(a_subscription_is_found_by_the_number_in_its_channels_name)
{
    begin();
    ck_assert_ptr_eq(delivery_find(&connection, BYTES("c-3")), &subscriptions[0]);
    ck_assert_ptr_eq(delivery_find(&connection, BYTES("c-4")), &subscriptions[1]);
    ck_assert_ptr_eq(delivery_find(&connection, BYTES("c-0")), &subscriptions[2]);
    static const char *const none[] = {"c-1", "c-2", "c-5", "c-", "d-3", "c-3x", ""};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_ptr_null(delivery_find(&connection, bytes_str(none[i])));
}
END_TEST

START_TEST(by_offset_or_by_number_it_is_checked)
{
    begin();
    order_begin(&subscriptions[0].order, 8);
    arrive(8, 0, 2000, true);
    arrive(10, 5, 2000, true);
    ck_assert_uint_eq(swarm.report->holes, 1);
    arrive(10, 5, 2000, true);
    ck_assert_uint_eq(swarm.report->disorder, 1);
    arrive(10, 5, 2000, true);
    ck_assert_uint_eq(swarm.report->repeats, 1);
    begin();
    arrive(0, 3, 2000, true); /* of channel 3, whose messages are 3, 8, 13 … */
    arrive(0, 8, 2000, true);
    arrive(0, 18, 2000, true);
    ck_assert_uint_eq(swarm.report->holes, 1);
}
END_TEST

START_TEST(the_kernels_stamp_counts_for_the_last_frame_of_a_read)
{
    begin();
    arrive(0, 3, 2000, false);
    arrive(0, 8, 2000, true);
    ck_assert_uint_eq(swarm.report->user.count, 2);
    ck_assert_uint_eq(swarm.report->user.max_us, 30);
    ck_assert_uint_eq(swarm.report->kernel.count, 1);
    ck_assert_uint_eq(swarm.report->kernel.max_us, 10);
    ck_assert_uint_eq(swarm.report->shared_reads, 1);
    ck_assert_uint_eq(swarm.arrivals[3].count, 1);
    ck_assert_uint_eq(swarm.arrivals[8].last_kernel_us, 2010);
}
END_TEST

START_TEST(what_was_published_before_it_was_subscribed_is_in_no_latency)
{
    begin();
    arrive(0, 3, 999, true);
    ck_assert_uint_eq(swarm.report->caught_up, 1);
    ck_assert_uint_eq(swarm.report->user.count, 0);
    ck_assert_uint_eq(swarm.arrivals[3].count, 1);
}
END_TEST

START_TEST(a_number_that_this_run_has_not_is_unreadable)
{
    begin();
    arrive(0, 100, 2000, true);
    ck_assert_uint_eq(swarm.report->unreadable, 1);
}
END_TEST

START_TEST(what_came_while_it_did_not_read_is_in_no_latency)
{
    begin();
    connection.resumed_us = 3000;
    arrive(0, 3, 2000, true);
    arrive(0, 8, 4000, true);
    ck_assert_uint_eq(swarm.report->delivered, 2);
    ck_assert_uint_eq(swarm.report->caught_up, 1);
    ck_assert_uint_eq(swarm.report->kernel.count, 1);
    ck_assert_uint_eq(swarm.arrivals[3].count, 1);
    ck_assert_uint_eq(swarm.arrivals[3].last_kernel_us, 0);
    ck_assert_uint_eq(swarm.arrivals[8].last_kernel_us, 4010);
}
END_TEST

UNIT_MAIN("bench/delivery", a_subscription_is_found_by_the_number_in_its_channels_name,
          by_offset_or_by_number_it_is_checked,
          the_kernels_stamp_counts_for_the_last_frame_of_a_read,
          what_was_published_before_it_was_subscribed_is_in_no_latency,
          what_came_while_it_did_not_read_is_in_no_latency,
          a_number_that_this_run_has_not_is_unreadable)
