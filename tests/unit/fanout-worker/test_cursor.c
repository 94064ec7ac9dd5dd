#include "unit.h"
#include "world.h"

#include "core/clock.h"

static const struct routes_limits limits = {
    .ring = {.messages = 8, .bytes = 100000},
    .cache_bytes = 1000000,
    .sweep_ns = 20 * NS_PER_S,
};
static struct world w;

static void begin_with(const struct routes_limits *l)
{
    world_init(&w, 1, l);
    world_own(&w, true);
    for (int t = 0; t < WORLD_TAKERS; t++)
        w.takers[t].pending_max = 1 << 20;
}

static void begin(void)
{
    begin_with(&limits);
}

/* n messages, committed and taken from Kafka. */
static void publish(int channel, int n)
{
    while (n-- > 0)
        world_record(&w, channel, world_log(&w, channel)->epoch, world_commit(&w, channel),
                     false);
    world_pass(&w, 0);
}

static struct world_view *view(int taker)
{
    return &w.takers[taker].views[0];
}

START_TEST(from_the_head_gets_what_comes_next)
{
    begin();
    publish(0, 3);
    world_subscribe(&w, 0, 0, true, 0, 0);
    ck_assert(view(0)->answered);
    ck_assert_uint_eq(view(0)->seq, 3);
    publish(0, 2);
    ck_assert_uint_eq(view(0)->got, 2);
    ck_assert_uint_eq(w.n_questions, 0);
    world_fini(&w);
}
END_TEST

START_TEST(an_unknown_channel_is_asked_for_once_however_many_want_it)
{
    begin();
    world_commit(&w, 0);
    for (int t = 0; t < WORLD_TAKERS; t++)
        world_subscribe(&w, t, 0, true, 0, 0);
    ck_assert_uint_eq(w.n_questions, 1);
    ck_assert(!view(0)->answered);
    world_answer(&w, 0);
    for (int t = 0; t < WORLD_TAKERS; t++)
        ck_assert_uint_eq(view(t)->seq, 1);
    world_fini(&w);
}
END_TEST

START_TEST(a_channel_that_nobody_wants_any_more_is_asked_for_no_more)
{
    begin();
    for (int n = 0; n < 100; n++) { /* PostgreSQL is away */
        world_subscribe(&w, 0, 0, true, 0, 0);
        ck_assert_uint_eq(w.n_questions, 1);
        world_unsubscribe(&w, 0, 0);
        ck_assert_uint_eq(w.n_questions, 0);
    }
    world_fini(&w);
}
END_TEST

START_TEST(a_channel_without_messages_begins_at_0)
{
    begin();
    world_subscribe(&w, 0, 0, true, 0, 0);
    world_answer(&w, 0);
    ck_assert(view(0)->answered);
    ck_assert_uint_eq(view(0)->epoch, 7);
    ck_assert_uint_eq(view(0)->seq, 0);
    publish(0, 1);
    ck_assert_uint_eq(view(0)->got, 1);
    world_fini(&w);
}
END_TEST

START_TEST(what_comes_before_postgresql_answers_is_not_missed)
{
    begin();
    publish(1, 1);
    world_commit(&w, 0);
    world_subscribe(&w, 0, 0, true, 0, 0);
    publish(0, 2);
    ck_assert_uint_eq(view(0)->seq, 3);
    ck_assert_uint_eq(view(0)->got, 2);
    world_answer(&w, 0);
    ck_assert_uint_eq(view(0)->seq, 3);
    world_fini(&w);
}
END_TEST

START_TEST(nobody_is_answered_before_the_partition_has_caught_up)
{
    bool owned[WORLD_PARTITIONS] = {true, true};
    world_init(&w, 1, &limits);
    routes_map(&w.routes, 1, owned, WORLD_PARTITIONS, NULL);
    world_subscribe(&w, 0, 0, false, 7, 2);
    publish(0, 4);
    ck_assert(!view(0)->answered);
    ck_assert_uint_eq(w.n_questions, 0);
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++)
        routes_caught_up(&w.routes, i);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->seq, 4);
    ck_assert_uint_eq(view(0)->got, 2);
    world_fini(&w);
}
END_TEST

START_TEST(resumes_from_the_ring_alone_where_it_reaches)
{
    begin();
    publish(0, 20);
    world_subscribe(&w, 0, 0, false, 7, 12);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->got, 8);
    ck_assert_uint_eq(w.metrics.queries_total + w.n_questions, 0);
    world_fini(&w);
}
END_TEST

START_TEST(what_the_ring_lacks_is_read_once_however_many_lack_it)
{
    begin();
    publish(0, 20);
    for (int t = 0; t < WORLD_TAKERS; t++)
        world_subscribe(&w, t, 0, false, 7, 5);
    ck_assert_uint_eq(w.n_questions, 1);
    ck_assert_uint_eq(w.questions[0].since, 5);
    ck_assert_uint_eq(w.questions[0].until, 12);
    world_answer(&w, 0);
    world_pass(&w, 0);
    for (int t = 0; t < WORLD_TAKERS; t++)
        ck_assert_uint_eq(view(t)->seq, 20);
    ck_assert_uint_eq(w.n_questions, 0);
    world_fini(&w);
}
END_TEST

START_TEST(several_behind_the_ring_cost_as_many_pages_as_one)
{
    size_t pages = 0;
    begin();
    publish(0, 100); /* the ring has 93 to 100 */
    for (int t = 0; t < WORLD_TAKERS; t++)
        world_subscribe(&w, t, 0, false, 7, 10);
    for (; world_answer(&w, 0); pages++)
        world_pass(&w, 0);
    for (int t = 0; t < WORLD_TAKERS; t++)
        ck_assert_uint_eq(view(t)->seq, 100);
    ck_assert_uint_eq(pages, (92 - 10 + WORLD_PAGE_ROWS - 1) / WORLD_PAGE_ROWS);
    world_fini(&w);
}
END_TEST

START_TEST(neighbours_behind_the_ring_read_on_together)
{
    begin();
    publish(0, 30);
    world_subscribe(&w, 0, 0, false, 7, 8);
    world_answer(&w, 0); /* the first asked alone */
    ck_assert_uint_eq(view(0)->seq, 15);
    world_subscribe(&w, 1, 0, false, 7, 3);
    world_subscribe(&w, 2, 0, false, 7, 5);
    world_settle(&w);
    world_check_complete(&w);
    ck_assert_uint_eq(w.metrics.refills_total, (22 - 8) + (22 - 3) + (22 - 5));
    world_fini(&w);
}
END_TEST

START_TEST(who_is_far_below_reads_alone)
{
    begin();
    publish(0, 400);
    world_subscribe(&w, 0, 0, false, 7, 380);
    world_subscribe(&w, 1, 0, false, 7, 350);
    world_subscribe(&w, 2, 0, false, 7, 200);
    world_answer(&w, 0); /* the first one's, who waits longest no more */
    ck_assert_uint_eq(w.n_questions, 1);
    ck_assert_uint_eq(w.questions[0].since, 350);
    world_settle(&w);
    world_check_complete(&w);
    world_fini(&w);
}
END_TEST

START_TEST(what_a_cold_ring_lacked_is_read_once_and_then_in_memory)
{
    begin();
    for (int i = 0; i < 6; i++)
        world_commit(&w, 0); /* Kafka's tail does not reach so far back */
    world_subscribe(&w, 0, 0, false, 7, 4);
    world_settle(&w);
    ck_assert_uint_eq(view(0)->seq, 6);
    world_subscribe(&w, 1, 0, false, 7, 1); /* lacks a little more */
    ck_assert_uint_eq(w.n_questions, 0);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(1)->seq, 6);
    ck_assert_uint_eq(w.metrics.refills_total, 2);
    world_fini(&w);
}
END_TEST

START_TEST(above_the_head_is_fine_when_postgresql_is_there_too)
{
    begin();
    publish(0, 3);
    world_commit(&w, 0);
    world_commit(&w, 0);
    world_subscribe(&w, 0, 0, false, 7, 5); /* another gateway was ahead */
    ck_assert(!view(0)->answered);
    world_answer(&w, 0);
    ck_assert(view(0)->answered);
    ck_assert_uint_eq(view(0)->seq, 5);
    world_record(&w, 0, 7, 4, false);
    world_record(&w, 0, 7, 5, false);
    publish(0, 1);
    ck_assert_uint_eq(view(0)->got, 1);
    ck_assert_uint_eq(view(0)->seq, 6);
    world_fini(&w);
}
END_TEST

START_TEST(above_postgresqls_head_is_asked_again_before_it_is_112)
{
    begin();
    publish(0, 3);
    world_subscribe(&w, 0, 0, false, 7, 9);
    for (int asked = 1; asked <= 3; asked++) {
        ck_assert_int_eq(view(0)->answered, false);
        ck_assert_uint_eq(w.n_questions, 1);
        world_answer(&w, 0);
        world_pass(&w, 50);
    }
    ck_assert_uint_eq(view(0)->lost, 1);
    ck_assert_uint_eq(view(0)->seq, 3);
    world_fini(&w);
}
END_TEST

START_TEST(an_earlier_epoch_is_112_at_the_head)
{
    begin();
    publish(0, 3);
    world_subscribe(&w, 0, 0, false, 6, 3);
    ck_assert_uint_eq(view(0)->lost, 1);
    ck_assert_uint_eq(view(0)->epoch, 7);
    ck_assert_uint_eq(view(0)->seq, 3);
    publish(0, 1);
    ck_assert_uint_eq(view(0)->got, 1);
    world_fini(&w);
}
END_TEST

START_TEST(a_later_epoch_is_believed_when_postgresql_has_it)
{
    begin();
    publish(0, 3);
    world_epoch(&w, 0);
    w.may_lose = true;
    world_commit(&w, 0);
    world_subscribe(&w, 0, 0, false, 8, 1);
    ck_assert(!view(0)->answered);
    world_answer(&w, 0);
    ck_assert_uint_eq(view(0)->lost, 0);
    ck_assert_uint_eq(view(0)->epoch, 8);
    ck_assert_uint_eq(view(0)->seq, 1);
    world_fini(&w);
}
END_TEST

START_TEST(past_the_retention_is_112_and_never_0_first)
{
    begin();
    publish(0, 20);
    world_log(&w, 0)->gone = 6;
    w.may_lose = true;
    world_subscribe(&w, 0, 0, false, 7, 3);
    ck_assert(!view(0)->answered);
    world_answer(&w, 0);
    ck_assert_uint_eq(view(0)->lost, 1);
    ck_assert_uint_eq(view(0)->seq, 20);
    ck_assert_uint_eq(view(0)->got, 0);
    world_fini(&w);
}
END_TEST

START_TEST(rows_that_are_not_visible_yet_are_asked_for_again)
{
    begin();
    publish(0, 20);
    world_subscribe(&w, 0, 0, false, 7, 5);
    world_log(&w, 0)->head = 5; /* a snapshot of before */
    world_answer(&w, 0);
    ck_assert(!view(0)->answered);
    ck_assert_uint_eq(w.n_questions, 0);
    world_log(&w, 0)->head = 20;
    world_pass(&w, 60);
    ck_assert_uint_eq(w.n_questions, 1);
    world_settle(&w);
    world_check_complete(&w);
    ck_assert_uint_eq(view(0)->lost, 0);
    world_fini(&w);
}
END_TEST

START_TEST(a_full_gateway_costs_only_its_cursor)
{
    begin();
    publish(0, 1);
    world_subscribe(&w, 0, 0, true, 0, 0);
    world_subscribe(&w, 1, 0, true, 0, 0);
    w.takers[0].pending_max = 1000;
    publish(0, 40);
    ck_assert_uint_eq(view(1)->got, 40);
    ck_assert_uint_lt(view(0)->got, 12); /* of about 100 bytes */
    ck_assert_uint_le(w.routes.cached_bytes, 2000);
    ck_assert_uint_eq(w.n_questions, 0); /* nothing is read for one who takes nothing */
    world_settle(&w);
    world_check_complete(&w);
    ck_assert_uint_eq(view(0)->got, 40);
    world_fini(&w);
}
END_TEST

START_TEST(a_gateway_that_fills_up_within_a_page_goes_on_where_it_was)
{
    begin();
    w.takers[0].pending_max = 1;
    publish(0, 30);
    world_subscribe(&w, 0, 0, false, 7, 2);
    world_settle(&w);
    world_check_complete(&w);
    ck_assert_uint_eq(view(0)->got, 28);
    world_fini(&w);
}
END_TEST

START_TEST(a_ready_gateway_does_not_fall_off_the_ring_within_a_turn)
{
    begin();
    world_subscribe(&w, 0, 0, true, 0, 0);
    for (int i = 0; i < 100; i++) /* no end of a turn between */
        world_record(&w, 0, 7, world_commit(&w, 0), false);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->got, 100);
    ck_assert_uint_eq(w.metrics.refills_total, 0);
    world_fini(&w);
}
END_TEST

START_TEST(a_second_subscribe_replaces_the_first)
{
    begin();
    publish(0, 6);
    world_subscribe(&w, 0, 0, true, 0, 0);
    world_subscribe(&w, 0, 0, false, 7, 2);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->got, 4);
    ck_assert_int_eq(w.metrics.interests, 1);
    world_fini(&w);
}
END_TEST

START_TEST(one_channel_does_not_keep_a_gateway_from_another)
{
    begin();
    publish(0, 8);
    publish(1, 8);
    w.takers[0].pending_max = 300;
    world_subscribe(&w, 0, 0, false, 7, 0);
    world_subscribe(&w, 0, 1, false, 7, 0);
    world_pass(&w, 0);
    world_settle(&w);
    world_check_complete(&w);
    world_fini(&w);
}
END_TEST

START_TEST(what_a_gateway_takes_is_shared_between_its_channels)
{
    struct routes_limits large = limits;
    large.ring = (struct ring_limits){.messages = 1024, .bytes = 1 << 20};
    begin_with(&large);
    publish(0, 900);
    publish(1, 900);
    w.takers[0].pending_max = 64000; /* of two times 90,000 bytes */
    world_subscribe(&w, 0, 0, false, 7, 0);
    world_subscribe(&w, 0, 1, false, 7, 0);
    world_pass(&w, 0);
    ck_assert_uint_gt(w.takers[0].views[0].got, 200);
    ck_assert_uint_gt(w.takers[0].views[1].got, 200);
    world_settle(&w);
    world_check_complete(&w);
    world_fini(&w);
}
END_TEST

START_TEST(no_more_channels_of_a_gateway_are_read_at_a_time_than_it_can_take)
{
    begin();
    for (int n = 0; n < WORLD_CHANNELS; n++) {
        publish(n, 20);
        world_subscribe(&w, 0, n, false, 7, 2);
    }
    ck_assert_uint_eq(w.n_questions, 32);
    world_subscribe(&w, 1, WORLD_CHANNELS - 1, false, 7, 2); /* another gateway's are its own */
    ck_assert_uint_eq(w.n_questions, 33);
    world_settle(&w);
    world_check_complete(&w);
    world_fini(&w);
}
END_TEST

START_TEST(live_is_what_kafka_brought_while_it_was_waited_for)
{
    begin();
    publish(0, 4);
    world_pass(&w, 10);
    world_subscribe(&w, 0, 0, false, 7, 1);
    world_pass(&w, 10);
    ck_assert_uint_eq(view(0)->got, 3);
    ck_assert_uint_eq(view(0)->live, 0);
    publish(0, 2);
    ck_assert_uint_eq(view(0)->live, 2);
    world_fini(&w);
}
END_TEST

UNIT_MAIN("fanout-worker/cursor", from_the_head_gets_what_comes_next,
          an_unknown_channel_is_asked_for_once_however_many_want_it,
          a_channel_that_nobody_wants_any_more_is_asked_for_no_more,
          a_channel_without_messages_begins_at_0,
          what_comes_before_postgresql_answers_is_not_missed,
          nobody_is_answered_before_the_partition_has_caught_up,
          resumes_from_the_ring_alone_where_it_reaches,
          what_the_ring_lacks_is_read_once_however_many_lack_it,
          several_behind_the_ring_cost_as_many_pages_as_one,
          neighbours_behind_the_ring_read_on_together, who_is_far_below_reads_alone, what_a_cold_ring_lacked_is_read_once_and_then_in_memory,
          above_the_head_is_fine_when_postgresql_is_there_too,
          above_postgresqls_head_is_asked_again_before_it_is_112,
          an_earlier_epoch_is_112_at_the_head, a_later_epoch_is_believed_when_postgresql_has_it,
          past_the_retention_is_112_and_never_0_first,
          rows_that_are_not_visible_yet_are_asked_for_again,
          a_full_gateway_costs_only_its_cursor,
          a_gateway_that_fills_up_within_a_page_goes_on_where_it_was,
          a_ready_gateway_does_not_fall_off_the_ring_within_a_turn,
          a_second_subscribe_replaces_the_first,
          one_channel_does_not_keep_a_gateway_from_another,
          what_a_gateway_takes_is_shared_between_its_channels,
          no_more_channels_of_a_gateway_are_read_at_a_time_than_it_can_take,
          live_is_what_kafka_brought_while_it_was_waited_for)
