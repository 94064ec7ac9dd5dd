#include "stranger.h"

#include "fake_edges.h"
#include "unit.h"

static struct gateway_options options;
static struct gateway g;

static void start(int64_t max)
{
    gateway_options_default(&options);
    options.strangers_max = max;
    edges_start(&g, &options);
}

START_TEST(beyond_their_number_the_longest_is_cut_without_a_code)
{
    start(3);
    struct ws_socket *s[5];
    for (int i = 0; i < 5; i++)
        s[i] = edges_connect(&g);
    ck_assert(s[0]->cut && s[1]->cut && !s[2]->cut && !s[3]->cut && !s[4]->cut);
    ck_assert_uint_eq(s[0]->close_code, 0);
    ck_assert_int_eq(g.metrics.strangers, 3);
    ck_assert_uint_eq(g.metrics.strangers_cut_total, 2);
    edges_stop(&g);
    ck_assert_int_eq(g.metrics.strangers, 0);
}
END_TEST

START_TEST(who_has_connected_or_waits_for_it_is_none)
{
    gateway_options_default(&options);
    options.strangers_max = 3;
    options.connect_rate = 1;
    edges_start_gated(&g, &options);
    struct ws_socket *open = edges_connect(&g), *waits = edges_connect(&g);
    edges_say(open, "{\"id\":1,\"connect\":{}}");
    edges_say(waits, "{\"id\":1,\"connect\":{}}");
    ck_assert(connection_is_open(open->connection) && waits->connection->state == CONNECTION_WAITING);
    ck_assert_int_eq(g.metrics.strangers, 0);
    for (int i = 0; i < 10; i++)
        edges_connect(&g);
    ck_assert(!open->cut && !waits->cut);
    ck_assert_ptr_null(open->connection->extras); /* costs no memory any more */
    edges_stop(&g);
}
END_TEST

START_TEST(one_that_left_is_not_cut)
{
    start(2);
    edges_leave(edges_connect(&g));
    struct ws_socket *a = edges_connect(&g), *b = edges_connect(&g);
    ck_assert(!a->cut && !b->cut);
    ck_assert_int_eq(g.metrics.strangers, 2);
    ck_assert(strangers_cut_longest(&g) && a->cut);
    ck_assert(strangers_cut_longest(&g) && b->cut);
    ck_assert(!strangers_cut_longest(&g));
    edges_stop(&g);
}
END_TEST

/* What it had said before may be read after that. */
START_TEST(one_that_was_cut_is_refused_like_any)
{
    gateway_options_default(&options);
    options.strangers_max = 2;
    options.connect_rate = options.connect_rate_start = 1;
    options.connect_queue = 1;
    edges_start_gated(&g, &options);
    for (int i = 0; i < 3; i++)
        edges_say(edges_connect(&g), "{\"id\":1,\"connect\":{}}"); /* nobody else is admitted now */
    struct ws_socket *disconnected = edges_connect(&g), *refused = edges_connect(&g);
    edges_connect(&g);
    edges_connect(&g);
    ck_assert(disconnected->cut && refused->cut);
    edges_say(disconnected, "{\"id\":1,\"connect\":{\"token\":\"none\"}}");
    ck_assert_uint_eq(disconnected->close_code, 3500);
    edges_say(refused, "{\"id\":1,\"connect\":{}}");
    ck_assert_int_eq(refused->connection->state, CONNECTION_REJECTED);
    ck_assert_int_eq(g.metrics.strangers, 2);
    edges_stop(&g);
}
END_TEST

START_TEST(without_a_number_they_are_a_quarter_of_all_places)
{
    start(0);
    g.capacity = 400;
    for (int i = 0; i < 150; i++)
        edges_connect(&g);
    ck_assert_int_eq(g.metrics.strangers, 100);
    g.capacity = 4;
    edges_connect(&g);
    ck_assert_int_eq(g.metrics.strangers, 100); /* one went, one came */
    edges_stop(&g);
}
END_TEST

START_TEST(few_places_have_room_for_strangers_all_the_same)
{
    start(0);
    g.capacity = 40;
    for (int i = 0; i < 80; i++)
        edges_connect(&g);
    ck_assert_int_eq(g.metrics.strangers, 64);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("gateway/stranger", beyond_their_number_the_longest_is_cut_without_a_code, who_has_connected_or_waits_for_it_is_none,
          one_that_left_is_not_cut, one_that_was_cut_is_refused_like_any, without_a_number_they_are_a_quarter_of_all_places,
          few_places_have_room_for_strangers_all_the_same)
