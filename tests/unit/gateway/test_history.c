#include "history.h"

#include "fake_ops.h"
#include "gateway.h"
#include "unit.h"

#include <stdio.h>

static struct config_namespace ns = {.options = {.history_limit = 10, .history_ttl = 1000}};
static struct config_channel channel = {.ns = &ns, .full = BYTES("default/news")};

static struct {
    int times;
    uint32_t code;
    uint64_t epoch, head;
    char seqs[4000]; /* "3 4 5 " */
} got;

static void arrived(void *ctx, const struct ops_range *a)
{
    struct bytes list = a->publications;
    struct publication p;
    got.times++;
    got.code = a->code;
    got.epoch = a->epoch;
    got.head = a->head;
    got.seqs[0] = 0;
    while (wire_next_publication(&list, &p) > 0)
        sprintf(got.seqs + strlen(got.seqs), "%llu ", (unsigned long long)p.seq);
}

static struct history *begin(struct history_query q)
{
    memset(&got, 0, sizeof got);
    fake_reset();
    q.now_ms = q.now_ms ? q.now_ms : 5000;
    ck_assert_uint_eq(history_check(&q), 0);
    return history_read(fake_gateway, &channel, &q, arrived, NULL);
}

/* Publications first…last, one step each way; time_ms = seq * 100. */
static void answer(size_t at, uint64_t epoch, uint64_t head, uint64_t first, uint64_t last)
{
    struct buf list = {0};
    for (uint64_t seq = first; first && seq; seq = seq == last    ? 0
                                                   : first < last ? seq + 1
                                                                  : seq - 1) {
        struct publication p = {
            .epoch = epoch, .seq = seq, .time_ms = seq * 100, .data = BYTES("{}")};
        wire_put_publication(&list, &p);
    }
    fake_range(at, 0, epoch, head, buf_bytes(&list));
    buf_fini(&list);
}

#define ASKED(at, want_since, want_limit, want_reverse)                                        \
    do {                                                                                       \
        ck_assert_uint_eq(fake_n, (at) + 1);                                                   \
        ck_assert_bytes(buf_bytes(&fake_ops[at].channel), "default/news");                     \
        ck_assert_uint_eq(fake_ops[at].since, want_since);                                     \
        ck_assert_uint_eq(fake_ops[at].limit, want_limit);                                     \
        ck_assert(fake_ops[at].reverse == (want_reverse));                                     \
    } while (0)

START_TEST(without_a_limit_only_the_position_is_told)
{
    begin((struct history_query){0});
    ASKED(0, 0, 0, false);
    answer(0, 3, 45, 0, 0);
    ck_assert_int_eq(got.times, 1);
    ck_assert_uint_eq(got.epoch, 3);
    ck_assert_uint_eq(got.head, 45);
    ck_assert_str_eq(got.seqs, "");
}
END_TEST

/* The same, of which `removal` is one. */
static void answer_with_removal(size_t at, uint64_t first, uint64_t last, uint64_t removal)
{
    struct buf list = {0};
    for (uint64_t seq = first;; seq += first < last ? 1 : -1) {
        struct publication p = {.epoch = 3, .seq = seq, .time_ms = seq * 100, .data = BYTES("{}"),
                                .format = seq == removal ? FORMAT_REMOVAL : FORMAT_JSON};
        wire_put_publication(&list, &p);
        if (seq == last)
            break;
    }
    fake_range(at, 0, 3, 50, buf_bytes(&list));
    buf_fini(&list);
}

START_TEST(a_removal_is_not_shown_and_costs_none_of_the_limit)
{
    begin((struct history_query){.limit = 3});
    answer(0, 3, 50, 0, 0);
    answer_with_removal(1, 44, 46, 44);
    ASKED(2, 46, 1, false);
    answer(2, 3, 50, 47, 47);
    ck_assert_str_eq(got.seqs, "45 46 47 ");
    begin((struct history_query){.limit = 5, .reverse = true});
    answer(0, 3, 50, 0, 0);
    answer_with_removal(1, 50, 46, 48);
    ck_assert_str_eq(got.seqs, "50 49 ");
    ck_assert_int_eq(got.times, 1);
}
END_TEST

START_TEST(an_answer_has_a_bound_whatever_the_limit_says)
{
    fake_options.history_messages = 2;
    begin((struct history_query){.limit = 300, .reverse = true});
    answer(0, 3, 50, 0, 0);
    ASKED(1, 0, 2, true);
    answer(1, 3, 50, 50, 49);
    ck_assert_str_eq(got.seqs, "50 49 ");
    fake_options.history_messages = 300;
    fake_options.api_history_bytes = 1;
    begin((struct history_query){.limit = 300, .reverse = true});
    answer(0, 3, 50, 0, 0);
    answer(1, 3, 50, 50, 41);
    fake_options.api_history_bytes = 4 << 20;
    ck_assert_str_eq(got.seqs, "50 ");
}
END_TEST

START_TEST(forward_begins_at_the_oldest_that_the_limit_shows)
{
    begin((struct history_query){.limit = 3});
    answer(0, 3, 50, 0, 0);
    ASKED(1, 40, 3, false);
    answer(1, 3, 50, 41, 43);
    ck_assert_str_eq(got.seqs, "41 42 43 ");
    /* since above that */
    begin((struct history_query){.limit = 300, .has_since = true, .since_seq = 47});
    answer(0, 3, 50, 0, 0);
    ASKED(1, 47, 300, false);
    answer(1, 3, 50, 48, 50);
    ck_assert_str_eq(got.seqs, "48 49 50 ");
    /* since below it shows what is there */
    begin((struct history_query){.limit = -1, .has_since = true, .since_seq = 2});
    answer(0, 3, 50, 0, 0);
    ASKED(1, 40, 300, false);
    answer(1, 3, 50, 41, 50);
    ck_assert_str_eq(got.seqs, "41 42 43 44 45 46 47 48 49 50 ");
    /* since at the head, or above: nothing to read */
    begin((struct history_query){.limit = 5, .has_since = true, .since_seq = 50});
    answer(0, 3, 50, 0, 0);
    ck_assert_int_eq(got.times, 1);
    ck_assert_str_eq(got.seqs, "");
}
END_TEST

START_TEST(reverse_begins_at_the_head_and_ends_at_the_oldest_shown)
{
    begin((struct history_query){.limit = 300, .reverse = true});
    answer(0, 3, 50, 0, 0);
    ASKED(1, 0, 300, true);
    answer(1, 3, 50, 50, 30);
    ck_assert_str_eq(got.seqs, "50 49 48 47 46 45 44 43 42 41 ");
    begin((struct history_query){
        .limit = 2, .reverse = true, .has_since = true, .since_seq = 48});
    answer(0, 3, 50, 0, 0);
    ASKED(1, 48, 2, true);
    answer(1, 3, 50, 47, 46);
    ck_assert_str_eq(got.seqs, "47 46 ");
    begin((struct history_query){
        .limit = 2, .reverse = true, .has_since = true, .since_seq = 99});
    answer(0, 3, 50, 0, 0);
    ASKED(1, 0, 2, true);
    history_cancel(NULL);
    answer(1, 3, 50, 50, 49);
    ck_assert_str_eq(got.seqs, "50 49 ");
}
END_TEST

START_TEST(a_page_cut_short_is_read_on)
{
    begin((struct history_query){.limit = 6});
    answer(0, 3, 50, 0, 0);
    answer(1, 3, 50, 41, 42);
    ASKED(2, 42, 4, false);
    answer(2, 3, 51, 43, 45);
    ASKED(3, 45, 1, false);
    answer(3, 3, 51, 46, 46);
    ck_assert_str_eq(got.seqs, "41 42 43 44 45 46 ");
    ck_assert_uint_eq(got.head, 50);
}
END_TEST

START_TEST(what_is_older_than_the_ttl_is_not_shown)
{
    /* now is 5000, the ttl 1000: from seq 40 on; at 5500 from seq 45 on */
    begin((struct history_query){.limit = 3, .now_ms = 5500});
    answer(0, 3, 50, 0, 0);
    answer(1, 3, 50, 41, 43);
    ASKED(2, 43, 3, false); /* all too old: goes on behind them */
    answer(2, 3, 50, 44, 46);
    ASKED(3, 46, 1, false);
    answer(3, 3, 50, 47, 47);
    ck_assert_str_eq(got.seqs, "45 46 47 ");
    begin((struct history_query){.limit = 10, .reverse = true, .now_ms = 5500});
    answer(0, 3, 50, 0, 0);
    answer(1, 3, 50, 50, 43);
    ck_assert_str_eq(got.seqs, "50 49 48 47 46 45 ");
}
END_TEST

START_TEST(what_came_while_it_read_is_left_for_the_next_call)
{
    begin((struct history_query){.limit = 300, .has_since = true, .since_seq = 48});
    answer(0, 3, 50, 0, 0);
    answer(1, 3, 53, 49, 53);
    ck_assert_str_eq(got.seqs, "49 50 ");
    ck_assert_uint_eq(got.head, 50);
}
END_TEST

START_TEST(a_hole_at_the_end_does_not_make_it_ask_for_ever)
{
    begin((struct history_query){.limit = 5});
    answer(0, 3, 50, 0, 0);
    answer(1, 3, 50, 0, 0);
    ck_assert_int_eq(got.times, 1);
    ck_assert_uint_eq(got.code, 0);
    ck_assert_str_eq(got.seqs, "");
}
END_TEST

START_TEST(an_epoch_is_a_number_that_has_to_be_the_current_one)
{
    struct history_query q = {.has_since = true, .since_seq = 1, .since_epoch = BYTES("AbCd")};
    ck_assert_uint_eq(history_check(&q), 112);
    q.since_epoch = BYTES("0");
    ck_assert_uint_eq(history_check(&q), 112);
    q.since_epoch = BYTES("");
    ck_assert_uint_eq(history_check(&q), 0);
    begin((struct history_query){.limit = 1, .has_since = true, .since_epoch = BYTES("7")});
    ck_assert_uint_eq(fake_ops[0].epoch, 7);
    fake_range(0, 112, 8, 4, BYTES(""));
    ck_assert_uint_eq(got.code, 112);
    /* it changed between two reads */
    begin((struct history_query){.limit = 1});
    ck_assert_uint_eq(fake_ops[0].epoch, 0);
    answer(0, 7, 50, 0, 0);
    ck_assert_uint_eq(fake_ops[1].epoch, 7);
    answer(1, 8, 2, 1, 2);
    ck_assert_uint_eq(got.code, 112);
}
END_TEST

START_TEST(reverse_below_the_first_is_a_bad_request)
{
    struct history_query q = {.reverse = true, .has_since = true};
    ck_assert_uint_eq(history_check(&q), 107);
    q.has_since = false;
    ck_assert_uint_eq(history_check(&q), 0);
}
END_TEST

START_TEST(an_error_on_the_way_is_the_answer)
{
    begin((struct history_query){.limit = 1});
    fake_range(0, 100, 0, 0, BYTES(""));
    ck_assert_uint_eq(got.code, 100);
    begin((struct history_query){.limit = 1});
    answer(0, 3, 50, 0, 0);
    fake_range(1, 100, 0, 0, BYTES(""));
    ck_assert_uint_eq(got.code, 100);
    ck_assert_str_eq(got.seqs, "");
}
END_TEST

static void pass(int64_t time_ns)
{
    fake_gateway->now_ns += time_ns;
    wheel_turn(&fake_gateway->wheel, fake_gateway->now_ns);
}

static void publish_here(uint64_t epoch, uint64_t seq)
{
    written_note(&fake_gateway->written, BYTES("default/news"), epoch, seq, fake_gateway->now_ns);
}

START_TEST(what_was_published_here_is_waited_for)
{
    wheel_init(&fake_gateway->wheel, 0);
    publish_here(3, 46);
    begin((struct history_query){.limit = 1, .reverse = true});
    answer(0, 3, 45, 0, 0);
    ck_assert_uint_eq(fake_n, 1);
    pass(2 * WHEEL_TICK_NS);
    ASKED(1, 0, 0, true);
    answer(1, 3, 46, 0, 0);
    answer(2, 3, 46, 46, 46);
    ck_assert_str_eq(got.seqs, "46 ");
    written_fini(&fake_gateway->written);
}
END_TEST

START_TEST(what_was_published_here_is_not_waited_for_without_end)
{
    wheel_init(&fake_gateway->wheel, 0);
    publish_here(3, 46);
    begin((struct history_query){.limit = 0});
    size_t asked = 0;
    for (; got.times == 0 && asked < 100; asked++) {
        answer(asked, 3, 45, 0, 0);
        pass(WHEEL_TICK_NS);
    }
    ck_assert_uint_gt(asked, 3);
    ck_assert_uint_le(asked, 500 * NS_PER_MS / WHEEL_TICK_NS + 2);
    ck_assert_uint_eq(got.head, 45);
    begin((struct history_query){.limit = 0}); /* and it was of an earlier epoch */
    answer(0, 4, 2, 0, 0);
    ck_assert_uint_eq(got.head, 2);
    written_fini(&fake_gateway->written);
}
END_TEST

START_TEST(who_goes_while_it_waits_is_told_nothing)
{
    wheel_init(&fake_gateway->wheel, 0);
    publish_here(3, 46);
    struct history *h = begin((struct history_query){.limit = 0});
    answer(0, 3, 45, 0, 0);
    history_cancel(h);
    pass(4 * WHEEL_TICK_NS);
    ck_assert_uint_eq(fake_n, 1);
    ck_assert_int_eq(got.times, 0);
    written_fini(&fake_gateway->written);
}
END_TEST

START_TEST(a_cancelled_call_asks_and_tells_nothing_more)
{
    struct history *h = begin((struct history_query){.limit = 1});
    answer(0, 3, 50, 0, 0);
    history_cancel(h);
    ck_assert_uint_eq(fake_waiting(), 0);
    ck_assert_int_eq(got.times, 0);
    fake_reset();
}
END_TEST

/* ---- in turn */

static struct config_channel quiet = {.ns = &ns, .full = BYTES("quiet/news")};
static struct history_query only_position = {.now_ms = 5000};

static void begin_with_room_for(int64_t n)
{
    fake_reset();
    memset(&got, 0, sizeof got);
    wheel_init(&fake_gateway->wheel, fake_gateway->now_ns);
    fair_queue_init(&fake_gateway->histories.waiting);
    fake_options.histories_max = n;
}

static void end_room(void)
{
    ck_assert_uint_eq(fake_gateway->histories.under_way, 0);
    ck_assert_uint_eq(fake_gateway->histories.waiting.n, 0);
    ck_assert_int_eq(fake_gateway->metrics.histories_waiting, 0);
    fair_queue_fini(&fake_gateway->histories.waiting);
    fake_options.histories_max = 64;
    fake_reset();
}

static struct history *call(const struct config_channel *of)
{
    return history_read(fake_gateway, of, &only_position, arrived, NULL);
}

static void ck_asked(size_t at, const char *name)
{
    ck_assert_uint_gt(fake_n, at);
    ck_assert_bytes(buf_bytes(&fake_ops[at].channel), name);
}

START_TEST(calls_above_the_bound_wait_and_tenants_take_turns)
{
    begin_with_room_for(2);
    for (int i = 0; i < 5; i++)
        call(&channel);
    call(&quiet);
    ck_assert_uint_eq(fake_n, 2);
    answer(0, 3, 45, 0, 0);
    ck_asked(2, "default/news");
    answer(1, 3, 45, 0, 0);
    ck_asked(3, "quiet/news"); /* before the two that came earlier */
    for (size_t i = 2; i < 6; i++)
        answer(i, 3, 45, 0, 0);
    ck_assert_int_eq(got.times, 6);
    end_room();
}
END_TEST

START_TEST(a_call_whose_turn_does_not_come_is_told_to_try_later)
{
    begin_with_room_for(1);
    struct history *first = call(&channel);
    call(&quiet);
    for (int i = 0; i < 100 && got.times == 0; i++)
        pass(fake_options.ask_timeout * NS_PER_MS / 50);
    ck_assert_int_eq(got.times, 1);
    ck_assert_uint_eq(got.code, 111);
    history_cancel(first);
    ck_assert_uint_eq(fake_n, 1);
    end_room();
}
END_TEST

START_TEST(who_goes_gives_its_place_to_the_next)
{
    begin_with_room_for(1);
    struct history *first = call(&channel), *second = call(&channel);
    call(&quiet);
    history_cancel(second);
    ck_assert_uint_eq(fake_n, 1);
    history_cancel(first);
    ck_asked(1, "quiet/news");
    answer(1, 3, 45, 0, 0);
    end_room();
}
END_TEST

UNIT_MAIN("gateway/history", calls_above_the_bound_wait_and_tenants_take_turns, a_call_whose_turn_does_not_come_is_told_to_try_later,
          who_goes_gives_its_place_to_the_next, without_a_limit_only_the_position_is_told, a_removal_is_not_shown_and_costs_none_of_the_limit,
          an_answer_has_a_bound_whatever_the_limit_says,
          forward_begins_at_the_oldest_that_the_limit_shows,
          reverse_begins_at_the_head_and_ends_at_the_oldest_shown, a_page_cut_short_is_read_on,
          what_is_older_than_the_ttl_is_not_shown,
          what_came_while_it_read_is_left_for_the_next_call,
          a_hole_at_the_end_does_not_make_it_ask_for_ever,
          an_epoch_is_a_number_that_has_to_be_the_current_one,
          reverse_below_the_first_is_a_bad_request, an_error_on_the_way_is_the_answer,
          what_was_published_here_is_waited_for, what_was_published_here_is_not_waited_for_without_end, who_goes_while_it_waits_is_told_nothing,
          a_cancelled_call_asks_and_tells_nothing_more)
