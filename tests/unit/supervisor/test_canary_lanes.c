#include "canary_lanes.h"

#include "unit.h"

static struct plan plan;
static struct canary_lanes lanes;

static void choose(uint32_t partitions, uint32_t n_workers)
{
    uint32_t workers[SLOTS_MAX];
    for (uint32_t i = 0; i < n_workers; i++)
        workers[i] = i + 1;
    plan_init(&plan);
    ck_assert(plan_assign(&plan, partitions, 0, workers, n_workers, 1));
    canary_lanes_choose(&lanes, &plan, "a");
}

static void ck_lies_where_it_should(const struct canary_lane *lane, unsigned i)
{
    char channel[CANARY_CHANNEL_MAX];
    canary_channel("a", lane->numbers[i], channel);
    struct channel_place place = channel_place(bytes_str(channel));
    ck_assert_uint_eq(place.shard, lane->shards[i]);
    ck_assert_uint_eq(plan.owners[place.partition_hash % plan.partitions], lane->worker);
}

START_TEST(every_channel_lies_in_a_partition_of_its_worker_and_all_together_in_every_shard)
{
    static const uint32_t workers[] = {1, 2, 3, 5, 16};
    for (size_t w = 0; w < 5; w++) {
        uint64_t shards = 0;
        choose(16, workers[w]);
        ck_assert_uint_eq(lanes.n, workers[w]);
        for (unsigned i = 0; i < lanes.n; i++) {
            ck_assert_uint_ge(lanes.lane[i].n, LANE_LEAST);
            for (unsigned k = 0; k < lanes.lane[i].n; k++) {
                ck_lies_where_it_should(&lanes.lane[i], k);
                shards |= 1ULL << lanes.lane[i].shards[k];
            }
        }
        ck_assert_uint_eq(shards, UINT64_MAX);
    }
}
END_TEST

START_TEST(a_large_cell_gives_each_worker_several_shards)
{
    choose(256, 55);
    ck_assert_uint_eq(lanes.n, 55);
    for (unsigned i = 0; i < lanes.n; i++)
        ck_assert_uint_eq(lanes.lane[i].n, LANE_LEAST);
}
END_TEST

START_TEST(a_worker_without_partitions_has_no_lane)
{
    choose(2, 3);
    ck_assert_uint_eq(lanes.n, 2);
    ck_assert_uint_eq(lanes.lane[1].worker, 2);
}
END_TEST

START_TEST(channels_are_of_the_reserved_tenant_and_name_the_cell)
{
    char channel[CANARY_CHANNEL_MAX];
    canary_channel("eu-1", 12, channel);
    ck_assert_str_eq(channel, "cellcast/canary-eu-1-12");
}
END_TEST

UNIT_MAIN("supervisor/canary_lanes",
          every_channel_lies_in_a_partition_of_its_worker_and_all_together_in_every_shard,
          a_large_cell_gives_each_worker_several_shards, a_worker_without_partitions_has_no_lane,
          channels_are_of_the_reserved_tenant_and_name_the_cell)
