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
    ck_assert_ptr_nonnull(strstr(text, "name=a\\nts=forged level=error\\r\\t\\x1b[31m\\x7f\n"));
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
    CAPTURE(log_info("e", "name=%s", name));
    n = strlen(text);
    ck_assert_uint_le(n, 4096);
    ck_assert_str_eq(text + n - 4, "...\n");
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
          logging_keeps_errno_and_an_empty_message_ends_with_its_event, levels_have_names)
