#include "gate.h"

#include "fixture.h"
#include "unit.h"

static struct gate gate;

static struct message *add(unsigned shard, uint64_t id, uint64_t lsn)
{
    struct message *m = message_of(shard, id);
    m->lsn = lsn;
    gate_add(&gate, m);
    return m;
}

static void take_exactly(struct message *want)
{
    struct message *m = gate_take(&gate);
    ck_assert_ptr_eq(m, want);
    message_free(m);
}

static void start(uint64_t standbys)
{
    gate_init(&gate);
    gate_heard_standbys(&gate, standbys);
}

START_TEST(a_decoded_message_waits_until_a_snapshot_shows_its_id)
{
    start(LSN_EVERYWHERE);
    struct message *m = add(3, 10, 100);
    ck_assert_ptr_null(gate_take(&gate));
    gate_heard(&gate, 3, 9);
    ck_assert_ptr_null(gate_take(&gate));
    gate_heard(&gate, 3, 10);
    take_exactly(m);
    ck_assert_uint_eq(gate.count, 0);
}
END_TEST

START_TEST(messages_of_a_shard_leave_in_the_order_in_which_they_came)
{
    start(LSN_EVERYWHERE);
    struct message *first = add(3, 10, 100), *second = add(3, 11, 200),
                   *third = add(3, 12, 300);
    gate_heard(&gate, 3, 11);
    take_exactly(first);
    take_exactly(second);
    ck_assert_ptr_null(gate_take(&gate));
    gate_heard(&gate, 3, 12);
    take_exactly(third);
}
END_TEST

START_TEST(a_shard_waits_for_no_other)
{
    start(LSN_EVERYWHERE);
    struct message *stuck = add(0, 10, 100), *free_one = add(63, 11, 200);
    gate_heard(&gate, 63, 11);
    take_exactly(free_one);
    ck_assert_ptr_null(gate_take(&gate));
    ck_assert_ptr_eq(gate_drop(&gate), stuck);
    message_free(stuck);
    ck_assert_ptr_null(gate_drop(&gate));
}
END_TEST

START_TEST(a_shard_that_is_shut_lets_nothing_through_and_holds_no_other_back)
{
    start(LSN_EVERYWHERE);
    struct message *held = add(3, 10, 100), *other = add(4, 11, 200);
    gate_heard(&gate, 3, 10);
    gate_heard(&gate, 4, 11);
    gate.shut = 1 << 3;
    take_exactly(other);
    ck_assert_ptr_null(gate_take(&gate));
    gate.shut = 0;
    take_exactly(held);
}
END_TEST

START_TEST(what_is_visible_still_waits_for_the_synchronous_standbys)
{
    start(99);
    struct message *m = add(3, 10, 100);
    gate_heard(&gate, 3, 10);
    ck_assert_ptr_null(gate_take(&gate));
    gate_heard_standbys(&gate, 100);
    take_exactly(m);
}
END_TEST

START_TEST(a_transaction_whose_end_is_not_known_waits_only_where_standbys_must_have_it)
{
    start(1000000);
    struct message *m = add(3, 10, 0);
    gate_heard(&gate, 3, 10);
    ck_assert_ptr_null(gate_take(&gate));
    gate_heard_standbys(&gate, LSN_EVERYWHERE);
    take_exactly(m);
}
END_TEST

START_TEST(an_older_snapshot_takes_nothing_back)
{
    start(LSN_EVERYWHERE);
    gate_heard(&gate, 3, 10);
    gate_heard(&gate, 3, 7);
    gate_heard(&gate, 64, 7);
    take_exactly(add(3, 10, 100));
}
END_TEST

START_TEST(the_oldest_is_found_over_all_shards)
{
    start(LSN_EVERYWHERE);
    ck_assert_int_eq(gate_oldest_ns(&gate), INT64_MAX);
    struct message *a = add(1, 1, 1), *b = add(2, 2, 1);
    a->decoded_ns = 500;
    b->decoded_ns = 400;
    ck_assert_int_eq(gate_oldest_ns(&gate), 400);
    message_free(gate_drop(&gate));
    message_free(gate_drop(&gate));
}
END_TEST

static uint64_t standbys(const char *names, const char *lsns)
{
    return gate_standbys(bytes_str(names), bytes_str(lsns));
}

START_TEST(no_standby_is_asked_for_when_the_setting_is_empty)
{
    ck_assert_uint_eq(standbys("", ""), LSN_EVERYWHERE);
    ck_assert_uint_eq(standbys("  ", "5"), LSN_EVERYWHERE);
}
END_TEST

START_TEST(first_n_are_as_far_as_the_slowest_of_them)
{
    ck_assert_uint_eq(standbys("FIRST 2 (a, b, c)", "300 200"), 200);
    ck_assert_uint_eq(standbys("first 1 (a)", "300"), 300);
    ck_assert_uint_eq(standbys("2 (a, b)", "300 200"), 200);
    ck_assert_uint_eq(standbys("2(a, b)", "300 200"), 200);
}
END_TEST

START_TEST(any_n_are_as_far_as_enough_of_them)
{
    ck_assert_uint_eq(standbys("ANY 2 (a, b, c)", "300 200 100"), 200);
    ck_assert_uint_eq(standbys("any 1 (*)", "300 200 100"), 300);
}
END_TEST

START_TEST(a_bare_list_means_one)
{
    ck_assert_uint_eq(standbys("a", "300"), 300);
    ck_assert_uint_eq(standbys("a, b", "300 200"), 300);
    ck_assert_uint_eq(standbys("\"2\", b", "300"), 300);
    ck_assert_uint_eq(standbys("first, b", "300"), 300);
}
END_TEST

START_TEST(nothing_is_safe_while_fewer_standbys_answer_than_are_asked_for)
{
    ck_assert_uint_eq(standbys("FIRST 2 (a, b)", "300"), 0);
    ck_assert_uint_eq(standbys("a", ""), 0);
    ck_assert_uint_eq(standbys("a", "nonsense"), 0);
    ck_assert_uint_eq(standbys("FIRST 0 (a)", "7"), 7);
}
END_TEST

UNIT_MAIN("gate", a_decoded_message_waits_until_a_snapshot_shows_its_id,
          messages_of_a_shard_leave_in_the_order_in_which_they_came, a_shard_waits_for_no_other,
          a_shard_that_is_shut_lets_nothing_through_and_holds_no_other_back,
          what_is_visible_still_waits_for_the_synchronous_standbys,
          a_transaction_whose_end_is_not_known_waits_only_where_standbys_must_have_it,
          an_older_snapshot_takes_nothing_back, the_oldest_is_found_over_all_shards,
          no_standby_is_asked_for_when_the_setting_is_empty,
          first_n_are_as_far_as_the_slowest_of_them, any_n_are_as_far_as_enough_of_them,
          a_bare_list_means_one, nothing_is_safe_while_fewer_standbys_answer_than_are_asked_for)
