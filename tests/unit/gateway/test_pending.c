#include "pending.h"

#include "core/clock.h"
#include "unit.h"

#include <stdio.h>

static struct wheel wheel;
static struct pending pending;
static char sent[1000]; /* "1 2r 3 ": counters, r for a retry */
static int room;        /* how many more are taken */
static uint64_t late;   /* ticket */

static void is_late(void *owner, struct pending_publish *p)
{
    late = p->ticket;
    pending_remove(p);
}

static bool send(void *ctx, const struct seq_publish *m)
{
    if (room-- == 0)
        return false;
    sprintf(sent + strlen(sent), "%llu%s ", (unsigned long long)m->counter, m->retry ? "r" : "");
    return true;
}

static void start(uint32_t count_max, size_t bytes_max)
{
    wheel_init(&wheel, 0);
    late = 0;
    room = 1000;
    sent[0] = 0;
    pending_init(&pending, &wheel,
                 &(struct pending_limits){.count_max = count_max, .bytes_max = bytes_max, .timeout_ns = NS_PER_S}, is_late, NULL);
}

static struct pending_publish *add(unsigned shard, uint64_t ticket)
{
    return pending_add(&pending, shard, &(struct seq_publish){.channel = BYTES("default/news"), .data = BYTES("{}")}, ticket, 0);
}

START_TEST(knows_to_whom_it_was_sent_last)
{
    start(100, 1 << 20);
    char first, second;
    const struct pending_publish *one = add(1, 11);
    ck_assert_ptr_null(one->sent_to);
    pending_send(&pending, 1, send, &first);
    ck_assert_ptr_eq(one->sent_to, &first);
    pending_unsend(&pending, 1);
    ck_assert_ptr_eq(one->sent_to, &first);
    pending_send(&pending, 1, send, &second);
    ck_assert_ptr_eq(one->sent_to, &second);
    pending_fini(&pending);
}
END_TEST

START_TEST(sends_what_is_unanswered_again_in_its_order_before_anything_new)
{
    start(100, 1 << 20);
    add(1, 11), add(1, 12), add(1, 13);
    pending_send(&pending, 1, send, NULL);
    ck_assert_str_eq(sent, "1 2 3 ");
    pending_remove(pending_find(&pending, 2));
    pending_unsend(&pending, 1);
    add(1, 14);
    sent[0] = 0;
    pending_send(&pending, 1, send, NULL);
    ck_assert_str_eq(sent, "1r 3r 4 ");
    pending_send(&pending, 1, send, NULL);
    ck_assert_str_eq(sent, "1r 3r 4 ");
    pending_fini(&pending);
}
END_TEST

START_TEST(shards_do_not_wait_for_each_other)
{
    start(100, 1 << 20);
    add(1, 11), add(2, 12), add(1, 13);
    pending_send(&pending, 2, send, NULL);
    ck_assert_str_eq(sent, "2 ");
    pending_fini(&pending);
}
END_TEST

START_TEST(a_sender_that_is_full_is_asked_again_for_the_rest)
{
    start(100, 1 << 20);
    add(1, 11), add(1, 12), add(1, 13);
    room = 2;
    pending_send(&pending, 1, send, NULL);
    room = 10;
    pending_send(&pending, 1, send, NULL);
    ck_assert_str_eq(sent, "1 2 3 ");
    pending_fini(&pending);
}
END_TEST

START_TEST(is_bounded_in_number_and_in_bytes)
{
    start(2, 1 << 20);
    ck_assert_ptr_nonnull(add(1, 1));
    ck_assert_ptr_nonnull(add(2, 2));
    ck_assert_ptr_null(add(3, 3));
    pending_remove(pending_find(&pending, 1));
    ck_assert_ptr_nonnull(add(3, 3));
    pending_fini(&pending);
    start(100, 3 * (sizeof(struct pending_publish) + 14) - 1);
    ck_assert_ptr_nonnull(add(1, 1));
    ck_assert_ptr_nonnull(add(1, 2));
    ck_assert_ptr_null(add(1, 3));
    pending_fini(&pending);
}
END_TEST

START_TEST(keeps_copies_of_the_texts)
{
    start(10, 1 << 20);
    char data[] = "{\"a\":1}", key[] = "k";
    struct pending_publish *p = pending_add(
        &pending, 1, &(struct seq_publish){.channel = BYTES("default/x"), .data = bytes_str(data), .key = bytes_str(key)}, 1, 0);
    memset(data, 'x', sizeof data - 1);
    key[0] = 'x';
    ck_assert_bytes(p->message.data, "{\"a\":1}");
    ck_assert_bytes(p->message.key, "k");
    ck_assert_bytes(p->message.channel, "default/x");
    pending_fini(&pending);
}
END_TEST

START_TEST(one_without_a_result_is_given_up_in_time)
{
    start(10, 1 << 20);
    add(1, 77);
    wheel_turn(&wheel, 900 * NS_PER_MS);
    ck_assert_uint_eq(late, 0);
    wheel_turn(&wheel, 1100 * NS_PER_MS);
    ck_assert_uint_eq(late, 77);
    ck_assert_uint_eq(pending.all.count, 0);
    ck_assert_uint_eq(pending.bytes, 0);
    pending_fini(&pending);
}
END_TEST

UNIT_MAIN("pending", sends_what_is_unanswered_again_in_its_order_before_anything_new,
          knows_to_whom_it_was_sent_last, shards_do_not_wait_for_each_other,
          a_sender_that_is_full_is_asked_again_for_the_rest, is_bounded_in_number_and_in_bytes, keeps_copies_of_the_texts,
          one_without_a_result_is_given_up_in_time)
