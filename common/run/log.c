#include "run/log.h"

#include "core/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096 /* a longer line is cut, and its last value ends in "..." */
#define END_BYTES 16        /* kept for that, a quote and the line break */

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

/* ---- the line */

struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
    bool quoted, cut; /* within quotes; full, so that nothing more is put */
};

static void put(struct line *l, const char *text, size_t n)
{
    if (l->cut)
        return;
    if (l->n + n > sizeof l->text - END_BYTES) {
        l->cut = true;
        text = l->quoted ? "...\"" : "...";
        n = strlen(text);
    }
    memcpy(l->text + l->n, text, n);
    l->n += n;
}

static bool is_plain(const char *value)
{
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f || strchr("\"=\\", *at))
            return false;
    return *value;
}

/* As in JSON. */
static void put_escaped(struct line *l, unsigned char c)
{
    char text[8] = {(char)c};
    if (c == '\n' || c == '\r' || c == '\t')
        snprintf(text, sizeof text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c == '"' || c == '\\')
        snprintf(text, sizeof text, "\\%c", c);
    else if (c < ' ' || c == 0x7f)
        snprintf(text, sizeof text, "\\u%04x", c);
    put(l, text, strlen(text));
}

/* What strangers wrote must not be able to begin a pair or a line of its own, nor to drive a terminal. */
static void put_pair(struct line *l, const char *key, size_t key_n, const char *value, bool quoted)
{
    if (l->n + key_n + 2 > sizeof l->text - END_BYTES) {
        key = "more"; /* there is always room for "more=..." */
        key_n = 4;
        value = NULL;
    }
    if (l->cut)
        return;
    if (l->n)
        l->text[l->n++] = ' ';
    memcpy(l->text + l->n, key, key_n);
    l->n += key_n;
    l->text[l->n++] = '=';
    if (!value) {
        memcpy(l->text + l->n, "...", 3);
        l->n += 3;
        l->cut = true;
    } else if (!quoted && is_plain(value)) {
        for (; *value; value++)
            put(l, value, 1);
    } else {
        put(l, "\"", 1);
        l->quoted = true;
        for (; *value; value++)
            put_escaped(l, (unsigned char)*value);
        put(l, "\"", 1);
        l->quoted = false;
    }
}

static void put_text(struct line *l, const char *key, const char *value)
{
    put_pair(l, key, strlen(key), value, false);
}

static void put_head(struct line *l, enum log_level level, const char *event)
{
    int64_t now = clock_real_ns();
    time_t seconds = (time_t)(now / NS_PER_S);
    char day[32], stamp[48];
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp, sizeof stamp, "%s.%03dZ", day, (int)(now / NS_PER_MS % 1000));
    put_text(l, "ts", stamp);
    put_text(l, "level", names[level]);
    put_text(l, "proc", process_name);
    put_text(l, "event", event);
}

/* ---- the format, a part at a time */

struct format {
    const char *at;
    va_list args;
};

struct piece {
    char text[LINE_MAX_BYTES];
    size_t n;
};

static void add(struct piece *p, int n)
{
    size_t room = sizeof p->text - p->n - 1;
    p->n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

#define ADD(...) add(p, snprintf(p->text + p->n, sizeof p->text - p->n, __VA_ARGS__))

static void add_integer(struct piece *p, struct format *f, const char *spec)
{
    if (strstr(spec, "ll"))
        ADD(spec, va_arg(f->args, long long));
    else if (strchr(spec, 'l'))
        ADD(spec, va_arg(f->args, long));
    else if (strchr(spec, 'z'))
        ADD(spec, va_arg(f->args, size_t));
    else
        ADD(spec, va_arg(f->args, int));
}

/* f->at is a '%'. */
static void add_conversion(struct piece *p, struct format *f)
{
    char spec[16];
    size_t n = strcspn(f->at + 1, "diuxXcsfp%") + 2;
    assert(n < sizeof spec);
    memcpy(spec, f->at, n);
    spec[n] = 0;
    f->at += n;
    bool bounded = strchr(spec, '*');
    int bound = bounded ? va_arg(f->args, int) : 0;
    if (spec[n - 1] == '%')
        ADD("%%");
    else if (bounded)
        ADD(spec, bound, va_arg(f->args, const char *));
    else if (spec[n - 1] == 's')
        ADD(spec, va_arg(f->args, const char *));
    else if (spec[n - 1] == 'f')
        ADD(spec, va_arg(f->args, double));
    else if (spec[n - 1] == 'p')
        ADD(spec, va_arg(f->args, void *));
    else
        add_integer(p, f, spec);
}

/* A word ends with a space that the format does not quote; its quotes are left out. -> whether it had some */
static bool take_word(struct format *f, struct piece *ret)
{
    bool inside = false, quoted = false;
    ret->n = 0;
    ret->text[0] = 0;
    while (*f->at && (inside || *f->at != ' ')) {
        if (*f->at == '%') {
            add_conversion(ret, f);
        } else if (*f->at == '"') {
            inside = !inside;
            quoted = true;
            f->at++;
        } else {
            bool last = !inside && strchr(";,", *f->at) && (f->at[1] == ' ' || !f->at[1]);
            if (!last)
                add(ret, snprintf(ret->text + ret->n, sizeof ret->text - ret->n, "%c", *f->at));
            f->at++;
        }
    }
    return quoted;
}

static void take_rest(struct format *f, struct piece *ret)
{
    ret->n = 0;
    ret->text[0] = 0;
    while (*f->at) {
        size_t n = strcspn(f->at, "%");
        add(ret, snprintf(ret->text + ret->n, sizeof ret->text - ret->n, "%.*s", (int)n, f->at));
        f->at += n;
        if (*f->at)
            add_conversion(ret, f);
    }
    while (ret->n && ret->text[ret->n - 1] == ' ')
        ret->text[--ret->n] = 0;
}

/* -> length of the key that a pair begins with here, or 0 */
static size_t key_here(const char *at)
{
    size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return at[n] == '=' ? n : 0;
}

static void put_format(struct line *l, struct format *f)
{
    struct piece piece;
    size_t n;
    f->at += strspn(f->at, " ");
    while ((n = key_here(f->at)) > 0) {
        const char *key = f->at;
        f->at += n + 1;
        bool quoted = take_word(f, &piece);
        put_pair(l, key, n, piece.text, quoted);
        f->at += strspn(f->at, " ");
    }
    take_rest(f, &piece);
    if (piece.n)
        put_pair(l, "msg", 3, piece.text, true);
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    if (level < least_level)
        return;
    int saved = errno;
    struct line line = {.n = 0};
    struct format format = {.at = fmt};
    put_head(&line, level, event);
    va_start(format.args, fmt);
    put_format(&line, &format);
    va_end(format.args);
    line.text[line.n++] = '\n';
    /* One write a line, so that those of many processes do not mix; a full log stops nobody. */
    ssize_t written = write(STDERR_FILENO, line.text, line.n);
    (void)written;
    errno = saved;
}
