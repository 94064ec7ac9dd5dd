#include "cpu.h"

#include "unit.h"

#include "core/clock.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct cpu_groups groups;
static struct buf error;

START_TEST(groups_have_a_name_and_processes)
{
    ck_assert_int_eq(cpu_groups_parse("gateway=12+13,worker=14", &groups, &error), 0);
    ck_assert_uint_eq(groups.n, 2);
    ck_assert_str_eq(groups.group[0].name, "gateway");
    ck_assert_uint_eq(groups.group[0].n, 2);
    ck_assert_int_eq(groups.group[0].pids[1], 13);
    ck_assert_int_eq(groups.group[1].pids[0], 14);
    ck_assert_int_eq(cpu_groups_parse("", &groups, &error), 0);
    ck_assert_uint_eq(groups.n, 0);
}
END_TEST

START_TEST(anything_else_says_what_would_be_right)
{
    static const char *const bad[] = {"gateway", "=1",      "a=",  "a=b",
                                      "a=1+",    "a=1;b=2", "a=0", "a=-3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        buf_clear(&error);
        ck_assert_msg(cpu_groups_parse(bad[i], &groups, &error) == -EINVAL, "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(error.p, "right would be NAME=PID"));
    }
}
END_TEST

START_TEST(a_process_counts_with_its_descendants)
{
    pid_t child = fork();
    if (child == 0)
        for (;;)
            ;
    for (int64_t end = clock_mono_ns() + 20 * NS_PER_S;
         cpu_seconds(child) < 0.1 && clock_mono_ns() < end;)
        usleep(10000);
    double alone = cpu_seconds(child);
    ck_assert(alone >= 0.1);
    ck_assert(cpu_tree_seconds(getpid()) >= cpu_seconds(getpid()) + alone);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert(cpu_seconds(child) == 0);
}
END_TEST

UNIT_MAIN("bench/cpu", groups_have_a_name_and_processes, anything_else_says_what_would_be_right,
          a_process_counts_with_its_descendants)
