#include "fill.h"
#include "unit.h"
#include "world.h"

#include "core/clock.h"
#include "run/log.h"

static const struct routes_limits limits = {
    .ring = {.messages = 8, .bytes = 100000},
    .cache_bytes = 1000000,
    .sweep_ns = 20 * NS_PER_S,
};
static struct world w;
static const struct routes_limits wide = {
    .ring = {.messages = 16, .bytes = 100000},
    .cache_bytes = 1000000,
    .sweep_ns = 20 * NS_PER_S,
};

/* Channel 0 with one message, and taker 0 at its head. */
static void begin(void)
{
    log_init("test", LOG_LEVEL_ERROR + 1);
    world_init(&w, 1, &limits);
    world_own(&w, true);
    world_record(&w, 0, 7, world_commit(&w, 0), false);
    world_subscribe(&w, 0, 0, true, 0, 0);
    world_pass(&w, 0);
}

static struct world_view *view(int taker)
{
    return &w.takers[taker].views[0];
}

static const struct channel *channel(int n)
{
    return routes_channel(&w.routes, bytes_str(w.channels[n].name));
}

static void commit(int n)
{
    while (n-- > 0)
        world_commit(&w, 0);
}

START_TEST(a_hole_is_filled_before_what_stands_behind_it)
{
    begin();
    commit(3);
    ck_assert_int_eq(world_record(&w, 0, 7, 4, false), ROUTES_HOLE);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->got, 0);
    ck_assert_uint_eq(w.n_questions, 1);
    ck_assert_int_eq(world_record(&w, 0, 7, 4, false), ROUTES_HOLE);
    ck_assert_uint_eq(w.n_questions, 1);
    world_answer(&w, 0);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->seq, 4);
    ck_assert_uint_eq(w.metrics.filled_total, 3);
    ck_assert_int_eq(world_record(&w, 0, 7, 4, false), ROUTES_REPEATED);
    world_fini(&w);
}
END_TEST

START_TEST(a_hole_longer_than_a_page_is_read_in_pages)
{
    begin();
    commit(40);
    world_record(&w, 0, 7, 41, false);
    world_settle(&w);
    world_check_complete(&w);
    ck_assert_uint_eq(view(0)->lost, 0);
    world_fini(&w);
}
END_TEST

START_TEST(a_hole_that_is_not_visible_yet_is_asked_for_again_a_little_later)
{
    begin();
    world_record(&w, 0, 7, 3, false);
    world_answer(&w, 0);
    ck_assert_uint_eq(w.n_questions, 0);
    world_record(&w, 0, 7, 4, false);
    ck_assert_uint_eq(w.n_questions, 0); /* not with each record */
    commit(3);
    world_pass(&w, 60);
    ck_assert_uint_eq(w.n_questions, 1);
    world_answer(&w, 0);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->seq, 4);
    ck_assert_uint_eq(view(0)->lost, 0);
    world_fini(&w);
}
END_TEST

START_TEST(a_hole_whose_rows_are_gone_is_announced_and_passed)
{
    begin();
    w.may_lose = true;
    commit(5);
    world_log(&w, 0)->gone = 3;
    world_record(&w, 0, 7, 6, false);
    world_answer(&w, 0);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->lost, 1);
    ck_assert_uint_eq(view(0)->seq, 6);
    ck_assert_uint_eq(view(0)->got, 3); /* 4, 5, 6 */
    ck_assert_uint_eq(w.metrics.holes_lost_total, 2);
    world_fini(&w);
}
END_TEST

START_TEST(a_lost_hole_is_no_matter_for_a_cursor_beyond_it)
{
    begin();
    w.may_lose = true;
    commit(5);
    world_subscribe(&w, 1, 0, false, 7, 5);
    world_answer(&w, 0);
    ck_assert_uint_eq(view(1)->seq, 5);
    world_log(&w, 0)->gone = 3;
    world_record(&w, 0, 7, 6, false);
    world_answer(&w, 0);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->lost, 1);
    ck_assert_uint_eq(view(1)->lost, 0);
    ck_assert_uint_eq(view(1)->seq, 6);
    world_fini(&w);
}
END_TEST

START_TEST(who_is_in_a_ring_that_a_history_read_filled_is_served_from_it)
{
    log_init("test", LOG_LEVEL_ERROR + 1);
    world_init(&w, 1, &wide);
    world_own(&w, true);
    commit(19);
    world_record(&w, 0, 7, world_commit(&w, 0), false); /* the ring has 20 alone */
    for (int t = 0; t < WORLD_TAKERS; t++)
        w.takers[t].pending_max = 1 << 20;
    world_subscribe(&w, 0, 0, false, 7, 18);
    world_answer(&w, 0); /* further down than was asked for, and too short */
    ck_assert_uint_eq(w.n_questions, 1);
    ck_assert_uint_eq(w.questions[0].since, 18);
    world_subscribe(&w, 1, 0, false, 7, 8); /* the page under way is not for it */
    world_warm(&w, 0);
    ck_assert_uint_eq(w.n_questions, 2);
    world_answer(&w, 1);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(1)->seq, 20);
    world_answer(&w, 0);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->seq, 20);
    ck_assert_uint_eq(w.n_questions, 0);
    world_fini(&w);
}
END_TEST

START_TEST(a_lost_hole_is_no_matter_for_who_has_no_position)
{
    begin();
    w.may_lose = true;
    commit(5);
    world_subscribe_passing(&w, 1, 0);
    world_log(&w, 0)->gone = 3;
    world_record(&w, 0, 7, 6, false);
    world_answer(&w, 0);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->lost, 1);
    struct pub *p = pub_new(bytes_str(w.channels[0].name), &(struct publication){.data = BYTES("{}")});
    ck_assert_int_eq(routes_ephemeral(&w.routes, bytes_str(w.channels[0].name), p), 0);
    pub_unref(p);
    ck_assert_uint_eq(view(1)->got, 1);
    world_fini(&w);
}
END_TEST

START_TEST(a_stub_is_read_from_its_row)
{
    begin();
    commit(1);
    ck_assert_int_eq(world_record(&w, 0, 7, 2, true), ROUTES_HOLE);
    world_answer(&w, 0);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->seq, 2);
    ck_assert_uint_eq(view(0)->got, 1);
    world_fini(&w);
}
END_TEST

START_TEST(nobody_waits_for_a_hole_that_nobody_needs)
{
    begin();
    world_unsubscribe(&w, 0, 0);
    commit(3);
    ck_assert_int_eq(world_record(&w, 0, 7, 4, false), ROUTES_HOLE);
    ck_assert_uint_eq(w.n_questions, 0);
    ck_assert_ptr_nonnull(ring_find(&channel(0)->ring, 4)); /* the ring begins anew with it */
    world_subscribe(&w, 0, 0, false, 7, 1);
    world_settle(&w);
    world_check_complete(&w);
    ck_assert_uint_eq(view(0)->got, 3);
    world_fini(&w);
}
END_TEST

START_TEST(what_postgresql_goes_on_denying_is_let_be)
{
    begin();
    world_record(&w, 0, 7, 1000000, false); /* nobody committed it */
    world_settle(&w);
    ck_assert_uint_eq(w.metrics.rowless_total, 1);
    ck_assert_uint_eq(view(0)->lost, 0);
    commit(1);
    world_record(&w, 0, 7, 2, false);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->seq, 2);
    world_fini(&w);
}
END_TEST

START_TEST(a_record_of_a_later_epoch_empties_the_ring_and_is_told)
{
    begin();
    w.may_lose = true;
    world_epoch(&w, 0);
    commit(1);
    world_record(&w, 0, 8, 1, false);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->lost, 1);
    ck_assert_uint_eq(view(0)->epoch, 8);
    ck_assert_uint_eq(view(0)->seq, 1);
    ck_assert_uint_eq(view(0)->got, 1);
    ck_assert_int_eq(world_record(&w, 0, 7, 2, false), ROUTES_STALE);
    ck_assert_uint_eq(view(0)->got, 1);
    world_fini(&w);
}
END_TEST

START_TEST(a_snapshot_of_an_earlier_epoch_says_nothing_of_this_one)
{
    begin();
    w.may_lose = true;
    world_epoch(&w, 0);
    commit(3);
    world_record(&w, 0, 8, 1, false);
    world_record(&w, 0, 8, 3, false);
    struct page old = {.channel = BYTES("default/room-0"),
                       .epoch = 8,
                       .since = 1,
                       .until = INT64_MAX,
                       .log_epoch = 7,
                       .head = 900};
    w.n_questions = 0;
    routes_page(&w.routes, PAGE_FILL, &old);
    ck_assert_uint_eq(w.metrics.holes_lost_total, 0);
    world_settle(&w);
    world_check_complete(&w);
    world_fini(&w);
}
END_TEST

START_TEST(the_sweep_finds_the_last_message_of_a_quiet_channel)
{
    begin();
    commit(1); /* and Kafka lost it */
    for (int ms = 0; ms < 19900; ms += 50)
        world_pass(&w, 50);
    ck_assert_uint_eq(w.n_questions, 0);
    world_pass(&w, 200);
    ck_assert_uint_eq(w.n_questions, 1);
    world_answer(&w, 0);
    ck_assert_uint_eq(w.n_questions, 0); /* Kafka gets a second to bring it */
    world_pass(&w, 1100);
    ck_assert_uint_eq(w.n_questions, 1);
    world_answer(&w, 0);
    world_pass(&w, 0);
    ck_assert_uint_eq(view(0)->seq, 2);
    ck_assert_uint_eq(w.metrics.sweep_found_total, 1);
    world_fini(&w);
}
END_TEST

START_TEST(what_kafka_brings_within_a_second_is_no_find)
{
    begin();
    commit(1);
    routes_doubt(&w.routes, -1);
    world_pass(&w, 10);
    world_answer(&w, 0);
    world_record(&w, 0, 7, 2, false);
    world_pass(&w, 1100);
    ck_assert_uint_eq(w.n_questions, 0);
    ck_assert_uint_eq(w.metrics.sweep_found_total, 0);
    ck_assert_uint_eq(channel(0)->want, 0);
    ck_assert_uint_eq(view(0)->seq, 2);
    world_fini(&w);
}
END_TEST

START_TEST(doubt_compares_every_channel_at_once)
{
    begin();
    for (int n = 1; n < WORLD_CHANNELS; n++) {
        world_subscribe(&w, 1, n, true, 0, 0);
        world_answer(&w, 0);
    }
    world_pass(&w, 60);
    ck_assert_uint_eq(w.n_questions, 0);
    routes_doubt(&w.routes, -1);
    world_pass(&w, 10);
    ck_assert_uint_eq(w.n_questions, WORLD_CHANNELS);
    world_fini(&w);
}
END_TEST

START_TEST(doubt_about_a_partition_compares_its_channels_alone)
{
    size_t there = 0;
    begin();
    for (int n = 1; n < WORLD_CHANNELS; n++) {
        world_subscribe(&w, 1, n, true, 0, 0);
        world_answer(&w, 0);
    }
    for (int n = 0; n < WORLD_CHANNELS; n++)
        there += channel(n)->partition == 1;
    world_pass(&w, 60);
    routes_doubt(&w.routes, 1);
    world_pass(&w, 10);
    ck_assert_uint_eq(w.n_questions, there);
    ck_assert_uint_lt(there, WORLD_CHANNELS);
    world_fini(&w);
}
END_TEST

START_TEST(the_sweep_finds_a_later_epoch_on_an_idle_channel)
{
    begin();
    w.may_lose = true;
    world_epoch(&w, 0);
    routes_doubt(&w.routes, -1);
    world_pass(&w, 10);
    world_answer(&w, 0);
    ck_assert_uint_eq(view(0)->lost, 1);
    ck_assert_uint_eq(view(0)->epoch, 8);
    ck_assert_uint_eq(view(0)->seq, 0);
    world_fini(&w);
}
END_TEST

UNIT_MAIN("fanout-worker/fill", a_hole_is_filled_before_what_stands_behind_it,
          a_hole_longer_than_a_page_is_read_in_pages,
          a_hole_that_is_not_visible_yet_is_asked_for_again_a_little_later,
          a_hole_whose_rows_are_gone_is_announced_and_passed,
          a_lost_hole_is_no_matter_for_a_cursor_beyond_it, a_stub_is_read_from_its_row,
          a_lost_hole_is_no_matter_for_who_has_no_position,
          who_is_in_a_ring_that_a_history_read_filled_is_served_from_it,
          nobody_waits_for_a_hole_that_nobody_needs, what_postgresql_goes_on_denying_is_let_be,
          a_record_of_a_later_epoch_empties_the_ring_and_is_told,
          a_snapshot_of_an_earlier_epoch_says_nothing_of_this_one,
          the_sweep_finds_the_last_message_of_a_quiet_channel,
          what_kafka_brings_within_a_second_is_no_find, doubt_compares_every_channel_at_once,
          doubt_about_a_partition_compares_its_channels_alone,
          the_sweep_finds_a_later_epoch_on_an_idle_channel)
