#include "run/log.h"

#include "core/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096 /* a longer line is cut and ends in "..." */

static const char *const names[] = {"debug", "info", "warn", "error"};
static char process_name[64] = "-";
static enum log_level least_level = LOG_LEVEL_INFO;

void log_init(const char *process, enum log_level least)
{
    snprintf(process_name, sizeof process_name, "%s", process);
    least_level = least;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

static size_t put_head(char *line, size_t size, enum log_level level, const char *event)
{
    int64_t now = clock_real_ns();
    time_t seconds = (time_t)(now / NS_PER_S);
    char stamp[32];
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    int n = snprintf(line, size, "ts=%s.%03dZ level=%s proc=%s event=%s ", stamp,
                     (int)(now / NS_PER_MS % 1000), names[level], process_name, event);
    return (size_t)n < size ? (size_t)n : size - 1;
}

/* What strangers wrote must not be able to begin a line of its own, nor to drive a terminal. */
static size_t put_escaped(char *line, size_t at, size_t size, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= 0x20 && c != 0x7f;
        if (at + (plain ? 1 : 4) > size - 4) {
            memcpy(line + at, "...", 3);
            return at + 3;
        }
        if (plain) {
            line[at++] = (char)c;
        } else if (c == '\n' || c == '\r' || c == '\t') {
            line[at++] = '\\';
            line[at++] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        } else {
            line[at++] = '\\';
            line[at++] = 'x';
            line[at++] = hex[c >> 4];
            line[at++] = hex[c & 15];
        }
    }
    return at;
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    if (level < least_level)
        return;
    int saved = errno;
    char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t n = put_head(line, sizeof line, level, event);
    n = put_escaped(line, n, sizeof line, text);
    if (line[n - 1] == ' ')
        n--;
    line[n++] = '\n';
    /* One write a line, so that those of many processes do not mix; a full log stops nobody. */
    ssize_t written = write(STDERR_FILENO, line, n);
    (void)written;
    errno = saved;
}
