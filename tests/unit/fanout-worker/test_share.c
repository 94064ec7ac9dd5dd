#include "share.h"

#include "channel.h"
#include "unit.h"

static struct taker t;

static struct share *next(uint64_t cost)
{
    struct share *s = container_of(drr_next(&t.turns), struct share, turn);
    drr_pay(&s->turn, cost);
    return s;
}

START_TEST(channels_of_a_tenant_have_one_share_those_of_another_another)
{
    taker_init(&t);
    struct share *a = share_hold(&t, BYTES("acme/a"), false);
    ck_assert_ptr_eq(share_hold(&t, BYTES("acme/b/c"), false), a);
    struct share *other = share_hold(&t, BYTES("other/a"), false);
    ck_assert_ptr_ne(other, a);
    share_let_go(&t, a);
    ck_assert_ptr_eq(share_hold(&t, BYTES("acme/a"), false), a);
    share_let_go(&t, a);
    share_let_go(&t, a);
    share_let_go(&t, other);
    taker_fini(&t);
}
END_TEST

static int64_t three_for_acme(void *ctx, struct bytes tenant)
{
    return bytes_is(tenant, "acme") ? 300 : 100;
}

START_TEST(a_share_of_three_times_the_weight_has_three_times_as_much)
{
    int n = 0;
    taker_init(&t);
    struct share *a = share_hold(&t, BYTES("acme/a"), false), *b = share_hold(&t, BYTES("other/a"), false);
    shares_weigh(&t, three_for_acme, NULL);
    drr_join(&t.turns, &a->turn);
    drr_join(&t.turns, &b->turn);
    for (int i = 0; i < 4000; i++)
        n += next(1000) == a;
    ck_assert_int_ge(n, 2900);
    ck_assert_int_le(n, 3100);
    share_let_go(&t, a);
    share_let_go(&t, b);
    ck_assert(drr_is_empty(&t.turns));
    taker_fini(&t);
}
END_TEST

START_TEST(without_turns_all_tenants_are_one_and_the_first_goes_on)
{
    struct drr_flow first, second;
    taker_init(&t);
    struct share *s = share_hold(&t, BYTES("acme/a"), true);
    ck_assert_ptr_eq(share_hold(&t, BYTES("other/a"), true), s);
    drr_flow_init(&first);
    drr_flow_init(&second);
    drr_join(&s->ready, &first);
    drr_join(&s->ready, &second);
    for (int i = 0; i < 1000; i++) {
        ck_assert_ptr_eq(drr_next(&s->ready), &first);
        drr_pay(&first, SHARE_QUANTUM);
    }
    drr_leave(&first);
    drr_leave(&second);
    share_let_go(&t, s);
    share_let_go(&t, s);
    taker_fini(&t);
}
END_TEST

UNIT_MAIN("fanout-worker/share", channels_of_a_tenant_have_one_share_those_of_another_another,
          a_share_of_three_times_the_weight_has_three_times_as_much, without_turns_all_tenants_are_one_and_the_first_goes_on)
