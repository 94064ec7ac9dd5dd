#include "run/option_help.h"

#include "run/option_value.h"

#include <string.h>

#define COLUMN 34 /* where the help begins */
#define WIDTH 96

/* Columns of UTF-8 text: bytes that do not go on with a character. */
static size_t width(const char *text, size_t n)
{
    size_t columns = 0;
    for (size_t i = 0; i < n; i++)
        columns += (text[i] & 0xc0) != 0x80;
    return columns;
}

/* Appends a piece that is not to be broken, on a new line if it would pass WIDTH.
 * *at: the column that was reached */
static void append_piece(struct buf *into, const char *text, size_t n, size_t *at)
{
    if (*at > COLUMN && *at + 1 + width(text, n) > WIDTH) {
        buf_printf(into, "\n%*s", COLUMN, "");
        *at = COLUMN;
    } else if (*at > COLUMN) {
        buf_append_char(into, ' ');
        ++*at;
    }
    buf_append(into, text, n);
    *at += width(text, n);
}

static void append_words(struct buf *into, const char *text, size_t *at)
{
    while (*text) {
        size_t n = strcspn(text, " ");
        append_piece(into, text, n, at);
        text += n + (text[n] == ' ');
    }
}

static void append_flag(const struct option_spec *spec, struct buf *into)
{
    static const char *const values[] = {"TEXT", "NUMBER", "SIZE", "DURATION", ""};
    bool text = spec->type == OPTION_TEXT && spec->unit[0];
    size_t before = into->n;
    if (spec->type == OPTION_BOOL)
        buf_printf(into, "  --%s", spec->flag);
    else
        buf_printf(into, "  --%s=%s", spec->flag, text ? spec->unit : values[spec->type]);
    size_t n = width(into->p + before, into->n - before);
    if (n + 2 > COLUMN)
        buf_printf(into, "\n%*s", COLUMN, "");
    else
        buf_printf(into, "%*s", COLUMN - (int)n, "");
}

static void append_range(const struct option_spec *spec, struct buf *into)
{
    if (spec->type == OPTION_TEXT || spec->type == OPTION_BOOL)
        return;
    void (*put)(int64_t, struct buf *) =
        spec->type == OPTION_SIZE ? option_append_size : option_append_duration;
    buf_append_str(into, "; ");
    if (spec->type == OPTION_INT) {
        buf_printf(into, "%lld to %lld", (long long)spec->min, (long long)spec->max);
        if (spec->unit[0])
            buf_printf(into, " %s", spec->unit);
        return;
    }
    put(spec->min, into);
    buf_append_str(into, " to ");
    put(spec->max, into);
}

static void append_row(const struct option_spec *spec, bool builtin, struct buf *into)
{
    struct buf tail;
    size_t at = COLUMN;
    append_flag(spec, into);
    append_words(into, spec->help, &at);
    buf_init(&tail);
    if (spec->type == OPTION_TEXT && spec->min > 0 && !spec->dflt[0])
        buf_append_str(&tail, "(needed)");
    else if (spec->dflt[0] && !builtin)
        buf_printf(&tail, "(default %s", spec->dflt);
    if (tail.n && tail.p[tail.n - 1] != ')') {
        append_range(spec, &tail);
        buf_append_char(&tail, ')');
    }
    if (tail.n)
        append_piece(into, tail.p, tail.n, &at);
    buf_append_char(into, '\n');
    buf_fini(&tail);
}

void option_help(const char *program, const char *summary, const struct option_spec *specs,
                 size_t n_specs, const struct option_spec *common, size_t n_common, bool words,
                 struct buf *into)
{
    buf_printf(into, "%s %s\n%s\n\nUsage: %s [--name=value ...]%s\n\n", program,
               CELLCAST_VERSION, summary, program, words ? " [word ...]" : "");
    for (size_t i = 0; i < n_specs; i++)
        append_row(&specs[i], false, into);
    if (n_specs)
        buf_append_char(into, '\n');
    for (size_t i = 0; i < n_common; i++)
        append_row(&common[i], true, into);
    buf_append_str(
        into, "\nAn option may be given as --name=value or --name value, a switch as --name or "
              "--no-name.\n"
              "What no flag says is taken from the environment (--some-name is "
              "CELLCAST_SOME_NAME), then\n"
              "from the file of --config (\"some-name\": value), then from the default.\n");
}

void option_config(const struct option_spec *specs, size_t n_specs, const void *options,
                   struct buf *into)
{
    buf_append_str(into, "{");
    for (size_t i = 0; i < n_specs; i++) {
        buf_printf(into, "%s\n  \"%s\": ", i ? "," : "", specs[i].flag);
        option_append_value(&specs[i], options, into);
    }
    buf_append_str(into, "\n}\n");
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned option_distance(struct bytes a, struct bytes b)
{
    unsigned rows[3][65]; /* the row before the last, the last, this one */
    if (a.n > 63 || b.n > 63)
        return 64;
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];
    for (unsigned j = 0; j <= b.n; j++)
        last[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        now[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            now[j] =
                least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a.p[i - 1] != b.p[j - 1]));
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        unsigned *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.n];
}
