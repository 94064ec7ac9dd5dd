#include "plan.h"

#include "unit.h"

static struct plan plan;

static bool assign(uint32_t partitions, uint64_t now_ms, uint32_t n, const uint32_t *workers)
{
    return plan_assign(&plan, partitions, 0, workers, n, now_ms);
}

#define ASSIGN(partitions, now_ms, ...)                                                            \
    assign(partitions, now_ms, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__})

static uint32_t moved_since(const struct plan *before)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan.partitions; i++)
        n += plan.owners[i] != before->owners[i];
    return n;
}

static void ck_balanced(const uint32_t *workers, uint32_t n)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t share = plan_share(&plan, workers[i]);
        ck_assert_uint_ge(share, plan.partitions / n);
        ck_assert_uint_le(share, (plan.partitions + n - 1) / n);
        sum += share;
    }
    ck_assert_uint_eq(sum, plan.partitions);
}

START_TEST(lanes_are_owned_behind_the_hashed_partitions)
{
    const uint32_t two[] = {1, 2}, three[] = {1, 2, 3};
    plan_init(&plan);
    ck_assert(plan_assign(&plan, 4, 0, two, 2, 1));
    ck_assert(plan_assign(&plan, 4, 1, two, 2, 2));
    ck_assert_uint_eq(plan.hashed, 4);
    ck_assert_uint_eq(plan.partitions, 5);
    ck_assert_uint_eq(plan_share(&plan, 1) + plan_share(&plan, 2), 4);
    ck_assert(!plan_assign(&plan, 4, 1, two, 2, 3));
    ck_assert(plan_assign(&plan, 4, 1, three, 3, 4));
    for (uint32_t i = 0; i < plan.partitions; i++)
        ck_assert_uint_ge(plan.owners[i], 1);
    ck_assert(plan_assign(&plan, 4, 0, three, 3, 5));
    ck_assert_uint_eq(plan.partitions, 4);
}
END_TEST

START_TEST(every_partition_has_an_owner_and_shares_differ_by_one_at_most)
{
    for (uint32_t partitions = 1; partitions <= 40; partitions++)
        for (uint32_t n = 1; n <= 12; n++) {
            uint32_t workers[12];
            for (uint32_t i = 0; i < n; i++)
                workers[i] = i * 2 + 1;
            plan_init(&plan);
            ck_assert(assign(partitions, 1, n, workers));
            ck_balanced(workers, n);
        }
}
END_TEST

START_TEST(assigning_the_same_again_changes_nothing)
{
    plan_init(&plan);
    ck_assert(ASSIGN(16, 1000, 1, 2));
    ck_assert_uint_eq(plan.generation, 1000);
    ck_assert(!ASSIGN(16, 2000, 1, 2));
    ck_assert_uint_eq(plan.generation, 1000);
}
END_TEST

START_TEST(a_new_worker_takes_its_share_and_the_others_keep_theirs)
{
    plan_init(&plan);
    ASSIGN(16, 1, 1, 2);
    struct plan before = plan;
    ck_assert(ASSIGN(16, 2, 1, 2, 3));
    ck_balanced((uint32_t[]){1, 2, 3}, 3);
    ck_assert_uint_eq(moved_since(&before), plan_share(&plan, 3));
}
END_TEST

START_TEST(only_the_partitions_of_a_worker_that_left_move)
{
    plan_init(&plan);
    ASSIGN(16, 1, 1, 2, 3, 4);
    struct plan before = plan;
    uint32_t had = plan_share(&plan, 4);
    ck_assert(ASSIGN(16, 2, 1, 2, 3));
    ck_balanced((uint32_t[]){1, 2, 3}, 3);
    ck_assert_uint_eq(moved_since(&before), had);
}
END_TEST

START_TEST(the_generation_grows_also_when_the_clock_stands_or_goes_back)
{
    plan_init(&plan);
    ck_assert(ASSIGN(8, 5000, 1));
    ck_assert(ASSIGN(8, 5000, 1, 2));
    ck_assert_uint_eq(plan.generation, 5001);
    ck_assert(ASSIGN(8, 17, 1));
    ck_assert_uint_eq(plan.generation, 5002);
    ck_assert(ASSIGN(8, 9000, 1, 2));
    ck_assert_uint_eq(plan.generation, 9000);
}
END_TEST

START_TEST(more_workers_than_partitions_leave_some_without)
{
    plan_init(&plan);
    ck_assert(ASSIGN(2, 1, 1, 2, 3));
    ck_balanced((uint32_t[]){1, 2, 3}, 3);
    struct plan before = plan;
    ck_assert(!ASSIGN(2, 2, 1, 2, 3, 4));
    ck_assert_uint_eq(moved_since(&before), 0);
}
END_TEST

START_TEST(without_workers_or_partitions_there_is_no_map)
{
    plan_init(&plan);
    ck_assert(!assign(8, 1, 0, NULL));
    ck_assert(!ASSIGN(0, 1, 1));
    ck_assert_uint_eq(plan.generation, 0);
}
END_TEST

START_TEST(owners_travel_as_one_u32_per_partition)
{
    struct buf b;
    buf_init(&b);
    plan_init(&plan);
    ASSIGN(3, 1, 7);
    plan_put_owners(&plan, &b);
    ck_assert(bytes_equal(buf_bytes(&b), bytes_of("\7\0\0\0\7\0\0\0\7\0\0\0", 12)));
    buf_fini(&b);
}
END_TEST

START_TEST(a_renewed_map_is_the_same_in_a_new_generation)
{
    struct plan before;
    plan_init(&plan);
    plan_assign(&plan, 4, 0, (const uint32_t[]){1, 2}, 2, 5000);
    before = plan;
    plan_renew(&plan, 4000);
    ck_assert_uint_eq(plan.generation, 5001);
    ck_assert_mem_eq(plan.owners, before.owners, sizeof plan.owners);
    plan_renew(&plan, 9000);
    ck_assert_uint_eq(plan.generation, 9000);
}
END_TEST

UNIT_MAIN("supervisor/plan", every_partition_has_an_owner_and_shares_differ_by_one_at_most,
          assigning_the_same_again_changes_nothing,
          a_new_worker_takes_its_share_and_the_others_keep_theirs,
          only_the_partitions_of_a_worker_that_left_move,
          the_generation_grows_also_when_the_clock_stands_or_goes_back, a_renewed_map_is_the_same_in_a_new_generation,
          more_workers_than_partitions_leave_some_without,
          without_workers_or_partitions_there_is_no_map,
          owners_travel_as_one_u32_per_partition,
          lanes_are_owned_behind_the_hashed_partitions)
