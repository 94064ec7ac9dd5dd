#include "giveway.h"

#include "core/clock.h"
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MS NS_PER_MS

static struct giveway w;
static uint64_t times;
static int64_t now;
static int kernel; /* the end of a pipe, which like /proc's file can't be sought in */

static void start(int nice)
{
    int ends[2];
    times = 0;
    now = 1000 * NS_PER_S;
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    kernel = ends[0];
    giveway_init(&w, nice, &times);
    w.fd = ends[1];
}

static void stop(void)
{
    giveway_fini(&w);
    close(kernel);
}

/* All that the kernel was told since. */
static const char *told(void)
{
    static char text[256];
    ssize_t n = read(kernel, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void slices(int n, bool cut)
{
    for (int i = 0; i < n; i++) {
        giveway_slice(&w, cut, now += MS / 2);
        giveway_turn(&w);
    }
}

START_TEST(it_weighs_less_from_the_eighth_cut_slice_to_the_first_that_is_not)
{
    start(10);
    slices(7, true);
    ck_assert_str_eq(told(), "");
    slices(1, true);
    ck_assert_str_eq(told(), "10");
    slices(100, true);
    ck_assert_str_eq(told(), "");
    slices(1, false);
    ck_assert_str_eq(told(), "0");
    ck_assert_uint_eq(times, 1);
    stop();
}
END_TEST

START_TEST(slices_that_leave_nothing_begin_the_count_anew)
{
    start(10);
    for (int i = 0; i < 10; i++) {
        slices(7, true);
        slices(1, false);
    }
    ck_assert_str_eq(told(), "");
    stop();
}
END_TEST

START_TEST(it_begins_ten_times_a_second_at_most)
{
    start(10);
    int64_t from = now;
    while (now - from < 2 * NS_PER_S) {
        slices(9, true);
        slices(1, false);
    }
    ck_assert_uint_le(times, 20);
    ck_assert_uint_ge(times, 18);
    const char *text = told();
    for (uint64_t i = 0; i < times; i++)
        ck_assert(strncmp(text + 3 * i, "100", 3) == 0); /* 10, then 0 */
    ck_assert_uint_eq(strlen(text), 3 * times);
    stop();
}
END_TEST

START_TEST(a_kernel_that_refuses_is_not_asked_again)
{
    start(10);
    close(w.fd);
    w.fd = kernel; /* no end to write to */
    slices(8, true);
    ck_assert_int_eq(w.fd, -1);
    slices(100, true);
    slices(1, false);
    ck_assert_uint_eq(times, 0);
}
END_TEST

START_TEST(nothing_is_written_where_nobody_wants_it_or_there_is_no_autogroup)
{
    start(0);
    slices(10, true);
    ck_assert_str_eq(told(), "");
    stop();
    start(10);
    stop();
    slices(10, true);
    ck_assert_uint_eq(times, 0);
}
END_TEST

UNIT_MAIN("gateway/giveway", it_weighs_less_from_the_eighth_cut_slice_to_the_first_that_is_not,
          slices_that_leave_nothing_begin_the_count_anew, it_begins_ten_times_a_second_at_most,
          a_kernel_that_refuses_is_not_asked_again, nothing_is_written_where_nobody_wants_it_or_there_is_no_autogroup)
