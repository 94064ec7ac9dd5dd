#include "occupancy.h"

#include "core/buf.h"
#include "core/clock.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#define GRACE_S 5
#define ACME "{\"name\":\"acme\",\"options\":{\"webhook_url\":\"http://app\"}}"
#define BRIEF "{\"name\":\"brief\",\"options\":{\"webhook_url\":\"http://app\",\"webhook_linger\":\"7s\",\"webhook_events\":[\"channel_vacated\"]}}"
#define SILENT "{\"name\":\"silent\",\"options\":{}}"
#define CLIENT "cellcast/client:acme:c1"

static struct occupancy o;
static struct buf text;

static int configure(const char *tenants)
{
    struct buf json = {0};
    buf_printf(&json, "{\"version\":1,\"tenants\":[%s]}", tenants);
    int answer = occupancy_configure(&o, buf_bytes(&json));
    buf_fini(&json);
    return answer;
}

static void start(void)
{
    occupancy_init(&o, GRACE_S * NS_PER_S);
    o.now_ns = 1000 * NS_PER_S;
    ck_assert_int_eq(configure(ACME "," BRIEF "," SILENT), 1);
}

static void end(void)
{
    occupancy_fini(&o);
    buf_fini(&text);
}

static void pass(int64_t ms)
{
    o.now_ns += ms * NS_PER_MS;
    occupancy_tick(&o);
}

static void held(const char *subject)
{
    occupancy_held(&o, bytes_str(subject), bytes_starts(bytes_str(subject), BYTES(OCCUPANCY_CLIENT)) ? BYTES("{}") : BYTES(""));
}

static void gone(const char *subject)
{
    occupancy_gone(&o, bytes_str(subject));
}

static void row(const char *subject)
{
    occupancy_row(&o, bytes_str(subject));
}

/* What flies now: "+held -gone", or "" */
static const char *fly(void)
{
    struct subject *s;
    buf_clear(&text);
    buf_append_str(&text, "");
    occupancy_fly(&o, 10);
    list_for_each(s, &o.flying, link)
        buf_printf(&text, "%s%c%.*s", text.n ? " " : "", s->says ? '+' : '-', BYTES_FMT(s->name));
    return text.p ? text.p : "";
}

static const char *tell(void)
{
    const char *what = fly();
    occupancy_landed(&o);
    return what;
}

START_TEST(a_channel_is_occupied_at_once_and_vacated_after_the_linger)
{
    start();
    held("acme/a");
    ck_assert_str_eq(tell(), "+acme/a");
    gone("acme/a");
    pass(14900);
    ck_assert_str_eq(tell(), "");
    pass(200);
    ck_assert_str_eq(tell(), "-acme/a");
    ck_assert_uint_eq(o.subjects.count, 0);
    end();
}
END_TEST

START_TEST(who_comes_back_within_the_linger_causes_nothing)
{
    start();
    held("acme/a");
    tell();
    gone("acme/a");
    pass(10000);
    held("acme/a");
    pass(20000);
    ck_assert_str_eq(tell(), "");
    gone("acme/a");
    pass(10000);
    ck_assert_str_eq(tell(), ""); /* it lingers anew */
    end();
}
END_TEST

START_TEST(what_came_and_went_between_two_calls_is_not_told)
{
    start();
    held("acme/a");
    held(CLIENT);
    gone("acme/a");
    gone(CLIENT);
    ck_assert_str_eq(tell(), "");
    ck_assert_uint_eq(o.subjects.count, 0);
    ck_assert_uint_eq(o.n_ready, 0);
    end();
}
END_TEST

START_TEST(a_client_goes_at_once)
{
    start();
    held(CLIENT);
    ck_assert_str_eq(tell(), "+" CLIENT);
    gone(CLIENT);
    ck_assert_str_eq(tell(), "-" CLIENT);
    end();
}
END_TEST

START_TEST(a_tenant_has_its_own_linger_and_its_own_events)
{
    start();
    held("brief/a");
    held("cellcast/client:brief:c1");
    ck_assert_str_eq(tell(), "+brief/a");
    gone("brief/a");
    pass(7000);
    ck_assert_str_eq(tell(), "-brief/a");
    end();
}
END_TEST

START_TEST(tenants_without_a_webhook_cost_nothing)
{
    start();
    held("silent/a");
    held("nobody/a");
    row("silent/b");
    ck_assert_uint_eq(o.subjects.count, 0);
    ck_assert_int_eq(configure(SILENT), 0);
    ck_assert(occupancy_is_off(&o));
    held("acme/a");
    ck_assert_uint_eq(o.subjects.count, 0);
    end();
}
END_TEST

START_TEST(what_turns_while_it_is_told_is_told_afterwards)
{
    start();
    held(CLIENT);
    ck_assert_str_eq(fly(), "+" CLIENT);
    gone(CLIENT);
    occupancy_landed(&o);
    ck_assert_str_eq(fly(), "-" CLIENT);
    held(CLIENT);
    occupancy_landed(&o);
    ck_assert_str_eq(tell(), "+" CLIENT);
    end();
}
END_TEST

START_TEST(what_may_have_been_told_is_said_again)
{
    start();
    held("acme/a");
    fly();
    occupancy_lost(&o);
    ck_assert_str_eq(tell(), "+acme/a");
    gone("acme/a");
    pass(15000);
    ck_assert_str_eq(fly(), "-acme/a");
    occupancy_lost(&o);
    ck_assert_str_eq(tell(), "-acme/a");
    end();
}
END_TEST

START_TEST(one_that_came_and_went_in_a_call_that_was_lost_is_taken_back)
{
    start();
    held("acme/a");
    fly();
    gone("acme/a");
    occupancy_lost(&o);
    ck_assert_str_eq(tell(), "");
    pass(15000);
    ck_assert_str_eq(tell(), "-acme/a");
    end();
}
END_TEST

START_TEST(a_new_worker_tells_only_what_vanished_meanwhile)
{
    start();
    held("acme/a");
    held(CLIENT);
    occupancy_round_begins(&o);
    row("acme/a");
    row("acme/b");
    row(CLIENT);
    row("cellcast/client:acme:c2");
    occupancy_round_ends(&o);
    ck_assert_str_eq(tell(), "");
    pass(14900);
    ck_assert_str_eq(tell(), "");
    held("acme/b"); /* its gateway came late */
    pass(200);
    ck_assert_str_eq(tell(), "-cellcast/client:acme:c2");
    ck_assert_uint_eq(o.healed, 0);
    end();
}
END_TEST

START_TEST(a_row_that_is_missing_is_told_again)
{
    start();
    held("acme/a");
    held("acme/b");
    tell();
    occupancy_round_begins(&o);
    row("acme/a");
    occupancy_round_ends(&o);
    ck_assert_str_eq(tell(), "+acme/b");
    ck_assert_uint_eq(o.healed, 1);
    end();
}
END_TEST

START_TEST(what_is_told_during_a_round_is_not_missed_by_it)
{
    start();
    held("acme/a");
    occupancy_round_begins(&o);
    tell();
    held("acme/b");
    fly();
    occupancy_round_ends(&o);
    occupancy_landed(&o);
    ck_assert_uint_eq(o.healed, 0);
    ck_assert_str_eq(tell(), "");
    end();
}
END_TEST

static bool is_a(void *ctx, struct bytes subject)
{
    return bytes_is(subject, "acme/a");
}

START_TEST(subjects_of_another_worker_are_forgotten_even_while_they_are_told)
{
    start();
    held("acme/a");
    held("acme/b");
    fly();
    occupancy_keep(&o, is_a, NULL);
    occupancy_landed(&o);
    ck_assert_uint_eq(o.subjects.count, 1);
    ck_assert_str_eq(tell(), "");
    end();
}
END_TEST

START_TEST(a_webhook_that_is_taken_away_takes_its_subjects_along)
{
    start();
    held("acme/a");
    held("brief/a");
    fly();
    ck_assert_int_eq(configure(ACME), 0);
    occupancy_landed(&o);
    ck_assert_uint_eq(o.subjects.count, 1);
    ck_assert_int_eq(configure(ACME "," BRIEF), 1);
    ck_assert_int_eq(occupancy_configure(&o, BYTES("7")), -EBADMSG);
    held("brief/a");
    ck_assert_str_eq(tell(), "+brief/a");
    end();
}
END_TEST

START_TEST(a_call_takes_no_more_than_it_may)
{
    start();
    for (int i = 0; i < 25; i++) {
        char name[32];
        snprintf(name, sizeof name, "acme/%d", i);
        held(name);
    }
    size_t calls[3];
    for (int i = 0; i < 3; i++) {
        calls[i] = occupancy_fly(&o, 10);
        occupancy_landed(&o);
    }
    ck_assert_uint_eq(calls[0] + calls[1], 20);
    ck_assert_uint_eq(calls[2], 5);
    end();
}
END_TEST

UNIT_MAIN("occupancy", a_channel_is_occupied_at_once_and_vacated_after_the_linger, who_comes_back_within_the_linger_causes_nothing,
          what_came_and_went_between_two_calls_is_not_told, a_client_goes_at_once, a_tenant_has_its_own_linger_and_its_own_events,
          tenants_without_a_webhook_cost_nothing, what_turns_while_it_is_told_is_told_afterwards, what_may_have_been_told_is_said_again,
          one_that_came_and_went_in_a_call_that_was_lost_is_taken_back, a_new_worker_tells_only_what_vanished_meanwhile,
          a_row_that_is_missing_is_told_again, what_is_told_during_a_round_is_not_missed_by_it,
          subjects_of_another_worker_are_forgotten_even_while_they_are_told, a_webhook_that_is_taken_away_takes_its_subjects_along,
          a_call_takes_no_more_than_it_may)
