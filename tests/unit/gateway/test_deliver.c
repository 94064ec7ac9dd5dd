#include "deliver.h"

#include "fake_edges.h"
#include "hub.h"
#include "sub.h"
#include "tenant.h"
#include "unit.h"

#include "core/clock.h"

#include <stdio.h>

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    options.write_max_bytes = 1024;
    edges_start(&g, &options);
}

/* How many publications stand in the text, and whether each channel's ascend by one from `next`. */
static int count(const char *text, uint64_t next[256])
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, "{\"push\":{\"channel\":\"")); at++, n++) {
        unsigned char channel = (unsigned char)at[20];
        unsigned long long offset = 0;
        sscanf(strstr(at, "\"offset\":"), "\"offset\":%llu", &offset);
        ck_assert_uint_eq(offset, next[channel]++);
    }
    return n;
}

static int taken(struct ws_socket *s, uint64_t next[256])
{
    char *text = edges_take(s);
    int n = count(text, next);
    free(text);
    return n;
}

START_TEST(one_publication_is_one_write_to_each_subscriber)
{
    start();
    struct ws_socket *a = edges_reader_of_all(&g, "x"), *b = edges_reader_of_all(&g, "xy");
    uint64_t na[256] = {['x'] = 1}, nb[256] = {['x'] = 1};
    edges_publish(&g, "default/x", 1, 1, "1");
    ck_assert_int_eq(taken(a, na), 1);
    ck_assert_int_eq(taken(b, nb), 1);
    ck_assert_int_eq(a->writes, 1);
    edges_stop(&g);
}
END_TEST

START_TEST(a_write_gathers_all_channels_and_is_bounded)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "xyz");
    uint64_t next[256] = {['x'] = 1, ['y'] = 1, ['z'] = 1};
    s->connection->blocked = true;
    for (uint64_t seq = 1; seq <= 50; seq++) {
        edges_publish(&g, "default/x", 1, seq, "\"0123456789\"");
        edges_publish(&g, "default/y", 1, seq, "1");
        edges_publish(&g, "default/z", 1, seq, "1");
    }
    ck_assert_int_eq(s->writes, 0);
    connection_writable(s->connection);
    edges_pass(&g, 0);
    ck_assert_int_eq(taken(s, next), 150);
    ck_assert_uint_le(s->largest, 1024);
    ck_assert_uint_gt(s->largest, 900);
    ck_assert_int_lt(s->writes, 20);
    edges_stop(&g);
}
END_TEST

START_TEST(a_publication_larger_than_a_write_goes_alone)
{
    start();
    char big[5000] = "\"";
    struct ws_socket *s = edges_reader_of_all(&g, "x");
    uint64_t next[256] = {['x'] = 1};
    memset(big + 1, 'x', 4000);
    strcat(big, "\"");
    s->connection->blocked = true;
    edges_publish(&g, "default/x", 1, 1, "1");
    edges_publish(&g, "default/x", 1, 2, big);
    edges_publish(&g, "default/x", 1, 3, "1");
    connection_writable(s->connection);
    edges_pass(&g, 0);
    ck_assert_int_eq(taken(s, next), 3);
    ck_assert_int_eq(s->writes, 3);
    edges_stop(&g);
}
END_TEST

START_TEST(a_full_socket_gets_nothing_until_it_is_writable_and_then_everything)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "x");
    uint64_t next[256] = {['x'] = 1};
    s->full = true;
    for (uint64_t seq = 1; seq <= 5; seq++)
        edges_publish(&g, "default/x", 1, seq, "1");
    ck_assert_int_eq(s->writes, 1);
    s->full = false;
    connection_writable(s->connection);
    edges_pass(&g, 0);
    ck_assert_int_eq(taken(s, next), 5);
    edges_stop(&g);
}
END_TEST

START_TEST(a_flooded_channel_does_not_starve_the_others_of_a_connection)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "xy");
    uint64_t next[256] = {['x'] = 1, ['y'] = 1};
    s->connection->blocked = true;
    for (uint64_t seq = 1; seq <= 200; seq++)
        edges_publish(&g, "default/x", 1, seq, "\"0123456789012345678901234567890123456789\"");
    edges_publish(&g, "default/y", 1, 1, "1");
    connection_writable(s->connection);
    deliver_once(s->connection);
    deliver_once(s->connection);
    taken(s, next);
    ck_assert_uint_eq(next['y'], 2); /* after two writes, though x has not nearly been told */
    ck_assert_uint_lt(next['x'], 50);
    edges_pass(&g, 0);
    taken(s, next);
    ck_assert_uint_eq(next['x'], 201);
    edges_stop(&g);
}
END_TEST

START_TEST(remembers_the_highest_id_that_was_shown)
{
    start();
    struct ws_socket *s = edges_reader_of_all(&g, "x");
    edges_publish(&g, "default/x", 1, 1, "1");
    edges_publish(&g, "default/x", 1, 2, "1");
    ck_assert_uint_eq(s->connection->shown, 2);
    edges_say(s, "{\"id\":9,\"publish\":{\"channel\":\"x\",\"data\":1}}");
    ck_assert_ptr_nonnull(strstr(edges.asked.p, "publish default/x 1 shown 2"));
    edges_stop(&g);
}
END_TEST

START_TEST(many_subscribers_all_hear_all_whatever_the_slices)
{
    start();
    options.flush_slice_us = 50;
    struct ws_socket *readers[200];
    for (int i = 0; i < 200; i++)
        readers[i] = edges_reader_of_all(&g, "x");
    for (uint64_t seq = 1; seq <= 20; seq++)
        edges_publish(&g, "default/x", 1, seq, "1");
    for (int i = 0; i < 200; i++) {
        uint64_t next[256] = {['x'] = 1};
        ck_assert_int_eq(taken(readers[i], next), 20);
    }
    edges_stop(&g);
}
END_TEST

/* 200 subscribers of x have a message to come, and a slice is eight writes. */
static void make_bulk(void)
{
    struct ws_socket *readers[200];
    for (int i = 0; i < 200; i++) {
        readers[i] = edges_reader_of_all(&g, "x");
        readers[i]->connection->blocked = true;
    }
    edges_publish(&g, "default/x", 1, 1, "1");
    for (int i = 0; i < 200; i++)
        readers[i]->connection->blocked = false;
    hub_dirty(readers[0]->connection->subs[0]->channel);
    options.flush_slice_us = 0;
}

START_TEST(it_is_behind_from_the_first_cut_slice_to_the_first_that_leaves_nothing)
{
    start();
    make_bulk();
    ck_assert_int_eq(g.behind_ns, 0);
    int64_t began_ns = g.now_ns;
    for (int i = 1; deliver_turn(&g); i++) {
        ck_assert_int_eq(g.behind_ns, began_ns);
        ck_assert_uint_eq(g.giveway.cuts, i);
        g.now_ns += NS_PER_MS;
    }
    ck_assert_int_gt(g.now_ns, began_ns);
    ck_assert_int_eq(g.behind_ns, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(it_gives_way_until_the_slow_turn_is_narrow)
{
    start();
    make_bulk();
    struct tenant *t = tenant_find(&g, BYTES("default"));
    drr_leave(&t->turn);
    t->noise.noisy = true;
    fairflush_channel(list_first(&g.connections, struct connection, all)->subs[0]->channel);
    ck_assert(deliver_turn(&g));
    ck_assert_uint_eq(g.giveway.cuts, 1);
    g.now_ns += 2 * NS_PER_S;
    ck_assert(deliver_turn(&g));
    ck_assert_uint_eq(g.giveway.cuts, 0);
    edges_stop(&g);
}
END_TEST

START_TEST(bulk_is_over_when_those_whom_it_was_for_have_gone)
{
    start();
    struct ws_socket *reader = edges_reader_of_all(&g, "x");
    g.giveway.cuts = GIVEWAY_CUTS;
    edges_leave(reader);
    ck_assert(!deliver_turn(&g));
    ck_assert_uint_eq(g.giveway.cuts, 0);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("deliver", one_publication_is_one_write_to_each_subscriber, a_write_gathers_all_channels_and_is_bounded,
          a_publication_larger_than_a_write_goes_alone, a_full_socket_gets_nothing_until_it_is_writable_and_then_everything,
          a_flooded_channel_does_not_starve_the_others_of_a_connection, remembers_the_highest_id_that_was_shown,
          many_subscribers_all_hear_all_whatever_the_slices,
          it_is_behind_from_the_first_cut_slice_to_the_first_that_leaves_nothing, it_gives_way_until_the_slow_turn_is_narrow,
          bulk_is_over_when_those_whom_it_was_for_have_gone)
