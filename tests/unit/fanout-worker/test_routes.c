#include "unit.h"
#include "world.h"

#include "core/clock.h"

#include <stdio.h>

static const struct routes_limits limits = {
    .ring = {.messages = 8, .bytes = 100000},
    .cache_bytes = 2600,
    .sweep_ns = 20 * NS_PER_S,
};
static struct world w;

static void begin(void)
{
    world_init(&w, 1, &limits);
    world_own(&w, true);
}

static void publish(int channel, int n)
{
    while (n-- > 0)
        world_record(&w, channel, 7, world_commit(&w, channel), false);
    world_pass(&w, 0);
}

START_TEST(repeats_and_earlier_epochs_are_dropped)
{
    begin();
    publish(0, 3);
    ck_assert_int_eq(world_record(&w, 0, 7, 1, false), ROUTES_REPEATED);
    ck_assert_int_eq(world_record(&w, 0, 7, 3, false), ROUTES_REPEATED);
    ck_assert_int_eq(world_record(&w, 0, 6, 4, false), ROUTES_STALE);
    ck_assert_int_eq(world_record(&w, 0, 7, 4, false), 0);
    world_fini(&w);
}
END_TEST

START_TEST(all_rings_together_are_bounded_and_the_one_used_longest_ago_goes)
{
    begin();
    publish(0, 4);
    publish(1, 4);
    ck_assert_ptr_nonnull(routes_channel(&w.routes, BYTES("default/room-0"))); /* used */
    publish(2, 4);
    ck_assert_uint_le(w.routes.cached_bytes, limits.cache_bytes);
    ck_assert_ptr_nonnull(routes_channel(&w.routes, BYTES("default/room-0")));
    ck_assert_ptr_null(
        routes_channel(&w.routes, BYTES("default/room-1"))); /* nobody wanted it: forgotten */
    world_fini(&w);
}
END_TEST

START_TEST(a_channel_that_is_wanted_keeps_its_position_without_its_ring)
{
    begin();
    publish(0, 4);
    world_subscribe(&w, 0, 0, true, 0, 0);
    publish(1, 4);
    publish(2, 4);
    struct channel *ch = routes_channel(&w.routes, BYTES("default/room-0"));
    ck_assert_ptr_nonnull(ch);
    ck_assert(ring_is_empty(&ch->ring));
    ck_assert_uint_eq(ring_head(&ch->ring), 4);
    publish(0, 1);
    ck_assert_uint_eq(w.takers[0].views[0].seq, 5);
    world_fini(&w);
}
END_TEST

START_TEST(partitions_of_others_are_refused)
{
    begin();
    world_own(&w, false);
    world_subscribe(&w, 0, 0, true, 0, 0);
    ck_assert(!w.takers[0].views[0].wanted);
    ck_assert_int_eq(world_record(&w, 0, 7, 1, false), ROUTES_NOT_MINE);
    ck_assert_int_eq(w.metrics.channels, 0);
    world_fini(&w);
}
END_TEST

START_TEST(takers_of_a_partition_that_goes_are_told)
{
    begin();
    publish(0, 1);
    for (int t = 0; t < WORLD_TAKERS; t++)
        world_subscribe(&w, t, 0, true, 0, 0);
    world_own(&w, false);
    for (int t = 0; t < WORLD_TAKERS; t++)
        ck_assert(!w.takers[t].views[0].wanted);
    ck_assert_int_eq(w.metrics.channels, 0);
    ck_assert_int_eq(w.metrics.interests, 0);
    ck_assert_uint_eq(w.routes.cached_bytes, 0);
    world_fini(&w);
}
END_TEST

START_TEST(a_map_that_changes_nothing_here_disturbs_nobody)
{
    bool owned[WORLD_PARTITIONS] = {true, true};
    begin();
    publish(0, 1);
    world_subscribe(&w, 0, 0, true, 0, 0);
    routes_map(&w.routes, 1, owned, WORLD_PARTITIONS, NULL);
    publish(0, 1);
    ck_assert_uint_eq(w.takers[0].views[0].got, 1);
    world_fini(&w);
}
END_TEST

START_TEST(another_number_of_partitions_begins_anew)
{
    bool owned[3] = {true, true, true};
    begin();
    publish(0, 1);
    world_subscribe(&w, 0, 0, true, 0, 0);
    routes_map(&w.routes, 1, owned, 3, NULL);
    ck_assert(!w.takers[0].views[0].wanted);
    ck_assert_int_eq(w.metrics.partitions, 3);
    ck_assert_int_eq(w.metrics.partitions_caught_up, 0);
    world_fini(&w);
}
END_TEST

/* Lane 1 for channel 0; `there`: it is this worker's. */
static void lane_for_the_first(bool there)
{
    bool owned[WORLD_PARTITIONS + 1] = {true, true, there};
    struct lanes lanes;
    lanes_init(&lanes);
    lanes_put(&lanes, bytes_str(w.channels[0].name), 1);
    routes_map(&w.routes, 2, owned, WORLD_PARTITIONS, &lanes);
}

START_TEST(a_channel_whose_lane_is_here_too_goes_on)
{
    bool owned[WORLD_PARTITIONS] = {true, true};
    begin();
    publish(0, 1);
    world_subscribe(&w, 0, 0, true, 0, 0);
    world_subscribe(&w, 0, 1, true, 0, 0);
    lane_for_the_first(true);
    ck_assert_int_eq(w.metrics.partitions, 3);
    ck_assert_int_eq(w.metrics.partitions_caught_up, 2);
    publish(0, 1);
    ck_assert_uint_eq(w.takers[0].views[0].got, 1);
    routes_caught_up(&w.routes, WORLD_PARTITIONS);
    ck_assert_int_eq(w.metrics.partitions_caught_up, 3);
    routes_map(&w.routes, 3, owned, WORLD_PARTITIONS, NULL);
    publish(0, 1);
    ck_assert_uint_eq(w.takers[0].views[0].got, 2);
    ck_assert(w.takers[0].views[1].wanted);
    world_fini(&w);
}
END_TEST

START_TEST(a_channel_whose_lane_is_elsewhere_is_disowned_and_no_other)
{
    begin();
    publish(0, 1);
    world_subscribe(&w, 0, 0, true, 0, 0);
    world_subscribe(&w, 0, 1, true, 0, 0);
    lane_for_the_first(false);
    ck_assert(!w.takers[0].views[0].wanted);
    ck_assert(w.takers[0].views[1].wanted);
    ck_assert(!routes_owns(&w.routes, bytes_str(w.channels[0].name)));
    ck_assert(routes_owns(&w.routes, bytes_str(w.channels[1].name)));
    world_fini(&w);
}
END_TEST

START_TEST(a_gateway_that_goes_takes_its_interest_with_it)
{
    begin();
    publish(0, 1);
    world_subscribe(&w, 0, 0, true, 0, 0);
    world_subscribe(&w, 0, 1, true, 0, 0);
    world_subscribe(&w, 1, 0, true, 0, 0);
    routes_taker_gone(&w.routes, &w.takers[0].taker);
    w.takers[0].views[0].wanted = w.takers[0].views[1].wanted = false;
    ck_assert_int_eq(w.metrics.interests, 1);
    publish(0, 1);
    ck_assert_uint_eq(w.takers[1].views[0].got, 1);
    world_answer(&w, 0); /* the head of a channel that is not known any more */
    world_fini(&w);
}
END_TEST

START_TEST(unsubscribing_twice_or_from_nothing_is_fine)
{
    begin();
    publish(0, 1);
    world_subscribe(&w, 0, 0, true, 0, 0);
    world_unsubscribe(&w, 0, 0);
    world_unsubscribe(&w, 0, 0);
    world_unsubscribe(&w, 0, 3);
    publish(0, 1);
    ck_assert_uint_eq(w.takers[0].views[0].got, 0);
    world_fini(&w);
}
END_TEST

static void ephemeral(int channel, int n)
{
    char name[32];
    snprintf(name, sizeof name, "default/room-%d", channel);
    struct publication fields = {.data = BYTES("{}")};
    struct pub *p = pub_new(bytes_str(name), &fields);
    while (n-- > 0)
        ck_assert_int_eq(routes_ephemeral(&w.routes, bytes_str(name), p), 0);
    pub_unref(p);
}

START_TEST(ephemeral_ones_go_to_who_subscribed_to_such_and_takes_them)
{
    begin();
    ephemeral(0, 1); /* nobody is there */
    publish(0, 2);
    world_subscribe_passing(&w, 0, 0);
    world_subscribe_passing(&w, 1, 0);
    world_subscribe(&w, 2, 0, true, 0, 0);
    w.takers[1].pending = w.takers[1].pending_max / 4 + 1;
    ephemeral(0, 1);
    ck_assert_uint_eq(w.takers[0].views[0].got, 1);
    ck_assert_uint_eq(w.takers[1].views[0].got, 0);
    ck_assert_uint_eq(w.takers[2].views[0].got, 0);
    ck_assert_uint_eq(w.metrics.ephemeral_dropped_total, 1);
    world_fini(&w);
}
END_TEST

START_TEST(an_ephemeral_channel_asks_postgresql_for_nothing)
{
    begin();
    world_subscribe_passing(&w, 0, 0);
    ck_assert(w.takers[0].views[0].answered);
    for (int i = 0; i < 60; i++)
        world_pass(&w, 1000); /* past every sweep */
    routes_doubt(&w.routes, -1);
    world_pass(&w, 1000);
    ck_assert_uint_eq(w.n_questions, 0);
    ck_assert_int_eq(w.metrics.interests, 1);
    ck_assert_int_eq(w.metrics.interests_waiting, 0);
    world_unsubscribe(&w, 0, 0);
    ck_assert_int_eq(w.metrics.channels, 0);
    ck_assert_int_eq(w.metrics.interests, 0);
    world_fini(&w);
}
END_TEST

START_TEST(durable_ones_and_epochs_pass_an_ephemeral_cursor_by)
{
    begin();
    world_subscribe_passing(&w, 0, 0);
    publish(0, 3);
    world_epoch(&w, 0);
    world_record(&w, 0, 8, world_commit(&w, 0), false);
    world_pass(&w, 0);
    ck_assert_uint_eq(w.takers[0].views[0].got, 0);
    world_subscribe(&w, 0, 0, true, 0, 0); /* the namespace has become durable */
    world_record(&w, 0, 8, world_commit(&w, 0), false);
    world_pass(&w, 0);
    ck_assert_uint_eq(w.takers[0].views[0].got, 1);
    ephemeral(0, 1);
    ck_assert_uint_eq(w.takers[0].views[0].got, 1);
    world_fini(&w);
}
END_TEST

START_TEST(what_a_tenant_that_comes_back_had_here_is_not_taken_for_the_newest)
{
    begin();
    publish(0, 4);
    world_commit(&w, 0); /* while its messages went to another cell */
    world_commit(&w, 0);
    routes_tenant_came(&w.routes, BYTES("other"));
    ck_assert_ptr_nonnull(routes_channel(&w.routes, BYTES("default/room-0")));
    routes_tenant_came(&w.routes, BYTES("default"));
    world_subscribe(&w, 0, 0, false, 7, 4);
    for (int ms = 0; ms < 3000; ms += 100) { /* the sweep comes later */
        while (world_answer(&w, 0))
            ;
        world_pass(&w, 100);
    }
    ck_assert_uint_eq(w.takers[0].views[0].got, 2);
    world_fini(&w);
}
END_TEST

UNIT_MAIN("fanout-worker/routes", repeats_and_earlier_epochs_are_dropped,
          all_rings_together_are_bounded_and_the_one_used_longest_ago_goes,
          a_channel_that_is_wanted_keeps_its_position_without_its_ring,
          partitions_of_others_are_refused, takers_of_a_partition_that_goes_are_told,
          a_map_that_changes_nothing_here_disturbs_nobody,
          another_number_of_partitions_begins_anew,
          a_gateway_that_goes_takes_its_interest_with_it,
          unsubscribing_twice_or_from_nothing_is_fine,
          ephemeral_ones_go_to_who_subscribed_to_such_and_takes_them,
          an_ephemeral_channel_asks_postgresql_for_nothing,
          durable_ones_and_epochs_pass_an_ephemeral_cursor_by,
          a_channel_whose_lane_is_here_too_goes_on, a_channel_whose_lane_is_elsewhere_is_disowned_and_no_other,
          what_a_tenant_that_comes_back_had_here_is_not_taken_for_the_newest)
