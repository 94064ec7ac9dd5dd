#include "inbox.h"

#include "make.h"
#include "unit.h"

#define ROOM (1 << 30)

static void learn_all(struct inbox *i)
{
    while (!list_is_empty(&i->unknown)) {
        struct head *head = list_entry(i->unknown.next, struct head, ask);
        list_remove(&head->ask);
        head_learn(head, 0, 0);
        inbox_advance(i, head);
    }
}

static void end(struct inbox *i, struct message *m)
{
    inbox_leave(i, m);
    message_free(m);
}

/* Takes one, ends it. -> its counter, 0 when nothing was ready */
static uint64_t take(struct inbox *i)
{
    struct message *m = inbox_take(i, ROOM);
    if (!m)
        return 0;
    uint64_t counter = m->counter;
    end(i, m);
    return counter;
}

START_TEST(messages_of_a_channel_wait_for_its_head_and_leave_in_order)
{
    struct inbox i;
    inbox_init(&i, 100, 1000, ROOM);
    for (uint64_t n = 1; n <= 3; n++)
        inbox_enter(&i, make_publish(1, n, "t/a", 10));
    ck_assert_uint_eq(take(&i), 0);
    ck_assert_uint_eq(i.waiting, 3);
    ck_assert(i.unknown.next->next == &i.unknown); /* asked once */
    learn_all(&i);
    for (uint64_t n = 1; n <= 3; n++)
        ck_assert_uint_eq(take(&i), n);
    ck_assert_uint_eq(i.waiting + i.waiting_bytes + i.bytes + i.ready, 0);
    inbox_fini(&i);
}
END_TEST

START_TEST(one_that_has_to_be_looked_up_holds_back_its_own_channel_only)
{
    struct inbox i;
    inbox_init(&i, 100, 1000, ROOM);
    struct message *keyed = make_keyed(1, "t/a", "k");
    inbox_enter(&i, keyed);
    inbox_enter(&i, make_publish(1, 2, "t/a", 10));
    inbox_enter(&i, make_publish(1, 3, "t/b", 10));
    learn_all(&i);
    ck_assert_uint_eq(take(&i), 3);
    ck_assert_uint_eq(take(&i), 0);
    ck_assert_int_eq(keyed->need, NEED_KEY);
    inbox_satisfy(&i, keyed);
    ck_assert_uint_eq(take(&i), 1);
    ck_assert_uint_eq(take(&i), 2);
    inbox_fini(&i);
}
END_TEST

START_TEST(one_that_ends_while_it_is_looked_up_lets_the_next_pass)
{
    struct inbox i;
    inbox_init(&i, 100, 1000, ROOM);
    struct message *keyed = make_keyed(1, "t/a", "k");
    inbox_enter(&i, keyed);
    inbox_enter(&i, make_publish(1, 2, "t/a", 10));
    learn_all(&i);
    end(&i, keyed);
    ck_assert_uint_eq(take(&i), 2);
    inbox_fini(&i);
}
END_TEST

START_TEST(tenants_take_turns_by_bytes_however_much_one_of_them_sends)
{
    struct inbox i;
    size_t flood = 0, quiet = 0;
    inbox_init(&i, 1000, 100000, ROOM);
    for (uint64_t n = 0; n < 2000; n++)
        inbox_enter(&i, make_publish(1, n + 1, "flood/a", 4000));
    for (uint64_t n = 0; n < 100; n++)
        inbox_enter(&i, make_publish(2, n + 1, "quiet/a", 100));
    learn_all(&i);
    while (quiet < 100) {
        struct message *m = inbox_take(&i, ROOM);
        if (m->origin == 1)
            flood++;
        else
            quiet++;
        end(&i, m);
    }
    /* 100 small ones are less than four turns of 16 KiB; the flood had as many. */
    ck_assert_uint_le(flood, 5 * (HEADS_QUANTUM / 4000));
    inbox_fini(&i);
}
END_TEST

START_TEST(one_above_a_turns_share_passes_and_pays_in_the_turns_that_follow)
{
    struct inbox i;
    inbox_init(&i, 100, 1000, ROOM);
    inbox_enter(&i, make_publish(1, 1, "big/a", 65536));
    inbox_enter(&i, make_publish(1, 2, "big/a", 65536));
    for (uint64_t n = 3; n <= 400; n++)
        inbox_enter(&i, make_publish(1, n, "small/a", 100));
    learn_all(&i);
    ck_assert_uint_eq(take(&i), 1);
    unsigned between = 0;
    while (take(&i) != 2)
        between++;
    ck_assert_uint_gt(between, 90); /* three turns of 16 KiB; each counts with what it takes in memory */
    ck_assert_uint_lt(between, 398);
    inbox_fini(&i);
}
END_TEST

START_TEST(a_tenants_channels_take_turns_however_much_one_of_them_has)
{
    struct inbox i;
    inbox_init(&i, 1000, 100000, ROOM);
    for (uint64_t n = 1; n <= 1000; n++)
        inbox_enter(&i, make_publish(1, n, "t/flood", 1000));
    inbox_enter(&i, make_publish(2, 2000, "t/quiet", 1000));
    learn_all(&i);
    unsigned before = 0;
    while (take(&i) != 2000)
        before++;
    ck_assert_uint_le(before, HEADS_QUANTUM / 1000 + 1);
    inbox_fini(&i);
}
END_TEST

static int64_t double_for_heavy(void *ctx, struct bytes tenant)
{
    return bytes_is(tenant, "heavy") ? 200 : 100;
}

START_TEST(a_tenant_of_twice_the_weight_has_twice_as_much)
{
    struct inbox i;
    unsigned heavy = 0;
    inbox_init(&i, 1000, 100000, ROOM);
    for (uint64_t n = 1; n <= 1000; n++) {
        inbox_enter(&i, make_publish(1, n, "heavy/a", 1000));
        inbox_enter(&i, make_publish(2, n, "light/a", 1000));
    }
    learn_all(&i);
    inbox_weigh(&i, double_for_heavy, NULL);
    for (int n = 0; n < 900; n++) {
        struct message *m = inbox_take(&i, ROOM);
        heavy += m->origin == 1;
        end(&i, m);
    }
    ck_assert_uint_ge(heavy, 570);
    ck_assert_uint_le(heavy, 630);
    inbox_fini(&i);
}
END_TEST

START_TEST(without_fair_queuing_who_was_ready_first_passes_first)
{
    struct inbox i;
    inbox_init(&i, 1000, 100000, ROOM);
    const char *channels[] = {"flood/a", "t/a", "t/b"};
    i.fair = false;
    for (uint64_t n = 1; n <= 303; n++) {
        inbox_enter(&i, make_publish(1, n, n <= 300 ? channels[0] : channels[n % 3], 1000));
        learn_all(&i);
    }
    for (uint64_t n = 1; n <= 303; n++)
        ck_assert_uint_eq(take(&i), n);
    inbox_fini(&i);
}
END_TEST

START_TEST(what_does_not_fit_into_the_batch_keeps_its_turn)
{
    struct inbox i;
    inbox_init(&i, 100, 1000, ROOM);
    inbox_enter(&i, make_publish(1, 1, "a/a", 1000));
    inbox_enter(&i, make_publish(1, 2, "b/a", 10));
    learn_all(&i);
    ck_assert_ptr_null(inbox_take(&i, 800));
    ck_assert_uint_eq(take(&i), 1);
    inbox_fini(&i);
}
END_TEST

START_TEST(a_tenants_waiting_room_is_bounded_and_its_neighbours_is_not_touched)
{
    struct inbox i;
    inbox_init(&i, 100, 3, 5000);
    for (uint64_t n = 1; n <= 3; n++) {
        ck_assert(inbox_has_room(&i, BYTES("t/a")));
        inbox_enter(&i, make_publish(1, n, "t/a", 10));
    }
    ck_assert(!inbox_has_room(&i, BYTES("t/other")));
    ck_assert(inbox_has_room(&i, BYTES("u/a")));
    inbox_enter(&i, make_publish(1, 4, "u/a", 5000));
    ck_assert(!inbox_has_room(&i, BYTES("u/a")));
    learn_all(&i);
    struct message *m = inbox_take(&i, ROOM);
    ck_assert(inbox_has_room(&i, BYTES("t/a"))); /* in flight does not wait */
    end(&i, m);
    inbox_fini(&i);
}
END_TEST

START_TEST(rows_of_the_outbox_take_no_room_from_gateways)
{
    struct inbox i;
    inbox_init(&i, 100, 1, ROOM);
    inbox_enter(&i, make_row(1, "t/a"));
    inbox_enter(&i, make_row(2, "t/a"));
    ck_assert(inbox_has_room(&i, BYTES("t/a")));
    ck_assert_uint_eq(i.rows.count, 2);
    ck_assert_ptr_nonnull(inbox_find_row(&i, 2));
    ck_assert_ptr_null(inbox_find_row(&i, 3));
    inbox_fini(&i);
}
END_TEST

START_TEST(a_publish_is_known_by_origin_and_counter_until_it_ends)
{
    struct inbox i;
    inbox_init(&i, 100, 1000, ROOM);
    inbox_enter(&i, make_publish(1, 5, "t/a", 10));
    inbox_enter(&i, make_publish(2, 5, "t/a", 10));
    ck_assert_uint_eq(inbox_find_publish(&i, 2, 5)->origin, 2);
    ck_assert_ptr_null(inbox_find_publish(&i, 2, 6));
    learn_all(&i);
    struct message *m = inbox_take(&i, ROOM);
    ck_assert_ptr_eq(inbox_find_publish(&i, 1, 5), m); /* in flight, too */
    end(&i, m);
    ck_assert_ptr_null(inbox_find_publish(&i, 1, 5));
    inbox_fini(&i);
}
END_TEST

START_TEST(the_second_with_a_key_follows_the_first_and_harms_no_channel_order)
{
    struct inbox i;
    inbox_init(&i, 100, 1000, ROOM);
    struct message *first = make_keyed(1, "t/a", "k");
    struct message *second = make_keyed(2, "t/a", "k");
    inbox_enter(&i, first);
    inbox_enter(&i, second);
    inbox_enter(&i, make_keyed(3, "t/b", "k")); /* another channel, another key */
    learn_all(&i);
    ck_assert_int_eq(second->stage, FOLLOWING);
    ck_assert_ptr_eq(list_first(&first->followers, struct message, place), second);
    inbox_satisfy(&i, first);
    ck_assert_ptr_eq(inbox_take(&i, ROOM), first);
    inbox_leave(&i, first);
    ck_assert_ptr_eq(list_first(&first->followers, struct message, place), second);
    inbox_leave(&i, second);
    inbox_enter(&i, second); /* nobody leads the key any more */
    ck_assert_int_eq(second->stage, WAITING);
    message_free(first);
    inbox_fini(&i);
}
END_TEST

START_TEST(emptied_and_entered_again_every_channel_keeps_its_order)
{
    struct inbox i;
    struct list all;
    struct message *m;
    uint64_t last[3] = {0};
    const char *channels[] = {"t/a", "t/b", "u/c"};
    inbox_init(&i, 100, 1000, ROOM);
    for (uint64_t n = 1; n <= 30; n++)
        inbox_enter(&i, n % 7 ? make_publish(n % 3, n, channels[n % 3], 10)
                              : make_keyed(n, channels[n % 3], "k"));
    learn_all(&i); /* some ready, some behind a key, some following */
    list_init(&all);
    inbox_empty(&i, &all);
    ck_assert_uint_eq(i.publishes.count + i.keys.count + i.waiting + i.bytes, 0);
    while ((m = list_first(&all, struct message, place))) {
        list_remove(&m->place);
        inbox_enter(&i, m);
    }
    learn_all(&i);
    while (!list_is_empty(&i.needs[NEED_KEY]))
        inbox_satisfy(&i, list_first(&i.needs[NEED_KEY], struct message, ask));
    while ((m = inbox_take(&i, ROOM))) {
        unsigned n = m->counter % 3;
        ck_assert_uint_gt(m->counter, last[n]);
        last[n] = m->counter;
        while (!list_is_empty(&m->followers))
            end(&i, list_first(&m->followers, struct message, place));
        end(&i, m);
    }
    ck_assert_uint_eq(i.waiting, 0);
    inbox_fini(&i);
}
END_TEST

UNIT_MAIN("sequencer/inbox", messages_of_a_channel_wait_for_its_head_and_leave_in_order,
          one_that_has_to_be_looked_up_holds_back_its_own_channel_only,
          one_that_ends_while_it_is_looked_up_lets_the_next_pass,
          tenants_take_turns_by_bytes_however_much_one_of_them_sends,
          one_above_a_turns_share_passes_and_pays_in_the_turns_that_follow,
          a_tenants_channels_take_turns_however_much_one_of_them_has,
          a_tenant_of_twice_the_weight_has_twice_as_much,
          without_fair_queuing_who_was_ready_first_passes_first,
          what_does_not_fit_into_the_batch_keeps_its_turn,
          a_tenants_waiting_room_is_bounded_and_its_neighbours_is_not_touched,
          rows_of_the_outbox_take_no_room_from_gateways,
          a_publish_is_known_by_origin_and_counter_until_it_ends,
          the_second_with_a_key_follows_the_first_and_harms_no_channel_order,
          emptied_and_entered_again_every_channel_keeps_its_order)
