#include "departure.h"

#include "fake_edges.h"
#include "unit.h"

#define N 20

#define TENANTS(of_acme)                                                                                     \
    "{\"version\":2,\"cells\":[],\"api_keys\":[],\"namespaces\":[],\"tenants\":["                             \
    "{\"name\":\"default\",\"cells\":[\"a\"],\"options\":{\"allow_anonymous_connect_without_token\":true}},"  \
    "{\"name\":\"acme\"," of_acme ",\"options\":{\"allow_anonymous_connect_without_token\":true}}]}"
#define STAYING TENANTS("\"cells\":[\"a\"],\"joining\":[],\"leaving\":[]")
#define LEAVING TENANTS("\"cells\":[\"a\",\"b\"],\"joining\":[],\"leaving\":[\"a\"]")
#define GONE TENANTS("\"cells\":[\"b\"],\"joining\":[],\"leaving\":[]")

static struct gateway_options options;
static struct gateway g;
static struct ws_socket *theirs[2 * N], *ours;
static int n;

static void join(int more)
{
    for (; more > 0; more--) {
        theirs[n] = edges_connect_to(&g, "acme");
        edges_say(theirs[n++], "{\"id\":1,\"connect\":{}}");
    }
}

static void start(int64_t rate)
{
    gateway_options_default(&options);
    options.depart_rate = rate;
    options.depart_after = 2000;
    edges_start(&g, &options);
    ours = edges_connect(&g);
    edges_say(ours, "{\"id\":1,\"connect\":{}}");
    n = 0;
    join(N);
}

static int gone(int from)
{
    int count = 0;
    for (int i = from; i < n; i++)
        count += theirs[i]->close_code == DISCONNECT_MOVED;
    return count;
}

static void pass(int ms)
{
    for (; ms > 0; ms -= 20)
        edges_pass(&g, 20);
}

static void end(void)
{
    ck_assert_uint_eq(ours->close_code, 0);
    edges_stop(&g);
}

START_TEST(who_stays_is_left_alone)
{
    start(1000);
    edges_configure_text(&g, STAYING);
    pass(10000);
    ck_assert_int_eq(gone(0), 0);
    end();
}
END_TEST

START_TEST(clients_of_a_tenant_that_leaves_go_after_a_while_and_not_all_at_once)
{
    start(10);
    edges_configure_text(&g, LEAVING);
    pass(1900);
    ck_assert_int_eq(gone(0), 0);
    pass(1100);
    ck_assert_int_ge(gone(0), 7);
    ck_assert_int_le(gone(0), 11);
    pass(2000);
    ck_assert_int_eq(gone(0), N);
    ck_assert_uint_eq(g.metrics.departures_total, N);
    end();
}
END_TEST

START_TEST(who_comes_back_too_early_is_served_until_the_next_pass)
{
    start(1000);
    edges_configure_text(&g, LEAVING);
    pass(2300);
    ck_assert_int_eq(gone(0), N);
    join(N);
    pass(1000);
    ck_assert_int_eq(gone(N), 0);
    pass(3000);
    ck_assert_int_eq(gone(N), N);
    end();
}
END_TEST

/* Some of the pass leave by themselves, and others come meanwhile. */
START_TEST(who_comes_does_not_go_in_the_place_of_who_has_left)
{
    start(10);
    edges_configure_text(&g, LEAVING);
    pass(2500);
    int before = gone(0);
    ck_assert_int_lt(before, N);
    for (int i = 0; i < N; i++)
        if (!theirs[i]->close_code)
            edges_leave(theirs[i]);
    n = 0;
    join(N);
    pass(1000);
    ck_assert_int_eq(gone(0), 0);
    end();
}
END_TEST

START_TEST(who_waits_for_an_answer_goes_when_he_has_it_or_when_it_takes_too_long)
{
    start(1000);
    theirs[0]->connection->n_errands++;
    edges_configure_text(&g, LEAVING);
    pass(4000);
    ck_assert_int_eq(gone(0), N - 1);
    ck_assert_uint_eq(theirs[0]->close_code, 0);
    pass(5000);
    ck_assert_int_eq(gone(0), N);
    theirs[0]->connection->n_errands--;
    end();
}
END_TEST

START_TEST(clients_of_a_tenant_that_is_not_here_any_more_go_at_once)
{
    start(1000);
    edges_configure_text(&g, GONE);
    pass(300);
    ck_assert_int_eq(gone(0), N);
    struct ws_socket *late = edges_connect_to(&g, "acme");
    edges_say(late, "{\"id\":1,\"connect\":{}}");
    ck_assert_uint_eq(late->close_code, DISCONNECT_MOVED);
    end();
}
END_TEST

START_TEST(a_move_that_is_taken_back_sends_nobody_away)
{
    start(1000);
    edges_configure_text(&g, LEAVING);
    pass(1000);
    edges_configure_text(&g, STAYING);
    pass(10000);
    ck_assert_int_eq(gone(0), 0);
    edges_configure_text(&g, LEAVING);
    pass(1500);
    ck_assert_int_eq(gone(0), 0);
    pass(1000);
    ck_assert_int_eq(gone(0), N);
    end();
}
END_TEST

UNIT_MAIN("departure", who_stays_is_left_alone, clients_of_a_tenant_that_leaves_go_after_a_while_and_not_all_at_once,
          who_comes_back_too_early_is_served_until_the_next_pass, who_comes_does_not_go_in_the_place_of_who_has_left,
          who_waits_for_an_answer_goes_when_he_has_it_or_when_it_takes_too_long,
          clients_of_a_tenant_that_is_not_here_any_more_go_at_once, a_move_that_is_taken_back_sends_nobody_away)
