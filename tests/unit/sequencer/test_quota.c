#include "quota.h"

#include "inbox.h"
#include "make.h"
#include "unit.h"

#include <stdio.h>

static struct inbox inbox;
static const char *which; /* quota that is used up */

static void start(void)
{
    inbox_init(&inbox, 100, 1000, 1 << 30);
    inbox.quotas.now_ns = 5000 * NS_PER_S;
}

static struct head *known(const char *channel)
{
    struct head *head = heads_hold(&inbox.heads, bytes_str(channel));
    head_learn(head, 0, 0);
    heads_let_go(&inbox.heads, head);
    return head;
}

static void pass_ms(int64_t ms)
{
    inbox.quotas.now_ns += ms * NS_PER_MS;
}

/* -> how many publishes of a gateway are let in at this moment */
static int publish(const char *channel, size_t bytes)
{
    int n = 0;
    struct head *head = known(channel);
    for (; n < 10000 && !quotas_refusal(&inbox.quotas, head->tenant, head, &which); n++)
        quotas_charge(&inbox.quotas, head, bytes);
    return n;
}

static void end(struct message *m)
{
    inbox_leave(&inbox, m);
    message_free(m);
}

/* -> how many messages are ready; of that channel, unless NULL */
static int taken(const char *channel)
{
    struct message *m;
    int n = 0;
    while ((m = inbox_take(&inbox, 1 << 30))) {
        n += !channel || bytes_is(m->channel, channel);
        end(m);
    }
    return n;
}

static void rows(int64_t first, int64_t n, const char *channel)
{
    known(channel);
    for (int64_t row = first; row < first + n; row++)
        inbox_enter(&inbox, make_row(row, channel));
}

START_TEST(without_quotas_everything_passes)
{
    start();
    ck_assert_int_eq(publish("t/a", 65536), 10000);
    inbox_fini(&inbox);
}
END_TEST

START_TEST(a_tenants_rate_holds_over_all_its_channels_and_touches_no_other_tenant)
{
    start();
    quotas_add(&inbox.quotas, BYTES("t"), 100, 0);
    int n = publish("t/a", 10);
    ck_assert_int_eq(n, 100);
    ck_assert_int_eq(publish("t/b", 10), 0);
    ck_assert_uint_eq(quotas_refusal(&inbox.quotas, known("t/b")->tenant, known("t/b"), &which), 131);
    ck_assert_str_eq(which, "quota publish_rate of the tenant");
    ck_assert_int_eq(publish("other/a", 10), 10000);
    pass_ms(500);
    n = publish("t/b", 10);
    ck_assert_int_eq(n, 50);
    inbox_fini(&inbox);
}
END_TEST

START_TEST(a_namespaces_rate_is_that_of_each_of_its_channels)
{
    start();
    quotas_add(&inbox.quotas, BYTES("t/chat"), 10, 0);
    ck_assert_int_eq(publish("t/chat:a", 10), 10);
    ck_assert_uint_eq(quotas_refusal(&inbox.quotas, NULL, known("t/chat:a"), &which), 132);
    ck_assert_str_eq(which, "quota publish_rate of the channel's namespace");
    ck_assert_int_eq(publish("t/chat:b", 10), 10);
    ck_assert_int_eq(publish("t/$chat:b", 10), 10); /* the same namespace, another channel */
    ck_assert_int_eq(publish("t/free", 10), 10000);
    inbox_fini(&inbox);
}
END_TEST

START_TEST(bytes_are_counted_and_a_large_one_is_paid_for)
{
    start();
    quotas_add(&inbox.quotas, BYTES("t"), 0, 10000);
    ck_assert_int_eq(publish("t/a", 60000), 1);
    pass_ms(4900);
    ck_assert_int_eq(publish("t/a", 60000), 0);
    ck_assert_uint_eq(quotas_refusal(&inbox.quotas, known("t/a")->tenant, NULL, &which), 131);
    ck_assert_str_eq(which, "quota publish_bytes of the tenant");
    pass_ms(200);
    ck_assert_int_eq(publish("t/a", 60000), 1);
    inbox_fini(&inbox);
}
END_TEST

START_TEST(a_change_counts_at_once_and_what_is_gone_no_longer_limits)
{
    start();
    quotas_add(&inbox.quotas, BYTES("t"), 10, 0);
    ck_assert_int_eq(publish("t/a", 1), 10);
    quotas_clear(&inbox.quotas);
    quotas_add(&inbox.quotas, BYTES("t"), 1000, 0);
    pass_ms(100);
    ck_assert_int_eq(publish("t/a", 1), 100);
    quotas_clear(&inbox.quotas);
    ck_assert_int_eq(publish("t/a", 1), 10000);
    inbox_fini(&inbox);
}
END_TEST

START_TEST(rows_above_it_wait_in_order_and_hold_back_their_own_channel_only)
{
    start();
    quotas_add(&inbox.quotas, BYTES("t/chat"), 10, 0);
    rows(1, 30, "t/chat:a");
    rows(31, 5, "t/chat:b");
    ck_assert_int_eq(taken(NULL), 15);
    ck_assert_uint_eq(inbox.rows_waiting, 20);
    ck_assert_uint_eq(inbox_advance_late(&inbox), 0);
    ck_assert_int_eq(taken(NULL), 0);
    pass_ms(1000);
    inbox_advance_late(&inbox);
    ck_assert_int_eq(inbox_take(&inbox, 1 << 30)->row, 11);
    end(inbox_find_row(&inbox, 11));
    ck_assert_int_eq(taken("t/chat:a"), 9);
    pass_ms(1000);
    ck_assert_uint_eq(inbox_advance_late(&inbox), 1);
    ck_assert_int_eq(taken("t/chat:a"), 10);
    ck_assert(list_is_empty(&inbox.quotas.late));
    ck_assert_uint_eq(inbox.rows_waiting, 0);
    inbox_fini(&inbox);
}
END_TEST

START_TEST(channels_whose_rows_wait_for_their_tenants_quota_take_turns)
{
    start();
    quotas_add(&inbox.quotas, BYTES("t"), 10, 0);
    rows(1, 100, "t/a");
    rows(101, 100, "t/b");
    taken(NULL);
    int a = 0, b = 0;
    for (int ms = 0; ms < 10000; ms += QUOTA_LATE_MS) {
        struct message *m;
        pass_ms(QUOTA_LATE_MS);
        inbox_advance_late(&inbox);
        while ((m = inbox_take(&inbox, 1 << 30))) {
            *(bytes_is(m->channel, "t/a") ? &a : &b) += 1;
            end(m);
        }
    }
    ck_assert_int_ge(a + b, 99);
    ck_assert_int_le(a + b, 101);
    ck_assert_int_ge(a, 45);
    ck_assert_int_ge(b, 45);
    inbox_fini(&inbox);
}
END_TEST

START_TEST(while_rows_wait_for_a_quota_gateways_publishes_to_it_are_refused)
{
    start();
    quotas_add(&inbox.quotas, BYTES("t"), 10, 0);
    rows(1, 30, "t/a");
    for (int ms = 0; ms < 1000; ms += QUOTA_LATE_MS) {
        pass_ms(QUOTA_LATE_MS);
        inbox_advance_late(&inbox);
        ck_assert_int_eq(publish("t/b", 1), 0);
        ck_assert_str_eq(which, "rows of the outbox wait for the same quota");
    }
    pass_ms(2000);
    inbox_advance_late(&inbox);
    pass_ms(100);
    ck_assert_int_gt(publish("t/b", 1), 0);
    inbox_fini(&inbox);
}
END_TEST

START_TEST(a_look_at_the_late_ones_has_an_end_and_the_next_one_goes_on)
{
    char name[32];
    int channels = 2 * QUOTA_LATE_LOOKS;
    start();
    quotas_add(&inbox.quotas, BYTES("t"), 1000, 0);
    publish("t/flood", 1);
    for (int n = 0; n < channels; n++) {
        snprintf(name, sizeof name, "t/c%d", n);
        rows(n + 1, 1, name);
    }
    ck_assert_int_eq(taken(NULL), 0);
    pass_ms(1000);
    ck_assert_uint_eq(inbox_advance_late(&inbox), QUOTA_LATE_LOOKS);
    ck_assert_int_eq(taken(NULL), QUOTA_LATE_LOOKS);
    ck_assert_uint_eq(inbox_advance_late(&inbox), QUOTA_LATE_LOOKS);
    ck_assert_int_eq(taken(NULL), QUOTA_LATE_LOOKS);
    ck_assert(list_is_empty(&inbox.quotas.late));
    inbox_fini(&inbox);
}
END_TEST

UNIT_MAIN("sequencer/quota", without_quotas_everything_passes,
          a_tenants_rate_holds_over_all_its_channels_and_touches_no_other_tenant, a_namespaces_rate_is_that_of_each_of_its_channels,
          bytes_are_counted_and_a_large_one_is_paid_for, a_change_counts_at_once_and_what_is_gone_no_longer_limits,
          rows_above_it_wait_in_order_and_hold_back_their_own_channel_only,
          channels_whose_rows_wait_for_their_tenants_quota_take_turns,
          while_rows_wait_for_a_quota_gateways_publishes_to_it_are_refused,
          a_look_at_the_late_ones_has_an_end_and_the_next_one_goes_on)
