#include "heads.h"

#include "unit.h"

static struct head *visit(struct heads *h, const char *channel, uint64_t seq)
{
    struct head *head = heads_hold(h, bytes_str(channel));
    if (!head->known)
        head_learn(head, seq, seq * 100);
    heads_let_go(h, head);
    return head;
}

START_TEST(the_channel_used_longest_ago_is_forgotten_first)
{
    struct heads h;
    heads_init(&h, 2);
    visit(&h, "t/a", 1);
    visit(&h, "t/b", 2);
    visit(&h, "t/a", 0);
    visit(&h, "t/c", 3);
    ck_assert_ptr_null(heads_find(&h, BYTES("t/b")));
    ck_assert_uint_eq(heads_find(&h, BYTES("t/a"))->seq, 1);
    ck_assert_uint_eq(heads_find(&h, BYTES("t/c"))->durable_id, 300);
    heads_fini(&h);
}
END_TEST

START_TEST(a_channel_that_messages_refer_to_stays)
{
    struct heads h;
    heads_init(&h, 1);
    struct head *held = heads_hold(&h, BYTES("t/held"));
    visit(&h, "t/a", 1);
    visit(&h, "t/b", 1);
    ck_assert_ptr_eq(heads_find(&h, BYTES("t/held")), held);
    ck_assert_uint_eq(h.n_idle, 1);
    heads_let_go(&h, held);
    ck_assert_ptr_null(heads_find(&h, BYTES("t/held"))); /* it was never known */
    heads_fini(&h);
}
END_TEST

START_TEST(a_tenant_lives_as_long_as_one_of_its_channels)
{
    struct heads h;
    heads_init(&h, 1);
    visit(&h, "x/a", 1);
    ck_assert_ptr_nonnull(heads_tenant(&h, BYTES("x")));
    visit(&h, "y/a", 1);
    ck_assert_ptr_null(heads_tenant(&h, BYTES("x")));
    ck_assert_ptr_nonnull(heads_tenant(&h, BYTES("y")));
    heads_fini(&h);
}
END_TEST

START_TEST(nothing_is_known_after_leadership_was_lost)
{
    struct heads h;
    heads_init(&h, 10);
    visit(&h, "t/idle", 4);
    struct head *held = heads_hold(&h, BYTES("t/held"));
    head_learn(held, 9, 900);
    heads_forget(&h);
    ck_assert_ptr_null(heads_find(&h, BYTES("t/idle")));
    ck_assert(!held->known);
    heads_let_go(&h, held);
    heads_fini(&h);
}
END_TEST

START_TEST(shards_that_were_given_away_are_forgotten_alone)
{
    struct heads h;
    heads_init(&h, 10);
    visit(&h, "t/one", 4);
    visit(&h, "t/two", 5);
    uint8_t one = heads_find(&h, BYTES("t/one"))->shard, two = heads_find(&h, BYTES("t/two"))->shard;
    ck_assert_uint_ne(one, two);
    struct head *held = heads_hold(&h, BYTES("t/one"));
    heads_forget_shards(&h, 1ULL << one);
    ck_assert(!held->known);
    ck_assert(heads_find(&h, BYTES("t/two"))->known);
    heads_forget_shards(&h, 1ULL << two);
    ck_assert_ptr_null(heads_find(&h, BYTES("t/two")));
    heads_let_go(&h, held);
    heads_fini(&h);
}
END_TEST

UNIT_MAIN("sequencer/heads", the_channel_used_longest_ago_is_forgotten_first,
          a_channel_that_messages_refer_to_stays, a_tenant_lives_as_long_as_one_of_its_channels,
          nothing_is_known_after_leadership_was_lost,
          shards_that_were_given_away_are_forgotten_alone)
