#include "page.h"

#include "fake_edges.h"
#include "flow.h"
#include "unit.h"

#include <stdio.h>

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    options.page_messages = 10;
    options.ring_messages = 20;
    options.recovered_bytes = 0; /* all by pushes */
    edges_start(&g, &options);
}

/* A subscribe that recovers from that offset; the channel's head is `head` when it is opened. */
static struct ws_socket *back(uint64_t offset, uint64_t head)
{
    char text[200];
    struct ws_socket *s = edges_connect(&g);
    snprintf(text, sizeof text, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"x\",\"recover\":true,\"offset\":%llu,"
             "\"epoch\":\"1\"}}", (unsigned long long)offset);
    edges_say(s, text);
    edges_subscribed(&g, "default/x", 1, head);
    return s;
}

static void expect(struct ws_socket *s, uint64_t first, uint64_t last)
{
    char *text = edges_take(s), *at = text, wanted[40];
    for (uint64_t seq = first; seq <= last; seq++) {
        snprintf(wanted, sizeof wanted, "\"offset\":%llu,\"tags\"", (unsigned long long)seq);
        at = strstr(at, wanted);
        ck_assert_msg(at != NULL, "offset %llu is missing or out of order", (unsigned long long)seq);
    }
    ck_assert_ptr_null(strstr(at + 1, "\"push\""));
    free(text);
}

START_TEST(reads_on_page_by_page_until_it_is_in_the_ring)
{
    start();
    struct ws_socket *s = back(0, 100);
    edges_publish(&g, "default/x", 1, 101, "1");
    while (edges_serve(&g, 1, 101))
        ck_assert_uint_le(g.n_pages, 1);
    expect(s, 1, 101);
    ck_assert_uint_eq(g.n_pages, 0);
    ck_assert_int_eq(edges.reads, 10);
    edges_stop(&g);
}
END_TEST

START_TEST(readers_of_the_same_part_share_a_page)
{
    start();
    struct ws_socket *a = back(50, 100), *b = back(50, 100), *d = back(53, 100);
    ck_assert_int_eq(edges.reads, 1);
    while (edges_serve(&g, 1, 100))
        ;
    expect(a, 51, 100);
    expect(b, 51, 100);
    expect(d, 54, 100);
    ck_assert_int_eq(edges.reads, 5);
    edges_stop(&g);
}
END_TEST

START_TEST(a_page_that_reaches_the_ring_goes_into_it)
{
    start();
    struct ws_socket *a = back(92, 100);
    edges_range(&g, 0, 1, 100, 93, 100);
    expect(a, 93, 100);
    struct ws_socket *b = back(95, 100);
    expect(b, 96, 100);
    ck_assert_int_eq(edges.reads, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(a_page_that_fails_is_read_again_and_nothing_is_skipped)
{
    start();
    struct ws_socket *s = back(95, 100);
    edges_range(&g, 100, 0, 0, 0, 0); /* PostgreSQL is away */
    edges_pass(&g, 400);
    ck_assert_int_eq(edges.reads, 2);
    edges_range(&g, 0, 1, 90, 0, 0); /* a worker that is behind */
    edges_pass(&g, 700);
    ck_assert_int_eq(edges.reads, 3);
    edges_range(&g, 0, 1, 100, 96, 100);
    expect(s, 96, 100);
    edges_stop(&g);
}
END_TEST

START_TEST(a_worker_that_is_away_is_asked_again)
{
    start();
    edges.worker_away = true;
    struct ws_socket *s = back(95, 100);
    edges_pass(&g, 300);
    edges.worker_away = false;
    edges_pass(&g, 600);
    edges_range(&g, 0, 1, 100, 96, 100);
    expect(s, 96, 100);
    edges_stop(&g);
}
END_TEST

START_TEST(a_cursor_whose_rows_are_gone_is_told_2500)
{
    start();
    struct ws_socket *s = back(100, 100);
    free(edges_take(s));
    edges_publish(&g, "default/x", 1, 105, "1");
    edges_range(&g, 0, 1, 105, 103, 105);
    char *text = edges_take(s);
    ck_assert_str_eq(text, "{\"push\":{\"channel\":\"x\",\"unsubscribe\":{\"code\":2500,\"reason\":\"insufficient state\"}}}");
    free(text);
    edges_stop(&g);
}
END_TEST

START_TEST(rows_that_are_not_there_yet_are_waited_for_and_not_for_ever)
{
    start();
    struct ws_socket *s = back(95, 100);
    edges_range(&g, 0, 1, 100, 0, 0);
    edges_pass(&g, 300);
    edges_range(&g, 0, 1, 100, 96, 100);
    expect(s, 96, 100);
    struct ws_socket *late = back(5, 100);
    for (int i = 0; i < 3; i++) {
        edges_range(&g, 0, 1, 100, 0, 0);
        edges_pass(&g, 600);
    }
    char *text = edges_take(late);
    ck_assert_ptr_nonnull(strstr(text, "\"offset\":100,\"was_recovering\":true}"));
    free(text);
    edges_stop(&g);
}
END_TEST

START_TEST(pages_are_bounded_and_further_cursors_wait_their_turn)
{
    start();
    options.pages_max = 2;
    struct ws_socket *s[5];
    for (uint64_t i = 0; i < 5; i++)
        s[i] = back(i * 10, 100);
    ck_assert_uint_eq(g.n_pages, 2);
    ck_assert(!list_is_empty(&g.page_waiters));
    while (edges_serve(&g, 1, 100))
        ck_assert_uint_le(g.n_pages, 2);
    for (uint64_t i = 0; i < 5; i++)
        expect(s[i], i * 10 + 1, 100);
    ck_assert(list_is_empty(&g.page_waiters));
    edges_stop(&g);
}
END_TEST

START_TEST(a_reader_may_leave_at_any_moment)
{
    start();
    options.pages_max = 1;
    struct ws_socket *a = back(0, 100), *b = back(50, 100), *d = back(50, 100);
    edges_leave(b);
    edges_range(&g, 0, 1, 100, 1, 10);
    edges_leave(a);
    edges_leave(d);
    ck_assert_uint_eq(g.n_pages, 0);
    edges_pass(&g, 10000);
    edges_stop(&g);
}
END_TEST

START_TEST(a_newer_epoch_ends_all_reading)
{
    start();
    struct ws_socket *a = back(0, 100), *b = back(95, 100);
    edges_publish(&g, "default/x", 2, 3, "1");
    ck_assert_uint_eq(g.n_pages, 0);
    char *text = edges_take(b);
    ck_assert_ptr_nonnull(strstr(text, "\"epoch\":\"2\",\"positioned\":true,\"offset\":3,\"was_recovering\":true}"));
    ck_assert_ptr_null(strstr(text, "\"recovered\""));
    free(text);
    text = edges_take(a);
    ck_assert_ptr_nonnull(strstr(text, "\"was_recovering\":true}"));
    free(text);
    edges_stop(&g);
}
END_TEST

/* It is at head, and of what follows two publications are gone. */
static void lose(struct ws_socket *s, uint64_t head)
{
    edges_publish(&g, "default/x", 1, head + 5, "1");
    edges_range(&g, 0, 1, head + 5, head + 3, head + 5);
    char *text = edges_take(s);
    ck_assert_ptr_nonnull(strstr(text, "\"code\":2500"));
    free(text);
}

START_TEST(three_times_within_a_minute_is_too_much_and_three_times_in_longer_is_not)
{
    start();
    options.ping_interval = 3600000; /* nobody answers a ping here */
    struct ws_socket *s = back(100, 100);
    for (uint64_t n = 0; n < 6; n++) {
        ck_assert_uint_eq(s->close_code, 0);
        lose(s, 100 + 5 * n);
        if (n < 3)
            edges_pass(&g, 61000);
        edges_say(s, "{\"id\":3,\"subscribe\":{\"channel\":\"x\"}}");
        edges_subscribed(&g, "default/x", 1, 105 + 5 * n);
        free(edges_take(s));
    }
    ck_assert_uint_eq(s->close_code, DISCONNECT_SLOW);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("page", reads_on_page_by_page_until_it_is_in_the_ring, readers_of_the_same_part_share_a_page,
          a_page_that_reaches_the_ring_goes_into_it, a_page_that_fails_is_read_again_and_nothing_is_skipped,
          a_worker_that_is_away_is_asked_again, a_cursor_whose_rows_are_gone_is_told_2500,
          rows_that_are_not_there_yet_are_waited_for_and_not_for_ever,
          pages_are_bounded_and_further_cursors_wait_their_turn, a_reader_may_leave_at_any_moment, a_newer_epoch_ends_all_reading,
          three_times_within_a_minute_is_too_much_and_three_times_in_longer_is_not)
