/* The gate: the real supervisor with gateways that only pretend. */
#include "cell_run.h"

#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#define START(...) cell_run_start(&r, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define SAY(fd, text) ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1)
#define PROXY "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
#define FROM(last) "\x0a\x01\x02" last "\x7f\0\0\1\x12\x34\x1f\x40"

static struct cell_run r;

/* -> the value of a metric of the supervisor, -1: there is none */
static long metric(const char *name)
{
    char text[80];
    snprintf(text, sizeof text, "\ncellcast_supervisor_%s{cell=\"a\",process=\"supervisor\"} ", name);
    ck_assert_int_eq(http(&r, "GET", "/metrics"), 200);
    const char *at = strstr(r.answer.p, text);
    return at ? atol(at + strlen(text)) : -1;
}

static void setup(void)
{
    if (r.pid)
        cell_run_end(&r); /* of a test that failed */
    cell_run_prepare(&r);
}

static void wait_for_gateway(void)
{
    wait_until(&r, says(&r, "/status", "\"accepting\":true"));
}

START_TEST(who_says_nothing_is_handed_to_nobody_and_cut_when_his_time_is_over)
{
    char text[64];
    setup();
    START("--arrival-timeout=300ms");
    wait_for_gateway();
    int silent = dial_silently(&r);
    wait_until(&r, metric("arrivals_silent") == 1);
    ck_assert(says(&r, "/metrics", "child_passed_total{cell=\"a\",process=\"gateway-1\"} 0"));
    dial_in(&r, "hello", text, sizeof text);
    ck_assert_str_eq(text, "gateway-1");
    ck_assert_int_le(read(silent, text, sizeof text), 0);
    close(silent);
    ck_assert_int_eq(metric("arrivals_silent"), 0);
    ck_assert_int_eq(metric("arrivals_cut_total"), 1);
    ck_assert(logged(&r, "event=silent_cut peer=127.0.0.1"));
    cell_run_end(&r);
}
END_TEST

START_TEST(who_speaks_late_gets_in_and_who_leaves_is_forgotten)
{
    char text[64];
    setup();
    START();
    wait_for_gateway();
    int late = dial_silently(&r), gone = dial_silently(&r);
    wait_until(&r, metric("arrivals_silent") == 2);
    close(gone);
    wait_until(&r, metric("arrivals_silent") == 1);
    SAY(late, "hello\n");
    hear_all(late, text, sizeof text);
    ck_assert_str_eq(text, "gateway-1");
    ck_assert_int_eq(metric("arrivals_silent"), 0);
    cell_run_end(&r);
}
END_TEST

START_TEST(a_thousand_silent_ones_keep_nobody_out)
{
    char text[64];
    enum { SILENT = 900 };
    int all[SILENT];
    setup();
    START("--arrivals-max=100", "--arrival-grace=0", "--accept-rate=50", "--accept-rate-start=50");
    wait_for_gateway();
    for (int i = 0; i < SILENT; i++)
        all[i] = dial_silently(&r);
    dial_in(&r, "hello", text, sizeof text);
    ck_assert_str_eq(text, "gateway-1");
    wait_until(&r, metric("accepted_total") == SILENT + 1);
    ck_assert_int_le(metric("arrivals_silent"), 100);
    ck_assert_int_ge(metric("arrivals_cut_total"), SILENT - 100);
    for (int i = 0; i < SILENT; i++)
        close(all[i]);
    cell_run_end(&r);
}
END_TEST

START_TEST(who_is_new_is_not_cut_for_want_of_room_but_others_wait)
{
    char text[64];
    enum { SLOW = 40 };
    int all[SLOW];
    setup();
    START("--arrivals-max=16", "--arrival-grace=60s", "--arrival-timeout=60s");
    wait_for_gateway();
    for (int i = 0; i < SLOW; i++)
        all[i] = dial_silently(&r);
    wait_until(&r, metric("arrivals_silent") == 16);
    for (int i = 0; i < SLOW; i++)
        SAY(all[i], "hello\n");
    for (int i = 0; i < SLOW; i++) {
        hear_all(all[i], text, sizeof text);
        ck_assert_str_eq(text, "gateway-1");
    }
    ck_assert_int_eq(metric("arrivals_cut_total"), 0);
    cell_run_end(&r);
}
END_TEST

START_TEST(above_the_rate_they_wait_in_the_kernel_and_all_get_in)
{
    char text[64];
    int all[60];
    setup();
    START("--accept-rate=100", "--accept-rate-start=100");
    wait_for_gateway();
    for (int i = 0; i < 60; i++)
        all[i] = dial_only(&r, "hello");
    ck_assert_int_lt(metric("accepted_total"), 60);
    ck_assert(says(&r, "/status", "\"accepting\":true"));
    for (int i = 0; i < 60; i++) {
        hear_all(all[i], text, sizeof text);
        ck_assert_str_eq(text, "gateway-1");
    }
    ck_assert_int_gt(metric("accept_paced_total"), 0);
    ck_assert(logged(&r, "event=gate_paced rate=100 lag_ms=0"));
    cell_run_end(&r);
}
END_TEST

static void herd(int n)
{
    int *all = calloc((size_t)n, sizeof *all);
    char text[64];
    for (int i = 0; i < n; i++)
        all[i] = dial_only(&r, "hello");
    for (int i = 0; i < n; i++)
        hear_all(all[i], text, sizeof text);
    free(all);
}

START_TEST(the_rate_grows_under_a_herd_and_falls_when_gateways_lag)
{
    setup();
    START("--accept-rate-start=100", "--gateway-option=capacity=10000");
    wait_for_gateway();
    ck_assert_int_eq(metric("accept_rate"), 100);
    while (metric("accept_rate") < 400)
        herd(100);
    order(&r, "gateway-1", "lagging");
    wait_until(&r, metric("accept_rate") == 100);
    ck_assert(says(&r, "/status", "\"gate\":{\"rate\":100,\"lag_ms\":500,"));
    cell_run_end(&r);
}
END_TEST

START_TEST(the_gate_can_be_switched_off)
{
    setup();
    START("--accept-rate=0", "--gateway-option=capacity=10000");
    wait_for_gateway();
    order(&r, "gateway-1", "lagging");
    wait_until(&r, says(&r, "/status", "\"lag_ms\":500"));
    herd(300);
    ck_assert_int_eq(metric("accept_paced_total"), 0);
    ck_assert_int_eq(metric("accept_rate"), 0);
    cell_run_end(&r);
}
END_TEST

START_TEST(a_balancer_says_whose_connection_it_is_in_whatever_parts)
{
    static const char header[] = PROXY FROM("\7");
    char text[64];
    setup();
    START("--proxy-from=127.0.0.1", "--arrival-timeout=700ms");
    wait_for_gateway();
    int fd = dial_silently(&r);
    for (size_t i = 0; i < sizeof header - 1; i++) {
        ck_assert_int_eq(write(fd, header + i, 1), 1);
        usleep(i % 5 ? 0 : 20000);
    }
    SAY(fd, "peer\n");
    hear_all(fd, text, sizeof text);
    ck_assert_str_eq(text, "10.1.2.7");
    fd = dial_silently(&r);
    SAY(fd, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0peer\n");
    hear_all(fd, text, sizeof text);
    ck_assert_str_eq(text, "127.0.0.1");
    fd = dial_only(&r, "hello"); /* no header */
    hear_all(fd, text, sizeof text);
    ck_assert_str_eq(text, "");
    ck_assert(logged(&r, "event=proxy_refused peer=127.0.0.1"));
    fd = dial_silently(&r);
    SAY(fd, PROXY "\x0a\x01"); /* half of one */
    hear_all(fd, text, sizeof text);
    wait_until(&r, metric("arrivals_silent") == 0);
    ck_assert_int_eq(metric("arrivals_cut_total"), 1);
    ck_assert_int_eq(metric("proxy_refused_total"), 1);
    cell_run_end(&r);
}
END_TEST

START_TEST(nobody_else_may_say_so)
{
    char text[64];
    setup();
    START("--proxy-from=10.9.9.9");
    wait_for_gateway();
    int fd = dial_silently(&r);
    SAY(fd, PROXY FROM("\7") "peer\n");
    hear_all(fd, text, sizeof text);
    ck_assert_str_eq(text, "gateway-1"); /* it got the header as the first line of its request */
    cell_run_end(&r);
}
END_TEST

static void from(const char *header, size_t n, char text[64])
{
    int fd = dial_silently(&r);
    ck_assert_int_eq(write(fd, header, n), (int)n);
    hear_all(fd, text, 64);
}

#define COME_FROM(last) from(PROXY FROM(last) "peer\n", sizeof(PROXY FROM(last) "peer\n") - 1, text)

START_TEST(a_source_above_its_rate_waits_and_another_one_does_not)
{
    char text[64];
    int all[4], heard = 0, closed = 0;
    setup();
    START("--proxy-from=127.0.0.0/8", "--source-rate=2", "--source-wait=900ms");
    wait_for_gateway();
    for (int i = 0; i < 4; i++) {
        all[i] = dial_silently(&r);
        SAY(all[i], PROXY FROM("\7") "peer\n");
    }
    wait_until(&r, metric("accepted_total") == 4);
    ck_assert_int_eq(metric("source_held_total"), 1);    /* its turn is in half a second */
    ck_assert_int_eq(metric("source_refused_total"), 1); /* that of the fourth would be in one */
    COME_FROM("\10");
    ck_assert_str_eq(text, "10.1.2.8");
    for (int i = 0; i < 4; i++) {
        hear_all(all[i], text, sizeof text);
        heard += strcmp(text, "10.1.2.7") == 0;
        closed += text[0] == 0;
    }
    ck_assert_int_eq(heard, 3); /* the kernel says in which order they come */
    ck_assert_int_eq(closed, 1);
    ck_assert_int_eq(metric("arrivals_held"), 0);
    ck_assert(logged(&r, "event=source_refused peer=10.1.2.7"));
    cell_run_end(&r);
}
END_TEST

START_TEST(networks_that_are_none_are_refused_by_name)
{
    char command[512];
    setup();
    snprintf(command, sizeof command, "%s --run-dir=%s --bin-dir=%s --listen=127.0.0.1:0 --admin=127.0.0.1:0 --proxy-from=10.0.0 2>%s/other",
             SUPERVISOR, r.folder, r.folder, r.folder);
    ck_assert_int_eq(WEXITSTATUS(system(command)), 1);
    snprintf(command, sizeof command, "grep -q -e '--proxy-from=10.0.0: \"10.0.0\" is no address and no network' %s/other", r.folder);
    ck_assert_int_eq(system(command), 0);
    cell_run_end(&r);
}
END_TEST

UNIT_MAIN("supervisor/accept", who_says_nothing_is_handed_to_nobody_and_cut_when_his_time_is_over,
          who_speaks_late_gets_in_and_who_leaves_is_forgotten, a_thousand_silent_ones_keep_nobody_out,
          who_is_new_is_not_cut_for_want_of_room_but_others_wait,
          above_the_rate_they_wait_in_the_kernel_and_all_get_in, the_rate_grows_under_a_herd_and_falls_when_gateways_lag,
          the_gate_can_be_switched_off, a_balancer_says_whose_connection_it_is_in_whatever_parts, nobody_else_may_say_so,
          a_source_above_its_rate_waits_and_another_one_does_not, networks_that_are_none_are_refused_by_name)
