#include "fairflush.h"

#include "fake_edges.h"
#include "hub.h"
#include "tenant.h"
#include "unit.h"

#include "core/clock.h"

#include <stdio.h>

#define PIECE (FAIRFLUSH_WRITE + 200) /* a write of a small publication */

static struct gateway_options options;
static struct gateway g;

static void start(void)
{
    gateway_options_default(&options);
    edges_start(&g, &options);
}

static struct tenant *tenant(const char *name)
{
    struct tenant *t = tenant_find(&g, bytes_str(name));
    ck_assert_ptr_nonnull(t);
    return t;
}

/* A channel that has news for ever. */
static struct channel *flood(const char *tenant, int number)
{
    char full[100];
    snprintf(full, sizeof full, "%s/flood%d", tenant, number);
    struct channel *c = hub_open(&g, bytes_str(full));
    fairflush_channel(c);
    return c;
}

/* Time enough for the slow turn, at its narrowest. */
static struct tenant *serve_one(void)
{
    g.now_ns += NS_PER_S / FAIRFLUSH_SLOW;
    fairflush_begin(&g);
    struct tenant *t = fairflush_next(&g);
    fairflush_pay(&g, t, PIECE);
    return t;
}

/* Pieces of work, of which `t` has got so many. */
static int served(const struct tenant *t, int pieces)
{
    int n = 0;
    for (int i = 0; i < pieces; i++)
        n += serve_one() == t;
    return n;
}

static void make_noisy(const char *name)
{
    for (int window = 0; window < 2; window++) {
        tenant(name)->noise.busy_ns = NS_PER_S;
        g.now_ns += NS_PER_S;
        fairflush_judge(&g);
    }
    ck_assert(tenant(name)->noise.noisy);
}

START_TEST(a_tenant_has_its_turn_however_many_channels_another_one_floods)
{
    start();
    for (int i = 0; i < 500; i++)
        flood("acme", i);
    flood("default", 0);
    ck_assert_int_le(served(tenant("acme"), 21), 20);
    int n = served(tenant("acme"), 2000);
    ck_assert_int_ge(n, 980);
    ck_assert_int_le(n, 1020);
    edges_stop(&g);
}
END_TEST

START_TEST(a_tenants_channels_take_turns)
{
    start();
    struct channel *a = flood("acme", 1), *b = flood("acme", 2);
    int n = 0;
    for (int i = 0; i < 200; i++) {
        struct drr_flow *turn = drr_next(&tenant("acme")->dirty);
        drr_pay(turn, PIECE);
        n += turn == &a->dirty;
    }
    ck_assert(drr_is_waiting(&b->dirty));
    ck_assert_int_ge(n, 100);
    ck_assert_int_le(n, 120);
    edges_stop(&g);
}
END_TEST

START_TEST(a_tenant_of_three_times_the_weight_has_three_times_as_much)
{
    start();
    flood("slow", 0); /* weight 300 */
    flood("acme", 0);
    int n = served(tenant("slow"), 4000);
    ck_assert_int_ge(n, 2900);
    ck_assert_int_le(n, 3100);
    edges_stop(&g);
}
END_TEST

START_TEST(a_new_configuration_weighs_anew)
{
    static const char text[] = "{\"version\":2,\"cells\":[],\"api_keys\":[],\"namespaces\":[],"
                               "\"tenants\":[{\"name\":\"acme\",\"cells\":[],\"options\":{\"weight\":900}}]}";
    struct config *fresh;
    struct buf why = {0};
    start();
    flood("acme", 0);
    flood("slow", 0);
    ck_assert_int_eq(config_parse(bytes_str(text), BYTES("a"), &fresh, &why), 0);
    config_unref(g.config);
    g.config = fresh;
    tenants_configure(&g);
    ck_assert_uint_eq(tenant("acme")->turn.weight, 900);
    ck_assert_uint_eq(tenant("slow")->turn.weight, DRR_WEIGHT);
    edges_stop(&g);
}
END_TEST

START_TEST(noisy_ones_together_have_a_quarter_of_one_turn)
{
    start();
    flood("acme", 0);
    flood("slow", 0);
    flood("default", 0);
    make_noisy("acme");
    make_noisy("slow");
    ck_assert_int_eq(g.metrics.tenants_slowed, 2);
    int n = served(tenant("default"), 5000);
    ck_assert_int_ge(n, 3900);
    ck_assert_int_le(n, 4100);
    edges_stop(&g);
}
END_TEST

START_TEST(who_is_alone_in_the_slow_turn_waits_for_nobody)
{
    start();
    flood("acme", 0);
    make_noisy("acme");
    ck_assert_int_eq(served(tenant("acme"), 1000), 1000);
    edges_stop(&g);
}
END_TEST

/* -> pieces of work that the slow turn did meanwhile, the loop lagging by so much */
static int slow_for(int64_t ns, int64_t lag_ns)
{
    int n = 0;
    for (int64_t end_ns = g.now_ns + ns; g.now_ns < end_ns; g.now_ns += 100000) {
        g.lag = (struct lag){.worst_ns = lag_ns, .at_ns = g.now_ns};
        struct tenant *t = fairflush_begin(&g) ? fairflush_next(&g) : NULL;
        if (t)
            fairflush_pay(&g, t, FAIRFLUSH_WRITES * FAIRFLUSH_WRITE);
        n += t != NULL;
    }
    return n;
}

static int slow_second(int64_t lag_ns)
{
    return slow_for(NS_PER_S, lag_ns);
}

START_TEST(the_slow_turn_is_as_wide_as_the_lag_allows)
{
    start();
    flood("acme", 0);
    make_noisy("acme");
    for (int i = 0; i < 5; i++)
        slow_second(NS_PER_MS);
    ck_assert_int_ge(slow_second(NS_PER_MS), 9900); /* of 10,000 looks */
    for (int i = 0; i < 8; i++)
        slow_second(20 * NS_PER_MS);
    int n = slow_second(20 * NS_PER_MS);
    ck_assert_int_ge(n, FAIRFLUSH_SLOW - 5);
    ck_assert_int_le(n, FAIRFLUSH_SLOW + 5);
    edges_stop(&g);
}
END_TEST

START_TEST(a_flood_that_comes_to_its_end_finds_the_slow_turn_wide)
{
    start();
    struct channel *c = flood("acme", 0);
    make_noisy("acme");
    for (int floods = 0; floods < 10; floods++) { /* each of a second and a half */
        ck_assert_int_eq(slow_for(3 * NS_PER_S / 2, 20 * NS_PER_MS), 15000);
        drr_leave(&c->dirty);
        ck_assert_ptr_null(fairflush_next(&g));
        fairflush_channel(c);
    }
    slow_for(2 * NS_PER_S, 20 * NS_PER_MS);
    ck_assert_int_le(slow_second(20 * NS_PER_MS), FAIRFLUSH_SLOW + 5);
    edges_stop(&g);
}
END_TEST

START_TEST(a_parked_slow_turn_holds_nobody_up_and_the_loop_may_wait_for_it)
{
    start();
    flood("acme", 0);
    make_noisy("acme");
    g.now_ns += 2 * NS_PER_S; /* without an end: it may be narrow */
    while (fairflush_begin(&g) && fairflush_next(&g))
        fairflush_pay(&g, tenant("acme"), FAIRFLUSH_WRITES * FAIRFLUSH_WRITE);
    ck_assert(g.flush.parked);
    ck_assert_int_ge(fairflush_next_ms(&g), 1);
    ck_assert_int_le(fairflush_next_ms(&g), 1000 / FAIRFLUSH_SLOW);
    flood("acme", 1);
    ck_assert(!fairflush_begin(&g));
    flood("default", 0);
    ck_assert(fairflush_begin(&g));
    ck_assert_ptr_eq(fairflush_next(&g), tenant("default"));
    g.now_ns += fairflush_next_ms(&g) * NS_PER_MS;
    ck_assert(fairflush_begin(&g));
    ck_assert(!g.flush.parked);
    ck_assert_int_eq(fairflush_next_ms(&g), -1);
    edges_stop(&g);
}
END_TEST

START_TEST(who_calms_down_comes_back)
{
    start();
    flood("acme", 0);
    flood("default", 0);
    make_noisy("acme");
    for (int window = 0; window < 5; window++) {
        g.now_ns += NS_PER_S;
        fairflush_judge(&g);
    }
    ck_assert_int_eq(g.metrics.tenants_slowed, 0);
    int n = served(tenant("acme"), 1000);
    ck_assert_int_ge(n, 450);
    ck_assert_int_le(n, 550);
    edges_stop(&g);
}
END_TEST

START_TEST(who_waits_for_a_narrow_slow_turn_has_not_calmed_down)
{
    start();
    flood("acme", 0);
    make_noisy("acme");
    g.now_ns += NS_PER_S;
    for (int window = 0; window < 20; window++) {
        g.now_ns += NS_PER_S;
        while (fairflush_begin(&g) && fairflush_next(&g))
            fairflush_pay(&g, tenant("acme"), PIECE);
        fairflush_judge(&g);
    }
    ck_assert(tenant("acme")->noise.noisy);
    edges_stop(&g);
}
END_TEST

START_TEST(who_leaves_while_it_waits_is_gone)
{
    start();
    struct ws_socket *s = edges_connect_to(&g, "acme");
    connection_dirty(s->connection);
    make_noisy("acme");
    edges_leave(s);
    ck_assert_ptr_null(tenant_find(&g, BYTES("acme")));
    ck_assert_int_eq(g.metrics.tenants_slowed, 0);
    ck_assert_ptr_null(fairflush_next(&g));
    ck_assert(!fairflush_begin(&g));
    edges_stop(&g);
}
END_TEST

START_TEST(what_a_connection_has_to_say_goes_along_to_the_tenant_that_its_token_names)
{
    start();
    struct ws_socket *s = edges_connect(&g);
    connection_dirty(s->connection);
    connection_identify(s->connection, &(struct identity){.tenant = BYTES("acme"), .user = BYTES("u"), .info = BYTES("{}")});
    ck_assert_ptr_eq(fairflush_next(&g), tenant("acme"));
    ck_assert(!list_is_empty(&tenant("acme")->talking));
    edges_stop(&g);
}
END_TEST

START_TEST(switched_off_who_came_first_goes_first_and_on)
{
    gateway_options_default(&options);
    options.fair_queuing = false;
    edges_start(&g, &options);
    struct channel *first = flood("acme", 0);
    flood("default", 0);
    ck_assert_ptr_eq(tenant("acme"), tenant("default"));
    for (int i = 0; i < 1000; i++) {
        struct drr_flow *turn = drr_next(&serve_one()->dirty);
        ck_assert_ptr_eq(turn, &first->dirty);
        drr_pay(turn, PIECE);
    }
    edges_stop(&g);
}
END_TEST

START_TEST(who_has_more_weight_may_take_more_before_it_is_noisy)
{
    start();
    flood("acme", 0);
    flood("slow", 0); /* weight 300 */
    for (int window = 0; window < 3; window++) {
        tenant("acme")->noise.busy_ns = tenant("slow")->noise.busy_ns = NS_PER_S / 2;
        g.now_ns += NS_PER_S;
        fairflush_judge(&g);
    }
    ck_assert(tenant("acme")->noise.noisy);
    ck_assert(!tenant("slow")->noise.noisy);
    edges_stop(&g);
}
END_TEST

UNIT_MAIN("fairflush", a_tenant_has_its_turn_however_many_channels_another_one_floods, a_tenants_channels_take_turns,
          a_tenant_of_three_times_the_weight_has_three_times_as_much, a_new_configuration_weighs_anew,
          noisy_ones_together_have_a_quarter_of_one_turn, who_is_alone_in_the_slow_turn_waits_for_nobody, the_slow_turn_is_as_wide_as_the_lag_allows,
          a_flood_that_comes_to_its_end_finds_the_slow_turn_wide,
          a_parked_slow_turn_holds_nobody_up_and_the_loop_may_wait_for_it, who_calms_down_comes_back,
          who_waits_for_a_narrow_slow_turn_has_not_calmed_down,
          who_leaves_while_it_waits_is_gone, what_a_connection_has_to_say_goes_along_to_the_tenant_that_its_token_names,
          switched_off_who_came_first_goes_first_and_on,
          who_has_more_weight_may_take_more_before_it_is_noisy)
