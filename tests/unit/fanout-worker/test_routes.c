#include "unit.h"
#include "world.h"

#include "core/clock.h"

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
    routes_map(&w.routes, 1, owned, WORLD_PARTITIONS);
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
    routes_map(&w.routes, 1, owned, 3);
    ck_assert(!w.takers[0].views[0].wanted);
    ck_assert_int_eq(w.metrics.partitions, 3);
    ck_assert_int_eq(w.metrics.partitions_caught_up, 0);
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

START_TEST(ephemeral_ones_go_to_who_is_there_and_takes_them)
{
    struct publication fields = {.epoch = 7, .seq = 3, .data = BYTES("0 7 3")};
    struct pub *p = pub_new(BYTES("default/room-0"), &fields);
    begin();
    ck_assert_int_eq(routes_ephemeral(&w.routes, BYTES("default/room-0"), p), 0);
    publish(0, 2);
    world_subscribe(&w, 0, 0, true, 0, 0);
    world_subscribe(&w, 1, 0, true, 0, 0);
    world_commit(&w, 0); /* so that the model takes it for seq 3 */
    w.takers[1].pending = w.takers[1].pending_max + 1;
    routes_ephemeral(&w.routes, BYTES("default/room-0"), p);
    ck_assert_uint_eq(w.takers[0].views[0].got, 1);
    ck_assert_uint_eq(w.takers[1].views[0].got, 0);
    ck_assert_uint_eq(w.metrics.ephemeral_dropped_total, 1);
    pub_unref(p);
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
          ephemeral_ones_go_to_who_is_there_and_takes_them)
