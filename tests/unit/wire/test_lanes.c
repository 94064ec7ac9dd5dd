#include "wire/lanes.h"

#include "unit.h"
#include "wire/messages.h"

#include <errno.h>
#include <stdio.h>

static uint32_t partition(const struct lanes *l, const char *full)
{
    return lanes_partition(l, bytes_str(full), channel_place(bytes_str(full)), 4);
}

START_TEST(without_lanes_the_hash_decides)
{
    struct lanes l;
    lanes_init(&l);
    ck_assert_uint_eq(partition(&l, "acme/news"), channel_place(BYTES("acme/news")).partition_hash % 4);
    ck_assert_uint_eq(lanes_of(&l, BYTES("acme/news")), 0);
    ck_assert_uint_eq(l.most, 0);
    lanes_fini(&l);
}
END_TEST

START_TEST(a_lane_is_behind_the_hashed_partitions)
{
    struct lanes l;
    lanes_init(&l);
    ck_assert_int_eq(lanes_put(&l, BYTES("acme/everyone"), 3), 0);
    ck_assert_int_eq(lanes_put(&l, BYTES("acme/all"), 1), 0);
    ck_assert_uint_eq(partition(&l, "acme/everyone"), 6);
    ck_assert_uint_eq(partition(&l, "acme/all"), 4);
    ck_assert_uint_lt(partition(&l, "acme/else"), 4);
    ck_assert_uint_eq(l.most, 3);
    ck_assert_int_eq(lanes_put(&l, BYTES("acme/everyone"), 2), 0);
    ck_assert_uint_eq(partition(&l, "acme/everyone"), 5);
    ck_assert_uint_eq(l.most, 2);
    lanes_fini(&l);
}
END_TEST

START_TEST(bounds_are_kept)
{
    struct lanes l;
    char name[32], long_name[TENANT_MAX + 1 + CHANNEL_MAX + 1];
    memset(long_name, 'x', sizeof long_name);
    lanes_init(&l);
    ck_assert_int_eq(lanes_put(&l, BYTES("a/b"), 0), -EINVAL);
    ck_assert_int_eq(lanes_put(&l, BYTES("a/b"), LANE_MAX + 1), -EINVAL);
    ck_assert_int_eq(lanes_put(&l, BYTES(""), 1), -EINVAL);
    ck_assert_int_eq(lanes_put(&l, bytes_of(long_name, sizeof long_name), 1), -EINVAL);
    for (int i = 0; i < LANED_CHANNELS_MAX; i++) {
        snprintf(name, sizeof name, "a/%d", i);
        ck_assert_int_eq(lanes_put(&l, bytes_str(name), 1), 0);
    }
    ck_assert_int_eq(lanes_put(&l, BYTES("a/one-more"), 1), -ENOSPC);
    ck_assert_int_eq(lanes_put(&l, BYTES("a/1"), 2), 0);
    lanes_fini(&l);
}
END_TEST

START_TEST(a_list_replaces_all_or_nothing)
{
    struct lanes l;
    struct buf list;
    lanes_init(&l);
    buf_init(&list);
    lanes_put(&l, BYTES("a/old"), 9);
    wire_put_ctl_lane(&list, &(struct ctl_lane){.channel = BYTES("a/new"), .lane = 2});
    ck_assert_int_eq(lanes_take(&l, buf_bytes(&list)), 0);
    ck_assert_uint_eq(lanes_of(&l, BYTES("a/old")), 0);
    ck_assert_uint_eq(lanes_of(&l, BYTES("a/new")), 2);
    ck_assert_uint_eq(l.most, 2);
    ck_assert_int_eq(lanes_take(&l, bytes_of(list.p, list.n - 1)), -EBADMSG);
    wire_put_ctl_lane(&list, &(struct ctl_lane){.channel = BYTES("a/worse"), .lane = LANE_MAX + 1});
    ck_assert_int_eq(lanes_take(&l, buf_bytes(&list)), -EBADMSG);
    ck_assert_uint_eq(lanes_of(&l, BYTES("a/new")), 2);
    ck_assert_int_eq(lanes_take(&l, BYTES("")), 0);
    ck_assert_uint_eq(l.most, 0);
    buf_fini(&list);
    lanes_fini(&l);
}
END_TEST

UNIT_MAIN("lanes", without_lanes_the_hash_decides, a_lane_is_behind_the_hashed_partitions, bounds_are_kept,
          a_list_replaces_all_or_nothing)
