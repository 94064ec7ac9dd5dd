/* The real supervisor with fake children; what PostgreSQL and Kafka have to do with is in tests/scenarios. */
#include "cell_run.h"

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define START(...) cell_run_start(&r, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define is_ready() (http(&r, "GET", "/ready") == 200)
#define is_up(child) says(&r, "/status", "\"name\":\"" child "\"") && state_of(child, "up")

static struct cell_run r;

static bool state_of(const char *child, const char *state)
{
    char name[64], want[64];
    snprintf(name, sizeof name, "\"name\":\"%s\"", child);
    snprintf(want, sizeof want, "\"state\":\"%s\"", state);
    if (!says(&r, "/status", name))
        return false;
    const char *at = strstr(r.answer.p, name), *found = strstr(at, want), *end = strchr(at, '}');
    return found && found < end;
}

static void setup(void)
{
    if (r.pid)
        cell_run_end(&r); /* of a test that failed */
    cell_run_prepare(&r);
}

static void teardown(void)
{
    cell_run_end(&r);
}

START_TEST(children_get_configuration_and_map_and_the_cell_is_ready_when_canaries_arrive)
{
    setup();
    START("--gateways=3", "--workers=2");
    wait_until(&r, is_ready());
    ck_assert_uint_eq(told(&r, "gateway-3", "config 7 {\"version\":7"), 1);
    ck_assert_uint_ge(told(&r, "gateway-1", "map "), 1);
    ck_assert_uint_ge(told(&r, "worker-2", "map "), 1);
    ck_assert(says(&r, "/status", "\"source\":\"copy\""));
    ck_assert(says(&r, "/status", "\"owners\":[1,2,1,2,1,2,1,2]") || says(&r, "/status", "\"owners\":[1,"));
    ck_assert(says(&r, "/metrics", "cellcast_supervisor_canary_whole_seconds_bucket{cell=\"a\",process=\"supervisor\""));
    ck_assert(says(&r, "/metrics", "cellcast_supervisor_child_up{cell=\"a\",process=\"worker-2\"} 1"));
    ck_assert_int_eq(http(&r, "GET", "/health"), 200);
    ck_assert_int_eq(http(&r, "GET", "/nothing"), 404);
    teardown();
}
END_TEST

START_TEST(without_a_configuration_nothing_is_started_and_ready_says_what_is_missing)
{
    setup();
    cell_run_start_bare(&r, (const char *const[]){NULL});
    wait_until(&r, says(&r, "/ready", "there is no configuration: PostgreSQL is away: "));
    ck_assert_int_eq(http(&r, "GET", "/ready"), 503);
    ck_assert(says(&r, "/status", "\"processes\":[]"));
    teardown();
}
END_TEST

START_TEST(what_dies_is_started_again_with_its_reason_and_is_counted)
{
    setup();
    START("--gateways=2");
    wait_until(&r, is_ready());
    pid_t before = pid_of(&r, "gateway-2");
    kill(before, SIGKILL);
    wait_until(&r, pid_of(&r, "gateway-2") != before && is_up("gateway-2"));
    ck_assert(says(&r, "/status", "\"last_end\":\"signal 9"));
    ck_assert(says(&r, "/metrics", "child_restarts_total{cell=\"a\",process=\"gateway-2\"} 1"));
    ck_assert(says(&r, "/metrics", "child_restarts_total{cell=\"a\",process=\"gateway-1\"} 0"));
    wait_until(&r, is_ready());
    teardown();
}
END_TEST

START_TEST(one_that_speaks_nonsense_or_another_version_is_killed_and_started_again)
{
    setup();
    START("--gateways=2");
    wait_until(&r, is_up("gateway-1") && is_up("gateway-2"));
    order(&r, "gateway-1", "garbage");
    wait_until(&r, logged(&r, "event=child_fault child=gateway-1"));
    order(&r, "gateway-1", "version");
    wait_until(&r, logged(&r, "another WIRE_VERSION"));
    order(&r, "gateway-1", "");
    wait_until(&r, is_up("gateway-1"));
    ck_assert(!logged(&r, "child_fault child=gateway-2"));
    teardown();
}
END_TEST

START_TEST(a_silent_child_is_spared_while_postgresql_is_away)
{
    setup();
    START("--gateways=2", "--silence=2s");
    wait_until(&r, is_up("gateway-1"));
    order(&r, "gateway-1", "silent");
    wait_until(&r, logged(&r, "event=silent_spared"));
    ck_assert(!logged(&r, "event=child_silent"));
    teardown();
}
END_TEST

START_TEST(connections_go_to_the_gateways_in_turn_and_never_to_one_that_is_not_ready)
{
    char who[64];
    int fds[30];
    unsigned seen[4] = {0}, slot;
    setup();
    START("--gateways=3");
    wait_until(&r, is_up("gateway-1") && is_up("gateway-2") && is_up("gateway-3"));
    order(&r, "gateway-2", "unready");
    wait_until(&r, state_of("gateway-2", "waiting"));
    /* all before the first has gone: gateways report at their own times who has */
    for (int i = 0; i < 30; i++)
        fds[i] = dial_only(&r, "hello");
    for (int i = 0; i < 30; i++) {
        hear_all(fds[i], who, sizeof who);
        ck_assert_int_eq(sscanf(who, "gateway-%u", &slot), 1);
        seen[slot]++;
    }
    ck_assert_uint_eq(seen[2], 0);
    ck_assert_uint_ge(seen[1], 5);
    ck_assert_uint_ge(seen[3], 5);
    teardown();
}
END_TEST

START_TEST(connections_wait_in_the_kernel_until_a_gateway_is_ready)
{
    char text[64] = "";
    setup();
    order(&r, "gateway-1", "unready");
    START("--gateways=1");
    wait_until(&r, pid_of(&r, "gateway-1") != 0);
    int early[20];
    for (int i = 0; i < 20; i++)
        early[i] = dial_only(&r, "hello");
    usleep(200000);
    ck_assert(says(&r, "/status", "\"accepting\":false"));
    ck_assert(says(&r, "/metrics", "accepted_total{cell=\"a\",process=\"supervisor\"} 0"));
    order(&r, "gateway-1", "");
    for (int i = 0; i < 20; i++) {
        ck_assert_int_gt(read(early[i], text, sizeof text - 1), 0);
        ck_assert_str_eq(text, "gateway-1\n");
        close(early[i]);
    }
    teardown();
}
END_TEST

START_TEST(more_connections_than_a_gateway_can_hold_wait_for_the_next_one)
{
    char text[64] = "";
    int all[12], answered = 0;
    setup();
    START("--gateways=1", "--gateway-option=capacity=5");
    wait_until(&r, is_up("gateway-1"));
    for (int i = 0; i < 12; i++)
        all[i] = dial_only(&r, "hello"); /* the fake one closes each and has room again */
    for (int i = 0; i < 12; i++) {
        answered += read(all[i], text, sizeof text - 1) > 0;
        close(all[i]);
    }
    ck_assert_int_eq(answered, 12);
    teardown();
}
END_TEST

START_TEST(a_call_reaches_every_gateway_and_its_answers_the_asker)
{
    char text[256];
    setup();
    START("--gateways=3", "--call-timeout=300ms");
    wait_until(&r, is_up("gateway-1") && is_up("gateway-2") && is_up("gateway-3"));
    dial_in(&r, "call", text, sizeof text);
    ck_assert_msg(strncmp(text, "asked 3 ", 8) == 0, "%s", text);
    for (int i = 1; i <= 3; i++) {
        char part[32];
        snprintf(part, sizeof part, "gateway-%d:info", i);
        ck_assert_msg(strstr(text, part) != NULL, "%s", text);
    }
    order(&r, "gateway-2", "mute");
    usleep(100000);
    dial_in(&r, "call", text, sizeof text);
    ck_assert_msg(strncmp(text, "asked 3 ", 8) == 0 && !strstr(text, "gateway-2"), "%s", text);
    ck_assert(says(&r, "/metrics", "calls_late_total{cell=\"a\",process=\"supervisor\"} 1"));
    teardown();
}
END_TEST

static void start_verbose(const char *most)
{
    setup();
    START("--gateways=2", most);
    wait_until(&r, is_up("gateway-1") && is_up("gateway-2"));
    order(&r, "gateway-1", "verbose");
    order(&r, "gateway-2", "verbose");
    usleep(100000);
}

START_TEST(answers_are_as_much_as_the_option_says)
{
    char text[256];
    start_verbose("--call-answers-max=4M");
    dial_in(&r, "call", text, sizeof text);
    ck_assert_msg(strstr(text, " gateway-") && strstr(text, " {\"full\":true}"), "%s", text);
    teardown();
    start_verbose("--call-answers-max=7M");
    dial_in(&r, "call", text, sizeof text);
    ck_assert_msg(strstr(text, " gateway-1:info") && strstr(text, " gateway-2:info"), "%s", text);
    teardown();
}
END_TEST

START_TEST(top_asks_every_gateway_and_keeps_their_answers_until_the_next_question)
{
    setup();
    START("--gateways=2", "--call-timeout=300ms");
    wait_until(&r, is_up("gateway-1") && is_up("gateway-2"));
    ck_assert(says(&r, "/top", "{\"request\":0,\"done\":false,\"asked\":0,\"answers\":[]}"));
    ck_assert_int_eq(http(&r, "POST", "/top/channels/bytes"), 200);
    ck_assert_str_eq(r.answer.p, "{\"request\":1}\n");
    wait_until(&r, says(&r, "/top", "\"request\":1,\"done\":true,\"asked\":2"));
    ck_assert(says(&r, "/top", "gateway-1:top") && says(&r, "/top", "gateway-2:top"));
    order(&r, "gateway-1", "mute");
    usleep(100000);
    ck_assert_int_eq(http(&r, "POST", "/top/channels/bytes"), 200);
    ck_assert(!says(&r, "/top", "gateway-1:top"));
    wait_until(&r, says(&r, "/top", "\"request\":2,\"done\":true,\"asked\":2,\"answers\":[gateway-2:top]"));
    teardown();
}
END_TEST

START_TEST(who_looks_at_top_again_and_again_gets_answers_that_are_fresh_and_disturbs_nobody)
{
    setup();
    START("--gateways=2", "--call-timeout=300ms");
    wait_until(&r, is_up("gateway-1") && is_up("gateway-2"));
    ck_assert_int_eq(http(&r, "POST", "/top/tenants/bytes"), 200);
    wait_until(&r, says(&r, "/top", "\"request\":1,\"done\":true"));
    ck_assert(says(&r, "/top/channels/bytes", "{\"request\":2,\"done\":false,\"asked\":0,\"answers\":[]}"));
    wait_until(&r, says(&r, "/top/channels/bytes", "\"done\":true,\"asked\":2") && strstr(r.answer.p, "gateway-2:top"));
    ck_assert(says(&r, "/top/tenants/bytes", "\"done\":false"));
    order(&r, "gateway-2", "mute");
    wait_until(&r, says(&r, "/top/tenants/bytes", "\"done\":true,\"asked\":2,\"answers\":[gateway-1:top]"));
    ck_assert(says(&r, "/top", "\"request\":1,\"done\":true,\"asked\":2"));
    teardown();
}
END_TEST

START_TEST(ready_names_the_gateway_that_sees_no_canaries)
{
    setup();
    START("--gateways=2", "--canary-patience=1s");
    wait_until(&r, is_ready());
    order(&r, "gateway-2", "blind");
    wait_until(&r, says(&r, "/ready", "{\"hop\":\"gateway\",\"text\":\"canary of worker-1 does not reach gateway-2"));
    ck_assert_int_eq(http(&r, "GET", "/ready"), 503);
    ck_assert(!strstr(r.answer.p, "gateway-1"));
    order(&r, "gateway-2", "");
    wait_until(&r, is_ready());
    teardown();
}
END_TEST

START_TEST(a_gateway_that_refuses_the_configuration_makes_the_cell_not_ready_and_says_why)
{
    setup();
    order(&r, "gateway-2", "refusing");
    START("--gateways=2");
    wait_until(&r, is_up("gateway-1"));
    wait_until(&r, says(&r, "/ready", "{\"hop\":\"config\",\"text\":\"gateway-2 refuses configuration 7 and has none: not \\\"so\\\"\"}"));
    ck_assert_int_eq(http(&r, "GET", "/ready"), 503);
    ck_assert(!strstr(r.answer.p, "gateway-1 refuses") && !strstr(r.answer.p, "no gateway takes clients"));
    ck_assert(says(&r, "/status", "\"why\":\"gateway-2 refuses configuration 7"));
    ck_assert(says(&r, "/metrics", "cellcast_supervisor_config_untaken{cell=\"a\",process=\"supervisor\"} 1"));
    order(&r, "gateway-2", "");
    kill(pid_of(&r, "gateway-2"), SIGKILL);
    wait_until(&r, is_ready());
    ck_assert(says(&r, "/metrics", "cellcast_supervisor_config_untaken{cell=\"a\",process=\"supervisor\"} 0"));
    teardown();
}
END_TEST

START_TEST(one_that_does_not_say_whether_it_took_it_is_blamed_after_a_while)
{
    setup();
    order(&r, "gateway-2", "slow");
    START("--gateways=2");
    wait_until(&r, is_up("gateway-1") && pid_of(&r, "gateway-2"));
    ck_assert(!says(&r, "/ready", "\"hop\":\"config\""));
    wait_until(&r, says(&r, "/ready", "gateway-2 has not taken configuration 7 for 5 s and has none"));
    teardown();
}
END_TEST

START_TEST(a_program_of_before_says_nothing_of_it_and_is_taken_at_its_word)
{
    setup();
    order(&r, "gateway-1", "olden");
    START("--gateways=1");
    wait_until(&r, is_ready());
    ck_assert(!logged(&r, "event=child_fault"));
    teardown();
}
END_TEST

START_TEST(a_cell_whose_gateways_all_only_start_is_not_ready)
{
    setup();
    order(&r, "gateway-1", "late");
    START("--gateways=1");
    wait_until(&r, says(&r, "/metrics", "cellcast_supervisor_canaries_seen_total{cell=\"a\",process=\"supervisor\"} 3"));
    ck_assert_int_eq(http(&r, "GET", "/ready"), 503);
    ck_assert(says(&r, "/ready", "{\"hop\":\"gateway\",\"text\":\"no gateway takes clients: gateway-1 is starting: it was told so\"}"));
    ck_assert(says(&r, "/metrics", "cellcast_supervisor_ready{cell=\"a\",process=\"supervisor\"} 0"));
    teardown();
}
END_TEST

START_TEST(canaries_that_kafka_does_not_bring_do_not_make_it_ready)
{
    setup();
    START("--gateways=1", "--canary-patience=1s");
    wait_until(&r, is_ready());
    order(&r, "gateway-1", "swept");
    wait_until(&r, says(&r, "/ready", "canary of worker-1 does not reach any gateway"));
    ck_assert_int_eq(http(&r, "GET", "/ready"), 503);
    order(&r, "gateway-1", "");
    wait_until(&r, is_ready());
    teardown();
}
END_TEST

START_TEST(sigterm_drains_gateways_then_workers_and_exits_with_0)
{
    setup();
    START("--gateways=2", "--drain=3s");
    wait_until(&r, is_ready());
    kill(r.pid, SIGTERM);
    ck_assert_int_eq(cell_run_wait(&r), 0);
    ck_assert_uint_eq(told(&r, "gateway-1", "drain 3"), 1);
    ck_assert_uint_eq(told(&r, "gateway-2", "drain 3"), 1);
    ck_assert_uint_eq(told(&r, "worker-1", "drain 1"), 1);
    teardown();
}
END_TEST

START_TEST(one_that_does_not_leave_is_killed_after_its_time)
{
    setup();
    order(&r, "gateway-1", "stubborn");
    START("--gateways=1", "--drain=100ms");
    wait_until(&r, is_ready());
    kill(r.pid, SIGTERM);
    ck_assert_int_eq(cell_run_wait(&r), 0);
    ck_assert(logged(&r, "how=\"signal 9"));
    teardown();
}
END_TEST

START_TEST(a_second_signal_ends_everything_at_once)
{
    setup();
    order(&r, "gateway-1", "stubborn");
    START("--gateways=1", "--drain=1h");
    wait_until(&r, is_ready());
    pid_t child = pid_of(&r, "gateway-1");
    kill(r.pid, SIGTERM);
    wait_until(&r, told(&r, "gateway-1", "drain") == 1);
    kill(r.pid, SIGTERM);
    ck_assert_int_eq(cell_run_wait(&r), 1);
    wait_until(&r, kill(child, 0) < 0 && errno == ESRCH);
    teardown();
}
END_TEST

START_TEST(children_end_with_a_supervisor_that_is_killed)
{
    setup();
    START("--gateways=1");
    wait_until(&r, is_up("gateway-1") && is_up("worker-1"));
    pid_t gateway = pid_of(&r, "gateway-1"), worker = pid_of(&r, "worker-1");
    kill(r.pid, SIGKILL);
    ck_assert_int_eq(cell_run_wait(&r), -SIGKILL);
    wait_until(&r, kill(gateway, 0) < 0 && kill(worker, 0) < 0);
    teardown();
}
END_TEST

START_TEST(each_child_is_a_session_of_its_own)
{
    setup();
    START("--gateways=2");
    wait_until(&r, is_ready());
    const char *const all[] = {"gateway-1", "gateway-2", "worker-1"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ck_assert_int_eq(getsid(pid_of(&r, all[i])), pid_of(&r, all[i]));
    teardown();
}
END_TEST

START_TEST(sighup_replaces_one_after_the_other_and_nobody_is_refused)
{
    char who[64];
    setup();
    START("--gateways=2", "--workers=1", "--canary-patience=3s");
    wait_until(&r, is_ready());
    pid_t before[3] = {pid_of(&r, "gateway-1"), pid_of(&r, "gateway-2"), pid_of(&r, "worker-1")};
    kill(r.pid, SIGHUP);
    while (!logged(&r, "event=roll_done")) {
        dial_in(&r, "hello", who, sizeof who);
        ck_assert_msg(strncmp(who, "gateway-", 8) == 0, "nobody answered");
        ck_assert(is_ready());
    }
    ck_assert_int_ne(pid_of(&r, "gateway-1"), before[0]);
    ck_assert_int_ne(pid_of(&r, "gateway-2"), before[1]);
    ck_assert_int_ne(pid_of(&r, "worker-1"), before[2]);
    ck_assert(says(&r, "/metrics", "child_restarts_total{cell=\"a\",process=\"gateway-1\"} 0"));
    teardown();
}
END_TEST

START_TEST(the_only_gateway_serves_until_the_next_one_is_ready)
{
    char who[64];
    setup();
    START("--gateways=1", "--canary-patience=3s");
    wait_until(&r, is_ready());
    pid_t before = pid_of(&r, "gateway-1");
    ck_assert_int_eq(http(&r, "POST", "/restart?what=gateway-1"), 200);
    ck_assert_str_eq(r.answer.p, "{\"processes\":1}\n");
    while (!logged(&r, "event=roll_done")) {
        dial_in(&r, "hello", who, sizeof who);
        ck_assert_msg(strncmp(who, "gateway-1", 9) == 0, "nobody answered");
        ck_assert(!says(&r, "/status", "\"accepting\":false"));
    }
    ck_assert_int_ne(pid_of(&r, "gateway-1"), before);
    ck_assert(!says(&r, "/status", "gateway-1-"));
    teardown();
}
END_TEST

START_TEST(what_is_ordered_while_one_starts_replaces_that_one_too)
{
    setup();
    START("--gateways=1", "--workers=1", "--canary-patience=10s");
    wait_until(&r, is_ready());
    order(&r, "gateway-1", "unready");
    wait_until(&r, state_of("gateway-1", "waiting"));
    ck_assert_int_eq(http(&r, "POST", "/restart?what=gateways"), 200);
    wait_until(&r, pid_of(&r, "gateway-1-next"));
    pid_t of_the_first = pid_of(&r, "gateway-1-next");
    ck_assert_int_eq(http(&r, "POST", "/restart?what=all"), 200);
    ck_assert_str_eq(r.answer.p, "{\"processes\":2}\n");
    order(&r, "gateway-1", "");
    wait_until(&r, says(&r, "/status", "\"roll\":{\"done\":3,\"of\":3,\"turn\":\"\",\"stopped\":\"\"}"));
    ck_assert_int_ne(pid_of(&r, "gateway-1"), of_the_first);
    ck_assert_uint_eq(told(&r, "gateway-1", "start "), 3);
    teardown();
}
END_TEST

static void rolls_and_stops(const char *order_of_the_first, const char *why)
{
    pid_t before[2] = {pid_of(&r, "gateway-1"), pid_of(&r, "gateway-2")};
    order(&r, "gateway-1", order_of_the_first);
    ck_assert_int_eq(http(&r, "POST", "/restart?what=all"), 200);
    wait_until(&r, says(&r, "/status", why));
    ck_assert(strstr(r.answer.p, "\"rolling\":false"));
    ck_assert_int_eq(pid_of(&r, "gateway-1"), before[0]);
    ck_assert_int_eq(pid_of(&r, "gateway-2"), before[1]);
    ck_assert(state_of("gateway-1", "up"));
    order(&r, "gateway-1", "");
    wait_until(&r, !says(&r, "/status", "gateway-1-next"));
}

START_TEST(a_rolling_restart_stops_at_a_new_process_that_is_not_well_and_nothing_has_changed)
{
    setup();
    START("--gateways=2", "--roll-patience=1s", "--drain=100ms", "--canary-patience=10s");
    wait_until(&r, is_ready());
    rolls_and_stops("late", "\"stopped\":\"gateway-1: its new process is not ready in 1000 ms: it was told so; 0 of 3 are new");
    rolls_and_stops("stillborn", "\"stopped\":\"gateway-1: its new process ended before it was ready (exit 3)");
    rolls_and_stops("version", "(killed: another WIRE_VERSION: programs of two releases are mixed)");
    ck_assert_int_eq(http(&r, "POST", "/restart?what=gateways"), 200);
    wait_until(&r, says(&r, "/status", "\"roll\":{\"done\":2,\"of\":2,\"turn\":\"\",\"stopped\":\"\"}"));
    teardown();
}
END_TEST

START_TEST(a_worker_is_followed_by_one_that_listens_elsewhere_and_gateways_are_told_when_it_is_ready)
{
    setup();
    START("--gateways=1", "--workers=2", "--canary-patience=10s");
    wait_until(&r, is_ready());
    pid_t before = pid_of(&r, "worker-2");
    unsigned maps = told(&r, "gateway-1", "map ");
    order(&r, "worker-2", "late");
    ck_assert_int_eq(http(&r, "POST", "/restart?what=worker-2"), 200);
    wait_until(&r, pid_of(&r, "worker-2-next") && told(&r, "worker-2", "map ") >= 2);
    ck_assert_uint_eq(told(&r, "gateway-1", "map "), maps);
    kill(pid_of(&r, "worker-2-next"), SIGKILL);
    wait_until(&r, says(&r, "/status", "\"stopped\":\"worker-2: "));
    ck_assert_int_eq(pid_of(&r, "worker-2"), before);
    order(&r, "worker-2", "");
    wait_until(&r, !pid_of(&r, "worker-2-next"));
    ck_assert_int_eq(http(&r, "POST", "/restart?what=worker-2"), 200);
    wait_until(&r, logged(&r, "event=roll_done"));
    ck_assert_uint_eq(told(&r, "gateway-1", "map "), maps + 1);
    ck_assert_int_ne(pid_of(&r, "worker-2"), before);
    ck_assert(says(&r, "/status", "\"owners\":[1,2,1,2,1,2,1,2]"));
    teardown();
}
END_TEST

START_TEST(a_worker_that_never_said_a_word_is_followed_by_one_that_gets_a_share)
{
    setup();
    START("--gateways=1", "--workers=1", "--canary-patience=10s");
    wait_until(&r, is_ready());
    order(&r, "worker-2", "wordless");
    ck_assert_int_eq(http(&r, "POST", "/scale?workers=2"), 200);
    wait_until(&r, told(&r, "worker-2", "start ") == 1);
    ck_assert(says(&r, "/status", "\"owners\":[1,1,1,1,1,1,1,1]"));
    order(&r, "worker-2", "");
    ck_assert_int_eq(http(&r, "POST", "/restart?what=worker-2"), 200);
    wait_until(&r, logged(&r, "event=roll_done"));
    ck_assert(is_up("worker-2") && says(&r, "/status", "\"owners\":[1,1,1,1,2,2,2,2]"));
    teardown();
}
END_TEST

START_TEST(a_gateway_that_is_set_aside_gets_nobody_until_it_is_taken_back)
{
    char who[64];
    setup();
    START("--gateways=2", "--canary-patience=10s");
    wait_until(&r, is_ready());
    ck_assert_int_eq(http(&r, "POST", "/drain?gateway=2"), 200);
    ck_assert_str_eq(r.answer.p, "{\"gateway\":\"gateway-2\"}\n");
    wait_until(&r, told(&r, "gateway-2", "clear") == 1);
    ck_assert(says(&r, "/status", "\"drain\":{\"set_aside\":true,\"left\":0,\"rate\":0,\"eta_ms\":0}"));
    ck_assert(says(&r, "/metrics", "child_set_aside{cell=\"a\",process=\"gateway-2\"} 1"));
    ck_assert_int_eq(http(&r, "POST", "/drain?gateway=gateway-1"), 409);
    for (int i = 0; i < 6; i++) {
        dial_in(&r, "hello", who, sizeof who);
        ck_assert_str_eq(who, "gateway-1");
    }
    ck_assert_int_eq(http(&r, "POST", "/restart?what=gateway-2"), 200); /* what follows it is set aside, too */
    wait_until(&r, logged(&r, "event=roll_done") && told(&r, "gateway-2", "clear") == 2);
    ck_assert_int_eq(http(&r, "POST", "/undrain?gateway=2"), 200);
    wait_until(&r, told(&r, "gateway-2", "keep") == 1);
    unsigned seen = 0;
    for (int i = 0; i < 6; i++) {
        dial_in(&r, "hello", who, sizeof who);
        seen += strcmp(who, "gateway-2") == 0;
    }
    ck_assert_uint_ge(seen, 1);
    ck_assert_int_eq(http(&r, "POST", "/drain?gateway=7"), 400);
    ck_assert_int_eq(http(&r, "POST", "/restart?what=nothing"), 400);
    ck_assert(is_ready());
    teardown();
}
END_TEST

START_TEST(scaling_adds_and_drains_while_the_cell_stays_ready)
{
    setup();
    START("--gateways=2", "--workers=1");
    wait_until(&r, is_ready());
    ck_assert_int_eq(http(&r, "POST", "/scale?gateways=4&workers=2"), 200);
    ck_assert_str_eq(r.answer.p, "{\"gateways\":4,\"workers\":2}\n");
    wait_until(&r, is_up("gateway-4") && is_up("worker-2"));
    wait_until(&r, says(&r, "/status", "\"owners\":[1,1,1,1,2,2,2,2]"));
    ck_assert_int_eq(http(&r, "POST", "/scale?gateways=1&workers=1"), 200);
    wait_until(&r, state_of("gateway-4", "down") && state_of("worker-2", "down"));
    wait_until(&r, says(&r, "/status", "\"owners\":[1,1,1,1,1,1,1,1]"));
    ck_assert(is_ready());
    ck_assert_int_eq(http(&r, "POST", "/scale?gateways=0"), 400);
    ck_assert_int_eq(http(&r, "POST", "/scale?workers=63"), 400); /* more than there are partitions */
    ck_assert_int_eq(http(&r, "GET", "/scale?gateways=2"), 405);
    ck_assert(!logged(&r, "event=not_ready"));
    teardown();
}
END_TEST

START_TEST(a_gateway_waits_for_its_slots_port_so_that_it_can_be_followed_by_another_one)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    char base[40];
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(taken, (struct sockaddr *)&at, n), 0);
    ck_assert_int_eq(listen(taken, 1), 0);
    ck_assert_int_eq(getsockname(taken, (struct sockaddr *)&at, &n), 0);
    snprintf(base, sizeof base, "--slot-port-base=%d", ntohs(at.sin_port) - 1);
    setup();
    START("--gateways=1", base);
    wait_until(&r, says(&r, "/status", "\"last_end\":\"not started: Address already in use\""));
    ck_assert(state_of("gateway-1", "backoff"));
    close(taken);
    wait_until(&r, is_up("gateway-1"));
    teardown();
}
END_TEST

START_TEST(slots_that_are_wanted_again_do_not_make_the_cell_unready)
{
    setup();
    START("--gateways=2", "--workers=1", "--canary-patience=1s");
    wait_until(&r, is_ready());
    ck_assert_int_eq(http(&r, "POST", "/scale?gateways=1"), 200);
    wait_until(&r, state_of("gateway-2", "down"));
    usleep(1500000); /* what it saw is older than that patience */
    ck_assert(is_ready());
    ck_assert_int_eq(http(&r, "POST", "/scale?gateways=2"), 200);
    ck_assert(is_ready());
    wait_until(&r, is_up("gateway-2"));
    ck_assert(is_ready());
    teardown();
}
END_TEST

START_TEST(nobody_waits_for_the_answer_of_one_that_has_ended_and_is_followed_at_once)
{
    char text[256];
    setup();
    order(&r, "gateway-2", "mute stubborn");
    START("--gateways=2", "--call-timeout=60s");
    wait_until(&r, is_up("gateway-1") && is_up("gateway-2"));
    int fd = dial_only(&r, "call");
    wait_until(&r, says(&r, "/metrics", "calls_total{cell=\"a\",process=\"supervisor\"} 1"));
    ck_assert_int_eq(http(&r, "POST", "/scale?gateways=1"), 200);
    ck_assert_int_eq(http(&r, "POST", "/scale?gateways=2"), 200);
    ck_assert(state_of("gateway-2", "replacing"));
    kill(pid_of(&r, "gateway-2"), SIGKILL);
    hear_all(fd, text, sizeof text);
    ck_assert_msg(strncmp(text, "asked 2 ", 8) == 0 && strstr(text, "gateway-1:info"), "%s", text);
    teardown();
}
END_TEST

START_TEST(a_folder_belongs_to_one_supervisor)
{
    setup();
    START("--gateways=1");
    struct cell_run other = r;
    char command[512];
    snprintf(command, sizeof command,
             "%s --run-dir=%s --bin-dir=%s --listen=127.0.0.1:0 --admin=127.0.0.1:0 2>%s/other", SUPERVISOR,
             other.folder, other.folder, other.folder);
    ck_assert_int_eq(WEXITSTATUS(system(command)), 1);
    snprintf(command, sizeof command, "grep -q 'is another supervisor.s (pid %d)' %s/other", (int)r.pid, r.folder);
    ck_assert_int_eq(system(command), 0);
    teardown();
}
END_TEST

UNIT_MAIN("supervisor/supervisor",
          children_get_configuration_and_map_and_the_cell_is_ready_when_canaries_arrive,
          without_a_configuration_nothing_is_started_and_ready_says_what_is_missing,
          what_dies_is_started_again_with_its_reason_and_is_counted,
          one_that_speaks_nonsense_or_another_version_is_killed_and_started_again,
          a_silent_child_is_spared_while_postgresql_is_away,
          connections_go_to_the_gateways_in_turn_and_never_to_one_that_is_not_ready,
          connections_wait_in_the_kernel_until_a_gateway_is_ready,
          more_connections_than_a_gateway_can_hold_wait_for_the_next_one,
          a_call_reaches_every_gateway_and_its_answers_the_asker,
          answers_are_as_much_as_the_option_says, top_asks_every_gateway_and_keeps_their_answers_until_the_next_question,
          who_looks_at_top_again_and_again_gets_answers_that_are_fresh_and_disturbs_nobody,
          ready_names_the_gateway_that_sees_no_canaries, canaries_that_kafka_does_not_bring_do_not_make_it_ready,
          a_gateway_that_refuses_the_configuration_makes_the_cell_not_ready_and_says_why,
          one_that_does_not_say_whether_it_took_it_is_blamed_after_a_while,
          a_program_of_before_says_nothing_of_it_and_is_taken_at_its_word, a_cell_whose_gateways_all_only_start_is_not_ready,
          sigterm_drains_gateways_then_workers_and_exits_with_0,
          one_that_does_not_leave_is_killed_after_its_time, a_second_signal_ends_everything_at_once,
          children_end_with_a_supervisor_that_is_killed,
          each_child_is_a_session_of_its_own,
          sighup_replaces_one_after_the_other_and_nobody_is_refused,
          the_only_gateway_serves_until_the_next_one_is_ready, what_is_ordered_while_one_starts_replaces_that_one_too,
          a_rolling_restart_stops_at_a_new_process_that_is_not_well_and_nothing_has_changed,
          a_worker_is_followed_by_one_that_listens_elsewhere_and_gateways_are_told_when_it_is_ready,
          a_worker_that_never_said_a_word_is_followed_by_one_that_gets_a_share,
          a_gateway_that_is_set_aside_gets_nobody_until_it_is_taken_back,
          scaling_adds_and_drains_while_the_cell_stays_ready,
          a_gateway_waits_for_its_slots_port_so_that_it_can_be_followed_by_another_one, slots_that_are_wanted_again_do_not_make_the_cell_unready,
          nobody_waits_for_the_answer_of_one_that_has_ended_and_is_followed_at_once, a_folder_belongs_to_one_supervisor)
