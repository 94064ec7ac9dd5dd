#include "run/metrics.h"

#include "core/clock.h"
#include "unit.h"
#include "wire/messages.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct test_metrics {
    uint64_t refills_total;
    int64_t connections;
    struct histogram commit_seconds;
    uint64_t waited_us;
    int64_t lag_us;
};

static const struct metric_spec specs[] = {
    {METRIC_COUNTER, "refills_total", offsetof(struct test_metrics, refills_total),
     "cursors that read on from the worker"},
    {METRIC_GAUGE, "connections", offsetof(struct test_metrics, connections),
     "open now, with a \\ in its help\nand a break"},
    {METRIC_HISTOGRAM, "commit_seconds", offsetof(struct test_metrics, commit_seconds),
     "from batch to commit"},
    {METRIC_COUNTER_US, "waited_seconds_total", offsetof(struct test_metrics, waited_us),
     "time spent waiting"},
    {METRIC_GAUGE_US, "lag_seconds", offsetof(struct test_metrics, lag_us),
     "age of the oldest"},
};

static struct test_metrics m;
static struct buf snapshot, page;
static struct metrics_page *p;

static void start(void)
{
    memset(&m, 0, sizeof m);
    buf_clear(&snapshot);
    buf_clear(&page);
    metrics_page_free(p);
    p = metrics_page_new();
}

static int add(const char *labels)
{
    buf_clear(&snapshot);
    metrics_snapshot("fanout-worker", specs, sizeof specs / sizeof *specs, &m, &snapshot);
    return metrics_page_add(p, labels, buf_bytes(&snapshot));
}

static void render(void)
{
    buf_clear(&page);
    metrics_page_render(p, &page);
}

static void finish(void)
{
    metrics_page_free(p);
    p = NULL;
    buf_fini(&page);
    buf_fini(&snapshot);
}

#define ck_shows(line)                                                                         \
    ck_assert_msg(strstr(page.p, line "\n"), "no line %s in\n%s", line, page.p)

static unsigned count(const char *what)
{
    unsigned n = 0;
    for (const char *at = page.p; (at = strstr(at, what)); at++)
        n++;
    return n;
}

START_TEST(numbers_carry_their_labels_and_their_units)
{
    start();
    m = (struct test_metrics){
        .refills_total = UINT64_MAX, .connections = -3, .waited_us = 1500000, .lag_us = 250};
    ck_assert_int_eq(add("cell=\"a\",process=\"worker-1\""), 0);
    render();
    ck_shows("cellcast_fanout_worker_refills_total{cell=\"a\",process=\"worker-1\"} "
             "18446744073709551615");
    ck_shows("cellcast_fanout_worker_connections{cell=\"a\",process=\"worker-1\"} -3");
    ck_shows("cellcast_fanout_worker_waited_seconds_total{cell=\"a\",process=\"worker-1\"} "
             "1.500000");
    ck_shows("cellcast_fanout_worker_lag_seconds{cell=\"a\",process=\"worker-1\"} 0.000250");
    ck_shows("# HELP cellcast_fanout_worker_connections open now, with a \\\\ in its "
             "help\\nand a break");
    ck_shows("# TYPE cellcast_fanout_worker_waited_seconds_total counter");
    ck_shows("# TYPE cellcast_fanout_worker_lag_seconds gauge");
}
END_TEST

START_TEST(a_family_is_named_once_and_all_processes_stand_below_it)
{
    start();
    for (int i = 0; i < 3; i++) {
        char labels[32];
        snprintf(labels, sizeof labels, "process=\"w-%d\"", i);
        ck_assert_int_eq(add(labels), 0);
    }
    render();
    ck_assert_uint_eq(count("# TYPE cellcast_fanout_worker_refills_total "), 1);
    ck_assert_uint_eq(count("\ncellcast_fanout_worker_refills_total{"), 3);
    const char *type = strstr(page.p, "# TYPE cellcast_fanout_worker_refills_total counter\n");
    ck_assert_int_eq(strncmp(strchr(type, '\n') + 1,
                             "cellcast_fanout_worker_refills_total{process=\"w-0\"} 0\n"
                             "cellcast_fanout_worker_refills_total{process=\"w-1\"} 0\n",
                             100),
                     0);
    ck_assert_uint_eq(count("# TYPE cellcast_process_resident_memory_bytes gauge"), 1);
    ck_assert_uint_eq(count("cellcast_process_cpu_seconds_total{process="), 3);
}
END_TEST

START_TEST(buckets_are_cumulative_and_exact_at_their_edges)
{
    start();
    static const int64_t values[] = {0, 63, 64, 91, 92, 1000, 40000000};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        histogram_record(&m.commit_seconds, values[i]);
    ck_assert_int_eq(add("process=\"w\""), 0);
    render();
    ck_shows("cellcast_fanout_worker_commit_seconds_bucket{process=\"w\",le=\"6.4e-05\"} 2");
    ck_shows("cellcast_fanout_worker_commit_seconds_bucket{process=\"w\",le=\"9.2e-05\"} 4");
    ck_shows("cellcast_fanout_worker_commit_seconds_bucket{process=\"w\",le=\"0.000128\"} 5");
    ck_shows("cellcast_fanout_worker_commit_seconds_bucket{process=\"w\",le=\"0.001024\"} 6");
    ck_shows("cellcast_fanout_worker_commit_seconds_bucket{process=\"w\",le=\"33.554432\"} 6");
    ck_shows("cellcast_fanout_worker_commit_seconds_bucket{process=\"w\",le=\"+Inf\"} 7");
    ck_shows("cellcast_fanout_worker_commit_seconds_count{process=\"w\"} 7");
    ck_shows("cellcast_fanout_worker_commit_seconds_sum{process=\"w\"} 40.001310");
    ck_assert_uint_eq(count("_bucket{"), 40);
}
END_TEST

START_TEST(extra_labels_of_a_metric_stand_behind_those_of_the_process)
{
    start();
    struct metric one = {.kind = METRIC_GAUGE,
                         .name = BYTES("x"),
                         .labels = BYTES("code=\"111\",why=\"a \\\"b\\\"\""),
                         .help = BYTES("h"),
                         .value = 4};
    wire_put_metric(&snapshot, &one);
    ck_assert_int_eq(metrics_page_add(p, "cell=\"a\"", buf_bytes(&snapshot)), 0);
    ck_assert_int_eq(metrics_page_add(p, "", buf_bytes(&snapshot)), 0);
    buf_clear(&snapshot);
    one.labels = BYTES("");
    wire_put_metric(&snapshot, &one);
    ck_assert_int_eq(metrics_page_add(p, "", buf_bytes(&snapshot)), 0);
    render();
    ck_assert_str_eq(
        page.p,
        "# HELP cellcast_x h\n# TYPE cellcast_x gauge\ncellcast_x{cell=\"a\",code=\"111\","
        "why=\"a \\\"b\\\"\"} 4\ncellcast_x{code=\"111\",why=\"a \\\"b\\\"\"} 4\ncellcast_x "
        "4\n");
}
END_TEST

START_TEST(a_snapshot_that_is_wrong_anywhere_adds_nothing)
{
    struct metric good = {.kind = METRIC_GAUGE,
                          .name = BYTES("x"),
                          .help = BYTES("h"),
                          .value = 1},
                  bad;
    struct metric_cell cell = {.cell = HISTOGRAM_CELLS, .count = 1};
    struct buf cells = {0};
    start();
    wire_put_metric(&snapshot, &good);
    ck_assert_int_eq(metrics_page_add(p, "", buf_bytes(&snapshot)), 0);
    render();
    wire_put_metric_cell(&cells, &cell);
    struct metric faults[] = {
        {.kind = 0, .name = BYTES("y")},
        {.kind = 6, .name = BYTES("y")},
        {.kind = METRIC_GAUGE, .name = BYTES("")},
        {.kind = METRIC_GAUGE, .name = BYTES("a-b")},
        {.kind = METRIC_GAUGE, .name = BYTES("1a")},
        {.kind = METRIC_GAUGE, .name = BYTES("a\nb 1")},
        {.kind = METRIC_COUNTER, .name = BYTES("x")},
        {.kind = METRIC_GAUGE, .name = BYTES("y"), .labels = BYTES("a")},
        {.kind = METRIC_GAUGE, .name = BYTES("y"), .labels = BYTES("a=1")},
        {.kind = METRIC_GAUGE, .name = BYTES("y"), .labels = BYTES("a=\"1")},
        {.kind = METRIC_GAUGE, .name = BYTES("y"), .labels = BYTES("a=\"1\",")},
        {.kind = METRIC_GAUGE, .name = BYTES("y"), .labels = BYTES("a=\"1\n\"")},
        {.kind = METRIC_GAUGE, .name = BYTES("y"), .labels = BYTES("a=\"\\x\"")},
        {.kind = METRIC_GAUGE, .name = BYTES("y"), .labels = BYTES("a=\"1\"} 5\n")},
        {.kind = METRIC_HISTOGRAM, .name = BYTES("y"), .cells = buf_bytes(&cells)},
        {.kind = METRIC_HISTOGRAM, .name = BYTES("y"), .cells = BYTES("cut")},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bad = faults[i];
        buf_clear(&snapshot);
        wire_put_metric(&snapshot, &good);
        wire_put_metric(&snapshot, &bad);
        ck_assert_msg(metrics_page_add(p, "", buf_bytes(&snapshot)) == -EBADMSG, "fault %zu",
                      i);
    }
    ck_assert_int_eq(metrics_page_add(p, "", BYTES("cut short")), -EBADMSG);
    struct buf again = {0};
    metrics_page_render(p, &again);
    ck_assert_str_eq(again.p, page.p);
    buf_fini(&again);
    buf_fini(&cells);
}
END_TEST

START_TEST(what_the_process_uses_is_believable)
{
    struct metric one;
    bool seen_start = false, seen_memory = false;
    start();
    add("");
    struct bytes list = buf_bytes(&snapshot);
    while (wire_next_metric(&list, &one) > 0) {
        if (bytes_is(one.name, "process_start_time_seconds")) {
            uint64_t now = clock_real_us();
            seen_start = one.value <= now && one.value > now - 3600 * 1000000ULL;
        }
        if (bytes_is(one.name, "process_resident_memory_bytes"))
            seen_memory = one.value > 100000;
        if (bytes_is(one.name, "process_open_fds"))
            ck_assert(one.value >= 3 && one.value < 100);
    }
    ck_assert(seen_start && seen_memory);
}
END_TEST

static uint64_t open_fds(void)
{
    struct metric one;
    uint64_t n = 0;
    start();
    add("");
    struct bytes list = buf_bytes(&snapshot);
    while (wire_next_metric(&list, &one) > 0)
        if (bytes_is(one.name, "process_open_fds"))
            n = one.value;
    return n;
}

START_TEST(each_descriptor_counts)
{
    uint64_t before = open_fds();
    int fds[20];
    for (size_t i = 0; i < 20; i++)
        fds[i] = dup(1);
    ck_assert_uint_eq(open_fds(), before + 20);
    for (size_t i = 0; i < 20; i++)
        close(fds[i]);
    ck_assert_uint_eq(open_fds(), before);
}
END_TEST

/* promtool is what will read these pages; without it the shape is still proven above. */
START_TEST(promtool_finds_no_fault)
{
    if (system("command -v promtool >/dev/null 2>&1") != 0)
        return;
    start();
    histogram_record(&m.commit_seconds, 1234);
    add("cell=\"a\",process=\"w-1\"");
    add("cell=\"a\",process=\"w-2\"");
    render();
    FILE *f = popen("promtool check metrics", "w");
    fwrite(page.p, 1, page.n, f);
    ck_assert_int_eq(pclose(f), 0);
    finish();
}
END_TEST

UNIT_MAIN("run/metrics", numbers_carry_their_labels_and_their_units,
          a_family_is_named_once_and_all_processes_stand_below_it,
          buckets_are_cumulative_and_exact_at_their_edges,
          extra_labels_of_a_metric_stand_behind_those_of_the_process,
          a_snapshot_that_is_wrong_anywhere_adds_nothing, what_the_process_uses_is_believable,
          each_descriptor_counts,
          promtool_finds_no_fault)
