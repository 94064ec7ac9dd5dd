#include "page.h"

#include "fake_edges.h"
#include "flow.h"
#include "tenant.h"
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

START_TEST(who_shares_a_page_with_somebody_whose_rows_are_gone_reads_on)
{
    start();
    struct ws_socket *below = back(50, 100), *at = back(54, 100), *above = back(57, 100);
    ck_assert_int_eq(edges.reads, 1);
    edges_range(&g, 0, 1, 100, 55, 64); /* what is below 55 was removed, or is too old */
    char *text = edges_take(below);
    ck_assert_ptr_nonnull(strstr(text, "\"was_recovering\":true"));
    ck_assert_ptr_null(strstr(text, "\"recovered\":true"));
    free(text);
    while (edges_serve(&g, 1, 100))
        ;
    expect(at, 55, 100);
    expect(above, 58, 100);
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
    ck_assert(pages_are_wanted(&g));
    while (edges_serve(&g, 1, 100))
        ck_assert_uint_le(g.n_pages, 2);
    for (uint64_t i = 0; i < 5; i++)
        expect(s[i], i * 10 + 1, 100);
    ck_assert(!pages_are_wanted(&g));
    edges_stop(&g);
}
END_TEST

/* ---- places among tenants */

#define ANYONE "\"options\":{\"allow_anonymous_connect_without_token\":true}"
#define RECOVERS "\"options\":{\"allow_subscribe_for_client\":true,\"allow_subscribe_for_anonymous\":true,\"force_recovery\":true}"

static void start_with_two_tenants(int64_t pages_max)
{
    start();
    options.pages_max = pages_max;
    edges_configure_text(&g, "{\"tenants\":[{\"name\":\"default\",\"cells\":[\"a\"]," ANYONE "},{\"name\":\"acme\",\"cells\":[\"a\"]," ANYONE "}],"
                             "\"namespaces\":[{\"tenant\":\"default\",\"name\":\"\"," RECOVERS "},"
                             "{\"tenant\":\"acme\",\"name\":\"\"," RECOVERS "}]}");
}

/* Another tab of the client: recovers that channel, whose head is 100, from the start. */
static void recover(struct ws_socket *s, const char *tenant, const char *name)
{
    char text[200];
    snprintf(text, sizeof text, "{\"id\":2,\"subscribe\":{\"channel\":\"%s\",\"recover\":true,\"offset\":0,\"epoch\":\"1\"}}", name);
    edges_say(s, text);
    snprintf(text, sizeof text, "%s/%s", tenant, name);
    edges_subscribed(&g, text, 1, 100);
}

static struct ws_socket *client_of(const char *tenant)
{
    struct ws_socket *s = edges_connect_to(&g, tenant);
    edges_say(s, "{\"id\":1,\"connect\":{}}");
    return s;
}

/* One that reads nothing, with a page that it holds or waits for in each of n channels. */
static struct ws_socket *hog(const char *tenant, int n)
{
    struct ws_socket *s = client_of(tenant);
    for (int i = 0; i < n; i++)
        recover(s, tenant, (char[]){(char)('a' + i), 0});
    return s;
}

static bool is_recovered(struct ws_socket *s)
{
    char *text = edges_take(s);
    bool recovered = strstr(text, "\"recovered\":true");
    free(text);
    return recovered;
}

START_TEST(a_page_that_only_full_sockets_wait_for_makes_room)
{
    start_with_two_tenants(2);
    struct ws_socket *slow = hog("default", 2), *quick = client_of("default");
    edges_serve_channel(&g, "default/a", 1, 100, NULL);
    edges_serve_channel(&g, "default/b", 1, 100, NULL);
    slow->full = true; /* the next write is its last: both its next pages come in vain */
    edges_publish(&g, "default/a", 1, 101, "1");
    while (edges_serve_channel(&g, "default/a", 1, 100, NULL) || edges_serve_channel(&g, "default/b", 1, 100, NULL))
        ;
    ck_assert(slow->connection->blocked);
    ck_assert_uint_eq(g.n_pages, 2);
    recover(quick, "default", "x");
    ck_assert_msg(edges_serve_channel(&g, "default/x", 1, 100, NULL), "its page is not asked for");
    ck_assert(is_recovered(quick));
    edges_stop(&g);
}
END_TEST

START_TEST(who_waits_is_told_of_a_page_that_has_become_of_no_use)
{
    start_with_two_tenants(2);
    struct ws_socket *slow = hog("default", 2), *quick = client_of("default");
    recover(quick, "default", "x");
    slow->full = true;
    edges_serve_channel(&g, "default/a", 1, 100, NULL);
    edges_serve_channel(&g, "default/b", 1, 100, NULL);
    ck_assert(slow->connection->blocked);
    pages_tick(&g);
    edges_pass(&g, 1);
    ck_assert_msg(edges_serve_channel(&g, "default/x", 1, 100, NULL), "its page is not asked for");
    ck_assert(is_recovered(quick));
    edges_stop(&g);
}
END_TEST

START_TEST(who_waits_is_told_of_a_page_whose_readers_have_all_of_it)
{
    start_with_two_tenants(1);
    g.rings.messages_max = 5; /* the page has no room in it */
    struct ws_socket *first = back(90, 100), *second = client_of("default");
    recover(second, "default", "y");
    ck_assert(edges_serve_channel(&g, "default/x", 1, 100, NULL));
    expect(first, 91, 100);
    pages_tick(&g);
    edges_pass(&g, 1);
    ck_assert_msg(edges_serve_channel(&g, "default/y", 1, 100, NULL), "its page is not asked for");
    ck_assert(is_recovered(second));
    edges_stop(&g);
}
END_TEST

START_TEST(a_tenant_that_holds_all_places_gives_back_what_is_above_its_share)
{
    start_with_two_tenants(4);
    hog("default", 6);
    ck_assert_uint_eq(g.n_pages, 4);
    struct ws_socket *s[3];
    for (int i = 0; i < 3; i++)
        recover(s[i] = client_of("acme"), "acme", (char[]){(char)('x' + i), 0});
    ck_assert_uint_eq(g.n_pages, 4);
    ck_assert_uint_eq(s[0]->connection->tenant->pages, 2);
    ck_assert(edges_serve_channel(&g, "acme/x", 1, 100, NULL));
    ck_assert(edges_serve_channel(&g, "acme/y", 1, 100, NULL));
    ck_assert(is_recovered(s[0]) && is_recovered(s[1]));
    int served = 0; /* z waits for x or y to be in its ring, not for what default reads */
    while (!edges_serve_channel(&g, "acme/z", 1, 100, NULL) && served++ < 10) {
        edges_serve_channel(&g, "acme/x", 1, 100, NULL);
        edges_serve_channel(&g, "acme/y", 1, 100, NULL);
    }
    ck_assert(is_recovered(s[2]));
    edges_stop(&g);
}
END_TEST

START_TEST(a_page_that_cannot_be_read_now_makes_room)
{
    start_with_two_tenants(2);
    hog("default", 2);
    edges.request = edges.open[0].request;
    edges_range(&g, 100, 0, 0, 0, 0);
    struct ws_socket *s = client_of("default");
    recover(s, "default", "x");
    ck_assert_uint_eq(g.n_pages, 2);
    ck_assert(edges_serve_channel(&g, "default/x", 1, 100, NULL));
    ck_assert(is_recovered(s));
    edges_stop(&g);
}
END_TEST

START_TEST(cursors_whose_worker_is_away_do_not_put_out_one_another_in_circles)
{
    start_with_two_tenants(2);
    edges.worker_away = true;
    hog("default", 5);
    edges_pass(&g, 200);
    uint64_t read = g.metrics.pages_total;
    for (int i = 0; i < 20; i++)
        edges_pass(&g, 1);
    ck_assert_uint_le(g.metrics.pages_total - read, 2);
    edges_stop(&g);
}
END_TEST

START_TEST(who_waits_for_a_place_waits_in_turn_with_other_tenants)
{
    start_with_two_tenants(2);
    hog("default", 5);
    struct ws_socket *first = client_of("acme"), *second = client_of("acme");
    recover(first, "acme", "x");
    recover(second, "acme", "y");
    ck_assert_uint_eq(first->connection->tenant->pages, 1);
    edges_leave(first); /* its place goes to one of default, whose turn it is, the next one to y */
    for (int i = 0; i < 5 && !edges_serve_channel(&g, "acme/y", 1, 100, NULL); i++)
        edges_serve(&g, 1, 100);
    ck_assert(is_recovered(second));
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
          who_shares_a_page_with_somebody_whose_rows_are_gone_reads_on,
          rows_that_are_not_there_yet_are_waited_for_and_not_for_ever,
          pages_are_bounded_and_further_cursors_wait_their_turn, a_page_that_only_full_sockets_wait_for_makes_room,
          who_waits_is_told_of_a_page_that_has_become_of_no_use, who_waits_is_told_of_a_page_whose_readers_have_all_of_it,
          a_tenant_that_holds_all_places_gives_back_what_is_above_its_share,
          a_page_that_cannot_be_read_now_makes_room, cursors_whose_worker_is_away_do_not_put_out_one_another_in_circles,
          who_waits_for_a_place_waits_in_turn_with_other_tenants, a_reader_may_leave_at_any_moment, a_newer_epoch_ends_all_reading,
          three_times_within_a_minute_is_too_much_and_three_times_in_longer_is_not)
