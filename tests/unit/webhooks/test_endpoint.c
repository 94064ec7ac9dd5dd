#include "endpoint.h"

#include "core/clock.h"
#include "unit.h"

#define PLACES 4

static struct endpoints e;
static int64_t now;

static void start(void)
{
    endpoints_init(&e, PLACES, 1000, 60000);
    now = 1000 * NS_PER_S;
}

/* What waits: one letter a tenant. */
static void look(const char *tenants)
{
    endpoints_look(&e);
    for (; *tenants; tenants++)
        endpoints_waits(&e, bytes_of(tenants, 1));
    endpoints_looked(&e);
}

static char next(void)
{
    const struct endpoint *ep = endpoints_next(&e, now);
    return ep ? ep->tenant.p[0] : '-';
}

static struct endpoint *the(const char *tenant)
{
    return map_find_bytes(&e.all, bytes_str(tenant), struct endpoint, by_tenant, tenant);
}

static void post(const char *tenant, bool takes)
{
    struct endpoint *ep = the(tenant);
    endpoint_goto(ep, ENDPOINT_POSTING);
    int64_t due = takes ? endpoint_took(ep, now) : endpoint_failed(ep, now, UINT64_MAX);
    endpoint_goto(ep, ENDPOINT_SETTLING);
    endpoint_rests(ep, due);
}

START_TEST(one_batch_of_a_tenant_is_under_way_at_most)
{
    start();
    look("ab");
    ck_assert_int_eq(next(), 'a');
    ck_assert_int_eq(next(), 'b');
    ck_assert_int_eq(next(), '-');
    post("a", true);
    ck_assert_int_eq(next(), 'a');
    endpoints_fini(&e);
}
END_TEST

START_TEST(tenants_take_turns_for_the_places)
{
    start();
    look("abcdef");
    ck_assert_int_eq(next(), 'a');
    ck_assert_int_eq(next(), 'b');
    ck_assert_int_eq(next(), 'c');
    ck_assert_int_eq(next(), 'd');
    ck_assert_int_eq(next(), '-');
    post("a", true);
    ck_assert_int_eq(next(), 'e');
    post("b", true);
    ck_assert_int_eq(next(), 'f');
    endpoints_fini(&e);
}
END_TEST

START_TEST(one_that_fails_rests_longer_and_longer_and_is_forgiven_at_once)
{
    start();
    look("a");
    for (int64_t ms = 1000; ms <= 60000; ms *= 2) {
        ck_assert_int_eq(next(), 'a');
        post("a", false);
        now += 61 * NS_PER_S;
    }
    ck_assert_uint_eq(endpoints_failing(&e), 1);
    ck_assert_int_eq(next(), 'a');
    post("a", false);
    ck_assert_int_ge(the("a")->due_ns - now, NS_PER_S);
    ck_assert_int_le(the("a")->due_ns - now, 60 * NS_PER_S);
    now = the("a")->due_ns - 1;
    ck_assert_int_eq(next(), '-');
    now++;
    ck_assert_int_eq(next(), 'a');
    post("a", true);
    ck_assert_uint_eq(endpoints_failing(&e), 0);
    ck_assert_int_eq(next(), 'a');
    endpoints_fini(&e);
}
END_TEST

START_TEST(those_that_fail_leave_half_of_the_places_to_the_others)
{
    start();
    look("abc");
    for (const char *t = "abc"; *t; t++) {
        char name[2] = {*t};
        next();
        post(name, false);
    }
    now += 61 * NS_PER_S;
    look("abcxyz");
    ck_assert_int_eq(next(), 'a');
    ck_assert_int_eq(next(), 'b');
    ck_assert_int_eq(next(), 'x');
    ck_assert_int_eq(next(), 'y');
    ck_assert_int_eq(next(), '-');
    post("x", true);
    ck_assert_int_eq(next(), 'z');
    post("a", false);
    ck_assert_int_eq(next(), 'c');
    endpoints_fini(&e);
}
END_TEST

START_TEST(a_tenant_of_which_nothing_waits_is_forgotten_when_it_is_idle)
{
    start();
    look("ab");
    ck_assert_int_eq(next(), 'a');
    look("");
    ck_assert_uint_eq(e.all.count, 1);
    post("a", true);
    ck_assert_int_eq(next(), '-'); /* nothing was found for it */
    look("");
    ck_assert_uint_eq(e.all.count, 0);
    ck_assert_uint_eq(e.busy, 0);
    endpoints_fini(&e);
}
END_TEST

UNIT_MAIN("endpoint", one_batch_of_a_tenant_is_under_way_at_most, tenants_take_turns_for_the_places,
          one_that_fails_rests_longer_and_longer_and_is_forgiven_at_once, those_that_fail_leave_half_of_the_places_to_the_others,
          a_tenant_of_which_nothing_waits_is_forgotten_when_it_is_idle)
