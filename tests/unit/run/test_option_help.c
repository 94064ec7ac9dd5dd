#include "run/option_help.h"

#include "unit.h"

static const struct option_spec specs[] = {
    {"listen", OPTION_TEXT, 0, "127.0.0.1:7100", 1, 100, "HOST:PORT", "where gateways connect"},
    {"postgres", OPTION_TEXT, 8, "", 1, 1000, "",
     "connection to the application's database, as libpq takes it"},
    {"write-max-bytes", OPTION_SIZE, 16, "16k", 1024, 1 << 20, "bytes",
     "most that one gathered write hands to a connection, which is a sentence that goes on and "
     "on, longer than a line"},
    {"a-flag-whose-name-is-longer-than-the-column", OPTION_DURATION, 24, "4s", 1, 60000, "",
     "held"},
    {"brokers", OPTION_TEXT, 0, "a:1", 1, 100, "host:port,…", "of Kafka"},
    {"batch", OPTION_INT, 32, "1000", 1, 5000, "messages", "most of one commit"},
    {"synchronous", OPTION_BOOL, 40, "false", 0, 0, "", "a switch"},
};
static const struct option_spec common[] = {
    {"help", OPTION_BOOL, 0, "false", 0, 0, "", "prints this page"}};

START_TEST(a_page_of_help_is_aligned_and_no_line_is_longer_than_96)
{
    struct buf page;
    buf_init(&page);
    option_help("cellcast-x", "Does x.", specs, sizeof specs / sizeof *specs, common, 1, false,
                &page);
    for (const char *line = page.p; *line;) {
        size_t n = strcspn(line, "\n");
        ck_assert_uint_le(n, 96);
        ck_assert(n == 0 || line[n - 1] != ' ');
        line += n + 1;
    }
    ck_assert_ptr_nonnull(strstr(page.p, "\n  --listen=HOST:PORT              where gateways "
                                         "connect (default 127.0.0.1:7100)\n"));
    ck_assert_ptr_nonnull(strstr(page.p, "\n  --postgres=TEXT                 connection"));
    ck_assert_ptr_nonnull(
        strstr(page.p, "\n  --brokers=host:port,…           of Kafka (default a:1)\n"));
    ck_assert_ptr_nonnull(strstr(page.p, "(needed)\n"));
    ck_assert_ptr_nonnull(strstr(page.p, "(default 16k; 1k to 1M)\n"));
    ck_assert_ptr_nonnull(strstr(
        page.p,
        "column=DURATION\n                                  held (default 4s; 1ms to 1m)\n"));
    ck_assert_ptr_nonnull(
        strstr(page.p, "most of one commit (default 1000; 1 to 5000 messages)\n"));
    ck_assert_ptr_nonnull(
        strstr(page.p, "\n  --synchronous                   a switch (default false)\n"));
    ck_assert_ptr_nonnull(
        strstr(page.p, "\n  --help                          prints this page\n"));
    buf_fini(&page);
}
END_TEST

START_TEST(distance_counts_insertions_deletions_changes_and_swaps)
{
    ck_assert_uint_eq(option_distance(BYTES("listen"), BYTES("listen")), 0);
    ck_assert_uint_eq(option_distance(BYTES("lsiten"), BYTES("listen")), 1);
    ck_assert_uint_eq(option_distance(BYTES("liste"), BYTES("listen")), 1);
    ck_assert_uint_eq(option_distance(BYTES("listten"), BYTES("listen")), 1);
    ck_assert_uint_eq(option_distance(BYTES("lister"), BYTES("listen")), 1);
    ck_assert_uint_eq(option_distance(BYTES(""), BYTES("abc")), 3);
    ck_assert_uint_eq(option_distance(BYTES("abc"), BYTES("")), 3);
    ck_assert_uint_eq(option_distance(BYTES("kitten"), BYTES("sitting")), 3);
    char longest[64];
    memset(longest, 'a', sizeof longest);
    ck_assert_uint_eq(option_distance(bytes_of(longest, 64), BYTES("a")), 64);
    ck_assert_uint_eq(option_distance(bytes_of(longest, 63), BYTES("a")), 62);
}
END_TEST

UNIT_MAIN("run/option_help", a_page_of_help_is_aligned_and_no_line_is_longer_than_96,
          distance_counts_insertions_deletions_changes_and_swaps)
