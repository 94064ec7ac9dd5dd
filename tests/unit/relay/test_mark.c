#include "mark.h"

#include "fixture.h"
#include "unit.h"

static struct mark mark;

static void start(void)
{
    mark_init(&mark);
    mark_stream(&mark, 100);
}

static struct message *release(unsigned shard, uint64_t id, uint64_t cells)
{
    struct message *m = message_of(shard, id);
    message_route(m, cells, 0);
    mark_release(&mark, m);
    return m;
}

static void ack(struct message *m, unsigned delivery)
{
    mark_acked(&mark, &m->deliveries[delivery]);
    if (m->unacked == 0)
        message_free(m);
}

static void transaction(unsigned shard, uint64_t id, uint64_t end_lsn)
{
    mark_begin(&mark);
    mark_saw(&mark, shard, id);
    mark_commit(&mark, end_lsn);
}

START_TEST(an_lsn_is_confirmed_when_its_messages_are_acknowledged)
{
    start();
    transaction(3, 10, 200);
    ck_assert_uint_eq(mark_lsn(&mark), 100);
    struct message *m = release(3, 10, 1);
    ck_assert_uint_eq(mark_lsn(&mark), 100);
    ack(m, 0);
    ck_assert_uint_eq(mark_lsn(&mark), 200);
    mark_fini(&mark);
}
END_TEST

START_TEST(an_lsn_waits_for_every_cell)
{
    start();
    transaction(3, 10, 200);
    struct message *m = release(3, 10, 1 | 1ull << 63);
    ack(m, 1);
    ck_assert_uint_eq(mark_progress(&mark, 63, 3), 10);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 0);
    ck_assert_uint_eq(mark_lsn(&mark), 100);
    ack(m, 0);
    ck_assert_uint_eq(mark_lsn(&mark), 200);
    mark_fini(&mark);
}
END_TEST

START_TEST(a_later_transaction_is_not_confirmed_before_an_earlier_one)
{
    start();
    transaction(3, 10, 200);
    transaction(4, 11, 300);
    struct message *first = release(3, 10, 1), *second = release(4, 11, 1);
    ack(second, 0);
    ck_assert_uint_eq(mark_lsn(&mark), 100);
    ack(first, 0);
    ck_assert_uint_eq(mark_lsn(&mark), 300);
    mark_fini(&mark);
}
END_TEST

START_TEST(a_transaction_is_not_confirmed_before_its_end_has_come)
{
    start();
    mark_begin(&mark);
    mark_saw(&mark, 3, 10);
    ack(release(3, 10, 1), 0);
    ck_assert_uint_eq(mark_lsn(&mark), 100);
    mark_idle(&mark, 500); /* a keepalive in the midst of it says nothing */
    ck_assert_uint_eq(mark_lsn(&mark), 100);
    mark_commit(&mark, 200);
    ck_assert_uint_eq(mark_lsn(&mark), 200);
    mark_fini(&mark);
}
END_TEST

START_TEST(a_repeat_waits_for_the_acknowledgement_of_what_it_repeats)
{
    start();
    struct message *by_tail = release(3, 10, 1);
    transaction(
        3, 10, 200); /* the stream brings the same row: it is dropped, and not released again */
    ck_assert_uint_eq(mark_lsn(&mark), 100);
    ack(by_tail, 0);
    ck_assert_uint_eq(mark_lsn(&mark), 200);
    transaction(3, 9, 300); /* long acknowledged */
    ck_assert_uint_eq(mark_lsn(&mark), 300);
    mark_fini(&mark);
}
END_TEST

START_TEST(a_message_for_no_cell_is_confirmed_when_it_is_released)
{
    start();
    transaction(3, 10, 200);
    ck_assert_uint_eq(mark_lsn(&mark), 100);
    message_free(release(3, 10, 0));
    ck_assert_uint_eq(mark_lsn(&mark), 200);
    mark_fini(&mark);
}
END_TEST

START_TEST(an_idle_stream_is_confirmed_up_to_what_the_server_says)
{
    start();
    mark_idle(&mark, 400);
    ck_assert_uint_eq(mark_lsn(&mark), 400);
    mark_idle(&mark, 300);
    ck_assert_uint_eq(mark_lsn(&mark), 400);
    transaction(3, 10, 500);
    mark_idle(&mark, 600);
    ck_assert_uint_eq(mark_lsn(&mark), 400);
    ack(release(3, 10, 1), 0);
    ck_assert_uint_eq(mark_lsn(&mark), 600);
    mark_fini(&mark);
}
END_TEST

START_TEST(a_transaction_without_messages_holds_nothing_back)
{
    start();
    mark_begin(&mark);
    mark_commit(&mark, 200);
    ck_assert_uint_eq(mark_lsn(&mark), 200);
    mark_fini(&mark);
}
END_TEST

START_TEST(there_is_no_lsn_without_a_stream)
{
    mark_init(&mark);
    mark_idle(&mark, 400);
    ck_assert_uint_eq(mark_lsn(&mark), 0);
    mark_stream(&mark, 100);
    mark_idle(&mark, 400);
    mark_forget(&mark);
    ck_assert_uint_eq(mark_lsn(&mark), 0);
    mark_fini(&mark);
}
END_TEST

START_TEST(progress_is_the_last_id_before_the_first_that_is_not_acknowledged)
{
    start();
    struct message *m[3] = {release(3, 10, 1), release(3, 20, 1), release(3, 30, 1)};
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 0);
    ack(m[1], 0);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 0);
    ack(m[0], 0);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 20);
    ack(m[2], 0);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 30);
    ck_assert_uint_eq(mark_progress(&mark, 0, 4), 0);
    mark_fini(&mark);
}
END_TEST

START_TEST(a_cell_that_lags_holds_only_its_own_progress)
{
    start();
    struct message *m = release(3, 10, 1);
    message_free(release(3, 20, 0));
    struct message *other = release(3, 30, 2);
    ack(other, 0);
    ck_assert_uint_eq(mark_progress(&mark, 1, 3), 30);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 0);
    ck_assert_uint_eq(mark_acknowledged(&mark, 3), 0);
    ack(m, 0);
    ck_assert_uint_eq(mark_acknowledged(&mark, 3), 30);
    mark_fini(&mark);
}
END_TEST

START_TEST(a_session_begins_where_the_table_says)
{
    start();
    mark_set(&mark, 3, 1000);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 1000);
    struct message *m = release(3, 1001, 1);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 1000);
    ack(m, 0);
    mark_fini(&mark);
}
END_TEST

START_TEST(what_an_earlier_session_left_unacknowledged_counts_for_nothing)
{
    start();
    transaction(3, 10, 200);
    struct message *m = release(3, 10, 1);
    mark_forget(&mark);
    mark_stream(&mark, 50);
    mark_set(&mark, 3, 7);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 7);
    ack(m, 0);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 7);
    ck_assert_uint_eq(mark_lsn(&mark), 50);
    mark_fini(&mark);
}
END_TEST

START_TEST(more_transactions_than_are_kept_count_as_one_and_lose_nothing)
{
    start();
    struct message *first = release(3, 1, 1), *last = NULL;
    transaction(3, 1, 201);
    for (unsigned i = 2; i <= 3 * MARK_TRANSACTIONS; i++) {
        transaction(i % SHARDS, i, 200 + i);
        struct message *m = release(i % SHARDS, i, 1);
        if (i == 3 * MARK_TRANSACTIONS)
            last = m;
        else
            ack(m, 0);
    }
    ck_assert_uint_eq(mark_lsn(&mark), 100);
    ack(first, 0);
    ck_assert_uint_lt(mark_lsn(&mark), 200 + 3 * MARK_TRANSACTIONS);
    ack(last, 0);
    ck_assert_uint_eq(mark_lsn(&mark), 200 + 3 * MARK_TRANSACTIONS);
    mark_fini(&mark);
}
END_TEST

START_TEST(the_highest_id_of_each_shard_is_remembered_until_the_stream_begins_anew)
{
    start();
    transaction(3, 10, 200);
    ck_assert_uint_eq(mark_seen(&mark, 3), 10);
    ck_assert_uint_eq(mark_seen(&mark, 4), 0);
    mark_stream(&mark, 100);
    ck_assert_uint_eq(mark_seen(&mark, 3), 0);
    mark_fini(&mark);
}
END_TEST

START_TEST(a_parked_cell_holds_no_lsn_and_its_progress_stays_where_it_was)
{
    start();
    transaction(3, 10, 200);
    struct message *m = release(3, 10, 3);
    ack(m, 1);
    mark_park(&mark, 0, 3, mark_progress(&mark, 0, 3));
    ack(m, 0); /* given back: Kafka does not have it */
    ck_assert_uint_eq(mark_lsn(&mark), 200);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 0);
    ck_assert_uint_eq(mark_progress(&mark, 1, 3), 10);
    mark_fini(&mark);
}
END_TEST

static struct message *caught(uint64_t id)
{
    struct message *m = message_of(3, id);
    message_route(m, 1, 0);
    mark_catch(&mark, m);
    return m;
}

START_TEST(progress_of_a_parked_cell_moves_with_what_is_read_for_it)
{
    start();
    mark_set(&mark, 3, 50);
    mark_park(&mark, 0, 3, 10);
    struct message *first = caught(20), *second = caught(30);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 10);
    ack(second, 0);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 10);
    ack(first, 0);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 30);
    mark_caught(&mark, 0, 3, 50);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 50);
    mark_fini(&mark);
}
END_TEST

START_TEST(a_cell_that_rejoins_goes_on_behind_what_was_read_for_it)
{
    start();
    mark_set(&mark, 3, 20);
    mark_park(&mark, 0, 3, 10);
    struct message *last = caught(20);
    mark_rejoin(&mark, 0, 3);
    struct message *live = release(3, 30, 1);
    ack(live, 0);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 10);
    ack(last, 0);
    ck_assert_uint_eq(mark_progress(&mark, 0, 3), 30);
    mark_fini(&mark);
}
END_TEST

UNIT_MAIN("mark", an_lsn_is_confirmed_when_its_messages_are_acknowledged,
          an_lsn_waits_for_every_cell,
          a_later_transaction_is_not_confirmed_before_an_earlier_one,
          a_transaction_is_not_confirmed_before_its_end_has_come,
          a_repeat_waits_for_the_acknowledgement_of_what_it_repeats,
          a_message_for_no_cell_is_confirmed_when_it_is_released,
          an_idle_stream_is_confirmed_up_to_what_the_server_says,
          a_transaction_without_messages_holds_nothing_back, there_is_no_lsn_without_a_stream,
          progress_is_the_last_id_before_the_first_that_is_not_acknowledged,
          a_cell_that_lags_holds_only_its_own_progress, a_session_begins_where_the_table_says,
          what_an_earlier_session_left_unacknowledged_counts_for_nothing,
          more_transactions_than_are_kept_count_as_one_and_lose_nothing,
          the_highest_id_of_each_shard_is_remembered_until_the_stream_begins_anew,
          a_parked_cell_holds_no_lsn_and_its_progress_stays_where_it_was,
          progress_of_a_parked_cell_moves_with_what_is_read_for_it,
          a_cell_that_rejoins_goes_on_behind_what_was_read_for_it)
