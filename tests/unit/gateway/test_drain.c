/* One that is cleared; one that leaves ends a loop: process/tests_links.py. */
#include "drain.h"

#include "fake_edges.h"
#include "unit.h"

#define N 100

static struct gateway_options options;
static struct gateway g;
static struct ws_socket *s[N];
static struct drain *d;

static void start(void)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
    for (int i = 0; i < N; i++) {
        s[i] = edges_connect(&g);
        edges_say(s[i], "{\"id\":1,\"connect\":{}}");
    }
    d = drain_new(&g);
}

static void end(void)
{
    drain_free(d);
    edges_stop(&g);
}

static int gone(void)
{
    int n = 0;
    for (int i = 0; i < N; i++)
        n += s[i]->close_code == DISCONNECT_SHUTDOWN;
    return n;
}

static void pass(int ms)
{
    for (; ms > 0; ms -= 20)
        edges_pass(&g, 20);
}

START_TEST(nobody_goes_without_a_rate)
{
    start();
    pass(3000);
    ck_assert_int_eq(gone(), 0);
    ck_assert(!drain_leaves(d));
    ck_assert(!drain_leaves(NULL));
    end();
}
END_TEST

START_TEST(so_many_a_second_go_and_an_idle_time_owes_nobody)
{
    start();
    drain_pace(d, 20);
    pass(2000);
    ck_assert_int_ge(gone(), 35);
    ck_assert_int_le(gone(), 41);
    int before = gone();
    drain_pace(d, 0);
    pass(5000);
    ck_assert_int_le(gone(), before + 1);
    drain_pace(d, 1000);
    pass(300);
    ck_assert_int_eq(gone(), N);
    end();
}
END_TEST

START_TEST(the_end_that_was_told_makes_it_faster_than_the_rate)
{
    start();
    drain_pace(d, 1);
    drain_leave(d, 2000);
    ck_assert(drain_leaves(d));
    pass(1000);
    ck_assert_int_ge(gone(), 30);
    ck_assert_int_le(gone(), 70);
    drain_leave(d, 60000); /* the earlier one counts */
    pass(700);
    ck_assert_int_ge(gone(), 70);
    end();
}
END_TEST

START_TEST(who_waits_for_an_answer_comes_last)
{
    start();
    edges_say(s[0], "{\"id\":3,\"publish\":{\"channel\":\"x\",\"data\":1}}");
    drain_pace(d, 10000);
    pass(1000);
    ck_assert_int_eq(gone(), N - 1);
    ck_assert_uint_eq(s[0]->close_code, 0);
    ops_publish_done(&g, edges.publish_ticket, &(struct ops_published){.seq = 1});
    pass(200);
    ck_assert_int_eq(gone(), N);
    end();
}
END_TEST

START_TEST(who_has_not_been_let_in_yet_comes_last)
{
    start();
    struct ws_socket *fresh = edges_connect(&g);
    drain_pace(d, 10000);
    pass(1000);
    ck_assert_int_eq(gone(), N);
    ck_assert_uint_eq(fresh->close_code, 0);
    edges_say(fresh, "{\"id\":1,\"connect\":{}}");
    pass(200);
    ck_assert_uint_eq(fresh->close_code, DISCONNECT_SHUTDOWN);
    end();
}
END_TEST

START_TEST(whoever_is_left_stays_when_it_is_called_off)
{
    start();
    drain_pace(d, 20);
    pass(1000);
    drain_free(d);
    d = NULL;
    int before = gone();
    pass(3000);
    ck_assert_int_eq(gone(), before);
    end();
}
END_TEST

START_TEST(who_comes_when_nobody_was_left_goes_at_the_rate)
{
    start();
    drain_pace(d, 1000);
    pass(400);
    ck_assert_int_eq(gone(), N);
    drain_pace(d, 20);
    pass(10000);
    for (int i = 0; i < N; i++) {
        s[i] = edges_connect(&g);
        edges_say(s[i], "{\"id\":1,\"connect\":{}}");
    }
    pass(400);
    ck_assert_int_ge(gone(), 5);
    ck_assert_int_le(gone(), 10);
    end();
}
END_TEST

UNIT_MAIN("drain", nobody_goes_without_a_rate, so_many_a_second_go_and_an_idle_time_owes_nobody,
          the_end_that_was_told_makes_it_faster_than_the_rate, who_waits_for_an_answer_comes_last,
          who_has_not_been_let_in_yet_comes_last,
          whoever_is_left_stays_when_it_is_called_off,
          who_comes_when_nobody_was_left_goes_at_the_rate)
