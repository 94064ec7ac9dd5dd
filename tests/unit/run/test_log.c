#include "run/log.h"

#include "core/buf.h"
#include "unit.h"

#include <errno.h>
#include <unistd.h>

/* What `statement` writes to standard error. */
static char text[16384];
#define CAPTURE(statement)                                                                     \
    do {                                                                                       \
        int fds[2], was = dup(STDERR_FILENO);                                                  \
        ck_assert_int_eq(pipe(fds), 0);                                                        \
        dup2(fds[1], STDERR_FILENO);                                                           \
        close(fds[1]);                                                                         \
        statement;                                                                             \
        dup2(was, STDERR_FILENO);                                                              \
        close(was);                                                                            \
        ssize_t got_ = read(fds[0], text, sizeof text - 1);                                    \
        text[got_ > 0 ? got_ : 0] = 0;                                                         \
        close(fds[0]);                                                                         \
    } while (0)

START_TEST(a_line_is_stamp_level_process_event_and_the_rest)
{
    log_init("gateway-1", LOG_LEVEL_INFO);
    CAPTURE(log_warn("link_lost", "peer=%s retry_ms=%d", "sequencer", 20));
    ck_assert_int_eq(strncmp(text, "ts=20", 5), 0);
    ck_assert_ptr_nonnull(strstr(
        text, "Z level=warn proc=gateway-1 event=link_lost peer=sequencer retry_ms=20\n"));
    ck_assert_uint_eq(strcspn(text, " "), strlen("ts=2026-01-01T00:00:00.000Z"));
}
END_TEST

START_TEST(what_is_below_the_level_is_not_written)
{
    log_init("p", LOG_LEVEL_WARN);
    CAPTURE(log_info("e", "x"));
    ck_assert_str_eq(text, "");
    CAPTURE(log_error("e", "x"));
    ck_assert_str_ne(text, "");
    log_init("p", LOG_LEVEL_DEBUG);
    CAPTURE(log_debug("e", "x"));
    ck_assert_str_ne(text, "");
}
END_TEST

START_TEST(nobodys_text_can_begin_a_line_or_drive_a_terminal)
{
    log_init("p", LOG_LEVEL_INFO);
    CAPTURE(log_info("e", "name=%s", "a\nts=forged level=error\r\t\x1b[31m\x7f"));
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    ck_assert_ptr_nonnull(strstr(text, " name=\"a\\nts=forged level=error\\r\\t\\u001b[31m\\u007f\"\n"));
    CAPTURE(log_info("e", "name=%s", "\xc3\xa9"));
    ck_assert_ptr_nonnull(strstr(text, "name=\xc3\xa9\n"));
}
END_TEST

START_TEST(a_long_line_is_cut_and_says_so)
{
    char name[9000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    CAPTURE(log_info("e", "name=%s", name));
    size_t n = strlen(text);
    ck_assert_uint_le(n, 4096);
    ck_assert_str_eq(text + n - 4, "...\n");
    memset(name, '\n', sizeof name - 1);
    CAPTURE(log_info("e", "name=%s further=%s words", name, "x"));
    n = strlen(text);
    ck_assert_uint_le(n, 4096);
    ck_assert_str_eq(text + n - 5, "...\"\n");
    for (size_t at = 4000; at < 4096; at++) { /* wherever the end falls: a pair, a quote, the next key */
        memset(name, 'x', sizeof name - 1);
        name[at] = 0;
        CAPTURE(log_info("e", "name=%s why=\"%s\" and words", name, "a b"));
        n = strlen(text);
        ck_assert_uint_le(n, 4096);
        size_t quotes = 0;
        for (const char *c = text; *c; c++)
            quotes += *c == '"';
        ck_assert_msg(quotes % 2 == 0 && text[n - 1] == '\n', "%s", text + 3900);
        ck_assert_ptr_nonnull(strstr(text, "..."));
    }
}
END_TEST

START_TEST(values_are_quoted_where_they_must_be_and_where_the_format_says_so)
{
    log_init("p", LOG_LEVEL_INFO);
    CAPTURE(log_info("e", "errno=%s n=%d why=\"%s\" one=\"%s\" none=%s url=%s path=%s", "Connection reset by peer", 7,
                     "no \"such\" host", "word", "", "http://x/?a=b", "c:\\"));
    ck_assert_ptr_nonnull(strstr(text, " event=e errno=\"Connection reset by peer\" n=7 why=\"no \\\"such\\\" host\" one=\"word\""
                                       " none=\"\" url=\"http://x/?a=b\" path=\"c:\\\\\"\n"));
}
END_TEST

START_TEST(words_behind_the_pairs_are_the_message)
{
    log_init("p", LOG_LEVEL_INFO);
    CAPTURE(log_info("e", "peer=%s errno=%s its channels wait", "worker-1", "a b=c"));
    ck_assert_ptr_nonnull(strstr(text, " peer=worker-1 errno=\"a b=c\" msg=\"its channels wait\"\n"));
    CAPTURE(log_info("e", "temporary=%s; waits for every \"open\" transaction of=%d", "no", 5));
    ck_assert_ptr_nonnull(strstr(text, " temporary=no msg=\"waits for every \\\"open\\\" transaction of=5\"\n"));
    CAPTURE(log_info("e", "why=\"%s\"; %s", "x;", ""));
    ck_assert_ptr_nonnull(strstr(text, " why=\"x;\"\n"));
    CAPTURE(log_info("e", "why=\"%s%s\" share=%u%% of it", "x", " do: y", 40u));
    ck_assert_ptr_nonnull(strstr(text, " why=\"x do: y\" share=40% msg=\"of it\"\n"));
}
END_TEST

START_TEST(each_conversion_takes_its_own_argument)
{
    log_init("p", LOG_LEVEL_INFO);
    CAPTURE(log_info("e", "a=%d b=%u c=%lld d=%llu e=%ld f=%zu g=%.*s h=%016llx i=%.1f j=%c k=%X l=%s", -1, 4000000000u, -5000000000ll,
                     18446744073709551615ull, -6000000000l, (size_t)7, 2, "xyz", 255ull, 2.25, 'c', 171u, "end"));
    ck_assert_ptr_nonnull(strstr(text, " a=-1 b=4000000000 c=-5000000000 d=18446744073709551615 e=-6000000000 f=7 g=xy"
                                       " h=00000000000000ff i=2.2 j=c k=AB l=end\n"));
}
END_TEST

START_TEST(logging_keeps_errno_and_an_empty_message_ends_with_its_event)
{
    errno = ENOENT;
    CAPTURE(log_info("stopped", "%s", ""));
    ck_assert_ptr_nonnull(strstr(text, " event=stopped\n"));
    errno = ENOENT;
    log_debug("e", "x");
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(levels_have_names)
{
    enum log_level level = LOG_LEVEL_DEBUG;
    ck_assert_int_eq(log_level_parse("error", &level), 0);
    ck_assert_int_eq(level, LOG_LEVEL_ERROR);
    ck_assert_int_eq(log_level_parse("loud", &level), -EINVAL);
    ck_assert_int_eq(level, LOG_LEVEL_ERROR);
}
END_TEST

UNIT_MAIN("run/log", a_line_is_stamp_level_process_event_and_the_rest,
          what_is_below_the_level_is_not_written,
          nobodys_text_can_begin_a_line_or_drive_a_terminal, a_long_line_is_cut_and_says_so,
          values_are_quoted_where_they_must_be_and_where_the_format_says_so, words_behind_the_pairs_are_the_message,
          each_conversion_takes_its_own_argument, logging_keeps_errno_and_an_empty_message_ends_with_its_event,
          levels_have_names)
