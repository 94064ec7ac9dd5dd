#include "hold.h"

#include "deliver.h"
#include "fake_edges.h"
#include "page.h"
#include "unit.h"

#include "core/clock.h"

#include <stdio.h>

static struct gateway_options options;
static struct gateway g;
static char said[4096];

static void start(void)
{
    gateway_options_default(&options);
    options.page_messages = 10;
    options.ring_messages = 20;
    options.write_max_bytes = 1024;
    options.ping_interval = 3600000;
    edges_start(&g, &options);
}

/* `"offset":7,…` of one publication, behind its channel: q7, or q7! when it is tagged late. */
static void note(char channel, const char *from, const char *end)
{
    const char *at = from;
    while ((at = strstr(at, "\"offset\":")) && at < end) {
        at += 9;
        const char *close = strchr(at, '}');
        bool late = memmem(at, (size_t)(close - at), HOLD_LATE_TAG, sizeof HOLD_LATE_TAG - 1) != NULL;
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s%c%ld%s", *said ? " " : "", channel, strtol(at, NULL, 10),
                 late ? "!" : "");
    }
}

/* What was told since the last time, in order: "q1 a1 a2"; publications in the reply to a subscribe of command n as "2:q1". */
static const char *told(struct ws_socket *s)
{
    char *text = edges_take(s);
    said[0] = 0;
    for (char *line = text, *end; *line; line = *end ? end + 1 : end) {
        const char *pushed = "{\"push\":{\"channel\":\"", *list;
        end = strchrnul(line, '\n');
        if (strncmp(line, pushed, strlen(pushed)) == 0)
            note(line[strlen(pushed)], line, end);
        else if ((list = strstr(line, "\"publications\":[")) && list < end)
            note((char)('0' + strtol(line + 6, NULL, 10)), list, end);
    }
    free(text);
    return said;
}

static void question(uint64_t seq)
{
    edges_publish(&g, "default/q", 1, seq, "1");
}

static void answer(uint64_t seq, const char *after)
{
    edges_answer(&g, "default/a", 1, seq, after);
}

START_TEST(an_answer_waits_for_its_question_and_both_are_one_write)
{
    const char *orders[] = {"qa", "aq"};
    for (int i = 0; i < 2; i++) {
        start();
        struct ws_socket *s = edges_reader_of_all(&g, orders[i]);
        answer(1, "default/q@1");
        answer(2, NULL);
        ck_assert_str_eq(told(s), "");
        ck_assert_int_eq(s->writes, 0);
        question(1);
        ck_assert_int_eq(s->writes, 1);
        ck_assert_str_eq(told(s), "q1 a1 a2");
        ck_assert_uint_eq(g.metrics.holds_total, 1);
        ck_assert_uint_eq(g.metrics.hold_timeouts_total, 0);
        ck_assert_uint_eq(g.metrics.late_deliveries_total, 0);
        edges_stop(&g);
    }
}
END_TEST

START_TEST(both_in_memory_go_in_order_whichever_channel_is_looked_at_first)
{
    const char *orders[] = {"qa", "aq"};
    for (int i = 0; i < 2; i++) {
        start();
        struct ws_socket *s = edges_reader_of_all(&g, orders[i]);
        s->connection->blocked = true;
        answer(1, "default/q@2");
        question(1);
        question(2);
        question(3);
        connection_writable(s->connection);
        edges_pass(&g, 0);
        ck_assert_int_eq(s->writes, 1);
        const char *text = told(s);
        ck_assert_ptr_nonnull(strstr(text, "q1 q2"));
        ck_assert_ptr_nonnull(strstr(strstr(text, "q2"), "a1"));
        ck_assert_uint_eq(g.metrics.holds_total, 0);
        edges_stop(&g);
    }
}
END_TEST

START_TEST(only_its_own_channel_waits_and_only_on_that_connection)
{
    start();
    struct ws_socket *both = edges_reader_of_all(&g, "qaz"), *one = edges_reader_of_all(&g, "az");
    answer(1, "default/q@1");
    edges_publish(&g, "default/z", 1, 1, "1");
    ck_assert_str_eq(told(both), "z1");
    ck_assert_str_eq(told(one), "a1 z1");
    question(1);
    ck_assert_str_eq(told(both), "q1 a1");
    edges_stop(&g);
}
END_TEST

START_TEST(after_half_a_second_it_is_delivered_marked_and_counted_once)
{
    start();
    struct ws_socket *readers[50];
    for (int i = 0; i < 50; i++)
        readers[i] = edges_reader_of_all(&g, "qa");
    answer(1, "default/q@1");
    edges_pass(&g, 200);
    question(7); /* jumps: q1 is still to be read */
    edges_pass(&g, 200);
    ck_assert_str_eq(told(readers[0]), "");
    edges_pass(&g, 100);
    for (int i = 0; i < 50; i++)
        ck_assert_str_eq(told(readers[i]), "a1!");
    ck_assert_uint_eq(g.metrics.holds_total, 1);
    ck_assert_uint_eq(g.metrics.late_deliveries_total, 50);
    edges_stop(&g);
}
END_TEST

START_TEST(the_mark_is_one_tag_more)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "qa");
    answer(1, "default/q@1"); /* the first of an epoch carries it, behind the tags */
    edges_pass(&g, 500);
    char *text = edges_take(s);
    ck_assert_str_eq(text, "{\"push\":{\"channel\":\"a\",\"pub\":{\"data\":1,\"offset\":1,\"tags\":{\"id\":\"1\",\"after\":\"default/q@1\","
                           "\"late\":\"1\"},\"epoch\":\"1\"}}}");
    free(text);
    ck_assert_uint_eq(g.metrics.hold_timeouts_total, 1);
    answer(2, NULL);
    question(1);
    ck_assert_str_eq(told(s), "a2 q1");
    edges_stop(&g);
}
END_TEST

START_TEST(the_time_counts_from_its_arrival_not_from_the_one_that_reads_it)
{
    start();
    struct ws_socket *first = edges_reader_of_all(&g, "qa");
    answer(1, "default/q@1");
    edges_pass(&g, 300);
    struct ws_socket *second = edges_connect(&g);
    edges_say(second, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"q\"}}\n"
                      "{\"id\":3,\"subscribe\":{\"channel\":\"a\",\"recover\":true,\"epoch\":\"1\"}}");
    ck_assert_str_eq(told(second), "");
    edges_pass(&g, 200);
    ck_assert_str_eq(told(first), "a1!");
    ck_assert_str_eq(told(second), "a1!");
    ck_assert_uint_eq(g.metrics.hold_timeouts_total, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(three_that_waited_in_vain_within_a_minute_switch_the_channel_off_for_a_minute)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "qab");
    for (uint64_t seq = 1; seq <= 3; seq++) {
        answer(seq, "default/q@1");
        ck_assert_str_eq(told(s), "");
        edges_pass(&g, 500);
        ck_assert_ptr_nonnull(strstr(told(s), "!"));
    }
    ck_assert_uint_eq(g.metrics.holds_off_total, 1);
    answer(4, "default/q@1");
    ck_assert_str_eq(told(s), "a4!");
    edges_answer(&g, "default/b", 1, 1, "default/q@1"); /* another channel still holds */
    ck_assert_str_eq(told(s), "");
    edges_pass(&g, 500);
    ck_assert_str_eq(told(s), "b1!");
    edges_pass(&g, 59000);
    answer(5, "default/q@1");
    ck_assert_str_eq(told(s), "a5!");
    edges_pass(&g, 1000);
    answer(6, "default/q@1");
    ck_assert_str_eq(told(s), "");
    question(1);
    ck_assert_str_eq(told(s), "q1 a6");
    ck_assert_uint_eq(g.metrics.hold_timeouts_total, 4);
    edges_stop(&g);
}
END_TEST

START_TEST(what_waits_when_the_channel_is_switched_off_is_let_go)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "qa"), *other = edges_reader_of_all(&g, "ac");
    for (uint64_t seq = 1; seq <= 3; seq++) {
        answer(seq, "default/q@1");
        edges_pass(&g, 100);
    }
    ck_assert_str_eq(told(other), "a1 a2 a3"); /* it has no q */
    answer(4, "default/c@1");
    answer(5, "default/q@1");
    edges_pass(&g, 200);
    ck_assert_str_eq(told(s), "a1!");
    edges_pass(&g, 100);
    ck_assert_str_eq(told(s), "a2!");
    ck_assert_str_eq(told(other), "");
    edges_pass(&g, 100);
    ck_assert_str_eq(told(s), "a3! a4 a5!");
    edges_pass(&g, 64);
    ck_assert_str_eq(told(other), "a4! a5");
    ck_assert_uint_eq(g.metrics.hold_timeouts_total, 3);
    edges_stop(&g);
}
END_TEST

START_TEST(three_in_more_than_a_minute_switch_nothing_off)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "qa");
    for (uint64_t seq = 1; seq <= 5; seq++) {
        answer(seq, "default/q@1");
        ck_assert_str_eq(told(s), "");
        edges_pass(&g, 500);
        edges_pass(&g, 30000);
        ck_assert_ptr_nonnull(strstr(told(s), "!"));
    }
    ck_assert_uint_eq(g.metrics.holds_off_total, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(nothing_is_held_for_what_the_connection_has_or_will_not_get)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "qae");
    edges_subscribed(&g, "default/e", 2, 5); /* another epoch: it ends with 2500 … */
    free(edges_take(s));
    edges_say(s, "{\"id\":9,\"subscribe\":{\"channel\":\"e\"}}"); /* … and begins anew at e5 */
    free(edges_take(s));
    question(1);
    ck_assert_str_eq(told(s), "q1");
    answer(1, "default/q@1");             /* delivered */
    answer(2, "default/other@5");         /* nobody here is subscribed */
    answer(3, "default/a@2");             /* its own channel */
    answer(4, "default/e@9");             /* another epoch */
    answer(5, "no list of references @"); /* from a peer of another mind */
    ck_assert_str_eq(told(s), "a1 a2 a3 a4 a5");
    ck_assert_uint_eq(g.metrics.holds_total, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_chain_of_answers_goes_in_its_order)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "cbaq");
    edges_answer(&g, "default/c", 1, 1, "default/b@1");
    edges_answer(&g, "default/b", 1, 1, "default/a@1 default/q@1");
    edges_answer(&g, "default/a", 1, 1, "default/q@1");
    ck_assert_str_eq(told(s), "");
    question(1);
    ck_assert_str_eq(told(s), "q1 a1 b1 c1");
    ck_assert_int_eq(s->writes, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(two_that_answer_each_other_to_and_fro_are_one_write)
{
    start();
    char after[40];
    struct ws_socket *s = edges_reader_of_all(&g, "qa");
    s->connection->blocked = true;
    options.write_max_bytes = 16384;
    for (uint64_t seq = 1; seq <= 5; seq++) {
        snprintf(after, sizeof after, "default/a@%d", (int)seq - 1);
        edges_answer(&g, "default/q", 1, seq, seq > 1 ? after : NULL);
        snprintf(after, sizeof after, "default/q@%d", (int)seq);
        answer(seq, after);
    }
    connection_writable(s->connection);
    edges_pass(&g, 0);
    ck_assert_str_eq(told(s), "q1 a1 q2 a2 q3 a3 q4 a4 q5 a5");
    ck_assert_int_eq(s->writes, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(a_circle_that_no_sequencer_accepts_holds_nobody)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "qa");
    s->connection->blocked = true;
    answer(1, "default/q@1");
    edges_answer(&g, "default/q", 1, 1, "default/a@1");
    connection_writable(s->connection);
    edges_pass(&g, 0);
    ck_assert_str_eq(told(s), "a1 q1");
    edges_stop(&g);
}
END_TEST

START_TEST(the_end_of_the_other_subscription_lets_it_go)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "qa");
    answer(1, "default/q@1");
    edges_say(s, "{\"id\":9,\"unsubscribe\":{\"channel\":\"q\"}}");
    ck_assert_str_eq(told(s), "a1");
    ck_assert_uint_eq(g.metrics.late_deliveries_total, 0);
    edges_say(s, "{\"id\":10,\"subscribe\":{\"channel\":\"q\"}}");
    answer(2, "default/q@1");
    ck_assert_str_eq(told(s), "");
    edges_subscribed(&g, "default/q", 2, 0); /* a newer epoch: 2500 */
    ck_assert_str_eq(told(s), "a2");
    edges_stop(&g);
}
END_TEST

START_TEST(its_own_end_while_it_waits_leaves_nothing_behind)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "qa"), *leaves = edges_reader_of_all(&g, "qa");
    answer(1, "default/q@1");
    edges_say(s, "{\"id\":9,\"unsubscribe\":{\"channel\":\"a\"}}");
    edges_leave(leaves);
    edges_pass(&g, 500);
    question(1);
    ck_assert_str_eq(told(s), "q1");
    edges_say(s, "{\"id\":10,\"unsubscribe\":{\"channel\":\"q\"}}");
    edges_pass(&g, 10000); /* both channels are given up */
    ck_assert_int_eq(g.metrics.channels, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_subscribe_without_a_reply_holds_until_it_is_known_where_it_begins)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "a");
    edges_say(s, "{\"id\":9,\"subscribe\":{\"channel\":\"q\"}}");
    answer(1, "default/q@5");
    answer(2, "default/q@6");
    ck_assert_str_eq(told(s), "");
    edges_subscribed(&g, "default/q", 1, 5);
    ck_assert_str_eq(told(s), "a1");
    question(6);
    ck_assert_str_eq(told(s), "q6 a2");
    edges_stop(&g);
}
END_TEST

START_TEST(the_question_may_be_more_than_one_write_away)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "aq");
    s->connection->blocked = true;
    answer(1, "default/q@20");
    for (uint64_t seq = 1; seq <= 20; seq++)
        edges_publish(&g, "default/q", 1, seq, "\"0123456789012345678901234567890123456789\"");
    connection_writable(s->connection);
    edges_pass(&g, 0);
    ck_assert_int_gt(s->writes, 1);
    ck_assert_uint_le(s->largest, 1024);
    ck_assert_str_eq(told(s), "q1 q2 q3 q4 q5 q6 q7 q8 q9 q10 q11 q12 q13 q14 q15 q16 q17 q18 q19 q20 a1");
    edges_stop(&g);
}
END_TEST

/* ---- recovery */

static struct ws_socket *back(const char *commands)
{
    struct ws_socket *s = edges_connect(&g);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    edges_say(s, commands);
    return s;
}

START_TEST(an_answer_is_not_in_the_reply_before_the_question_is)
{
    start();
    struct ws_socket *other = edges_reader_of_all(&g, "aq");
    question(1);
    question(2);
    answer(1, NULL);
    answer(2, "default/q@2");
    edges_pass(&g, 60000); /* old: nothing waits for anything that is in memory */
    struct ws_socket *s = back("{\"id\":2,\"subscribe\":{\"channel\":\"a\",\"recover\":true,\"epoch\":\"1\"}}\n"
                               "{\"id\":3,\"subscribe\":{\"channel\":\"q\",\"recover\":true,\"epoch\":\"1\"}}");
    ck_assert_str_eq(told(s), "21 31 32 a2");
    ck_assert_uint_eq(g.metrics.late_deliveries_total, 0);
    ck_assert_uint_eq(g.metrics.holds_total, 0);
    ck_assert_ptr_nonnull(other);
    edges_stop(&g);
}
END_TEST

static const char both_from_0[] = "{\"id\":2,\"subscribe\":{\"channel\":\"a\",\"recover\":true,\"epoch\":\"1\"}}\n"
                                  "{\"id\":3,\"subscribe\":{\"channel\":\"q\",\"recover\":true,\"epoch\":\"1\"}}";

/* A client that missed `n` of both, with nothing here but the heads. */
static struct ws_socket *missed(uint64_t n)
{
    options.recovered_bytes = 0;
    struct ws_socket *s = back(both_from_0);
    edges_subscribed(&g, "default/a", 1, n);
    edges_subscribed(&g, "default/q", 1, n);
    return s;
}

START_TEST(two_channels_that_are_read_by_pages_stay_in_order)
{
    start();
    struct ws_socket *s = missed(95);
    char wanted[4096] = "";
    for (int seq = 1; seq <= 95; seq++)
        sprintf(wanted + strlen(wanted), "%sq%d a%d", seq > 1 ? " " : "", seq, seq);
    for (int i = 0; i < 40; i++) { /* the answers come first, whenever a page of theirs is asked for */
        edges_serve_channel(&g, "default/a", 1, 95, "default/q@%d");
        edges_pass(&g, 10);
        edges_serve_channel(&g, "default/q", 1, 95, NULL);
        edges_pass(&g, 10);
    }
    const char *text = told(s), *q = text, *a = text;
    for (int seq = 1; seq <= 95; seq++) {
        char name[20];
        snprintf(name, sizeof name, "q%d", seq);
        ck_assert_ptr_nonnull(q = strstr(q, name));
        snprintf(name, sizeof name, "a%d", seq);
        ck_assert_ptr_nonnull(a = strstr(a, name));
        ck_assert(q < a);
    }
    ck_assert_uint_eq(strlen(text), strlen(wanted)); /* once each, none late */
    ck_assert_uint_eq(g.n_pages, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(who_recovers_waits_in_vain_once_and_makes_nobody_elses_wait_shorter)
{
    start();
    struct ws_socket *s = missed(95);
    edges_serve_channel(&g, "default/a", 1, 95, "default/q@%d");
    edges_pass(&g, 400);
    ck_assert_str_eq(told(s), "");
    edges_pass(&g, 100); /* the worker of q does not answer */
    ck_assert_str_eq(told(s), "a1! a2! a3! a4! a5! a6! a7! a8! a9! a10!");
    while (edges_serve_channel(&g, "default/a", 1, 95, "default/q@%d"))
        ;
    ck_assert_ptr_nonnull(strstr(told(s), "a95!"));
    ck_assert_uint_eq(g.metrics.hold_timeouts_total, 0);
    answer(96, "default/q@96"); /* news waits as ever */
    ck_assert_str_eq(told(s), "");
    struct ws_socket *live = edges_reader_of_all(&g, "z");
    ck_assert_ptr_nonnull(live);
    while (edges_serve_channel(&g, "default/q", 1, 95, NULL))
        ;
    ck_assert_ptr_nonnull(strstr(told(s), "q95"));
    question(96);
    ck_assert_str_eq(told(s), "q96 a96");
    edges_stop(&g);
}
END_TEST

START_TEST(a_slow_reader_makes_nobody_elses_wait_shorter)
{
    start();
    struct ws_socket *slow = edges_reader_of_all(&g, "qa"), *quick = edges_reader_of_all(&g, "qa");
    for (uint64_t seq = 1; seq <= 6; seq++) {
        char after[40];
        snprintf(after, sizeof after, "default/q@%d", (int)seq);
        slow->connection->blocked = true;
        answer(seq, after);
        edges_pass(&g, 100);
        question(seq);
        edges_pass(&g, 900);
        snprintf(after, sizeof after, "q%d a%d", (int)seq, (int)seq);
        ck_assert_str_eq(told(quick), after);
        connection_writable(slow->connection);
        edges_pass(&g, 0);
        ck_assert_ptr_null(strstr(told(slow), "!"));
    }
    ck_assert_uint_eq(g.metrics.hold_timeouts_total, 0);
    ck_assert_uint_eq(g.metrics.late_deliveries_total, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(a_frame_that_is_read_anew_keeps_its_time)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "qa");
    answer(1, "default/q@1");
    edges_pass(&g, 300);
    for (uint64_t seq = 2; seq <= 40; seq++)
        answer(seq, NULL); /* a1 leaves the ring */
    edges_serve_channel(&g, "default/a", 1, 40, "default/q@1");
    edges_pass(&g, 100);
    ck_assert_str_eq(told(s), "");
    edges_pass(&g, 100);
    const char *text = told(s);
    ck_assert_int_eq(strncmp(text, "a1!", 3), 0);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("hold", an_answer_waits_for_its_question_and_both_are_one_write,
          both_in_memory_go_in_order_whichever_channel_is_looked_at_first, only_its_own_channel_waits_and_only_on_that_connection,
          after_half_a_second_it_is_delivered_marked_and_counted_once, the_mark_is_one_tag_more,
          the_time_counts_from_its_arrival_not_from_the_one_that_reads_it,
          three_that_waited_in_vain_within_a_minute_switch_the_channel_off_for_a_minute,
          what_waits_when_the_channel_is_switched_off_is_let_go, three_in_more_than_a_minute_switch_nothing_off,
          nothing_is_held_for_what_the_connection_has_or_will_not_get, a_chain_of_answers_goes_in_its_order,
          two_that_answer_each_other_to_and_fro_are_one_write, a_circle_that_no_sequencer_accepts_holds_nobody,
          the_end_of_the_other_subscription_lets_it_go, its_own_end_while_it_waits_leaves_nothing_behind,
          a_subscribe_without_a_reply_holds_until_it_is_known_where_it_begins, the_question_may_be_more_than_one_write_away,
          an_answer_is_not_in_the_reply_before_the_question_is, two_channels_that_are_read_by_pages_stay_in_order,
          who_recovers_waits_in_vain_once_and_makes_nobody_elses_wait_shorter, a_slow_reader_makes_nobody_elses_wait_shorter,
          a_frame_that_is_read_anew_keeps_its_time)
