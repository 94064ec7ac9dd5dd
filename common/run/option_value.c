#include "run/option_value.h"

#include "core/json.h"

#include <errno.h>
#include <inttypes.h>

#define TEXT_MAX_DEFAULT 4096 /* bytes of a TEXT whose row says no max */

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit sizes[] = {{"", 1}, {"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}};
static const struct unit durations[] = {{"", 1},      {"ms", 1},      {"s", 1000},
                                        {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
#define COUNT(array) (sizeof(array) / sizeof *(array))

int option_parse_int(struct bytes text, int64_t *ret_value)
{
    bool negative = text.n && text.p[0] == '-';
    uint64_t v;
    if (negative)
        text.p++, text.n--;
    if (text.n == 0)
        return -EINVAL;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return -EINVAL;
    if (!bytes_u64(text, &v) || v > INT64_MAX)
        return -ERANGE;
    *ret_value = negative ? -(int64_t)v : (int64_t)v;
    return 0;
}

static int parse_with_unit(struct bytes text, const struct unit *units, size_t n_units,
                           int64_t *ret_value)
{
    size_t digits = 0;
    int64_t v;
    while (digits < text.n &&
           ((text.p[digits] >= '0' && text.p[digits] <= '9') || (!digits && text.p[0] == '-')))
        digits++;
    int error = option_parse_int(bytes_of(text.p, digits), &v);
    if (error < 0)
        return error;
    struct bytes unit = bytes_of(text.p + digits, text.n - digits);
    size_t i;
    for (i = 0; i < n_units; i++)
        if (bytes_is(unit, units[i].name))
            break;
    if (i == n_units)
        return -EINVAL;
    if (__builtin_mul_overflow(v, units[i].factor, &v))
        return -ERANGE;
    *ret_value = v;
    return 0;
}

int option_parse_size(struct bytes text, int64_t *ret_bytes)
{
    return parse_with_unit(text, sizes, COUNT(sizes), ret_bytes);
}

int option_parse_duration(struct bytes text, int64_t *ret_ms)
{
    return parse_with_unit(text, durations, COUNT(durations), ret_ms);
}

int option_parse_bool(struct bytes text, bool *ret_value)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no",
                                                                                "off", "0"};
    for (size_t i = 0; i < COUNT(yes); i++) {
        if (bytes_is(text, yes[i]) || bytes_is(text, no[i])) {
            *ret_value = bytes_is(text, yes[i]);
            return 0;
        }
    }
    return -EINVAL;
}

static int64_t text_max(const struct option_spec *spec)
{
    return spec->max > 0 ? spec->max : TEXT_MAX_DEFAULT;
}

static int parse_number(const struct option_spec *spec, struct bytes text, int64_t *ret_value)
{
    switch (spec->type) {
    case OPTION_INT:
        return option_parse_int(text, ret_value);
    case OPTION_SIZE:
        return option_parse_size(text, ret_value);
    default:
        return option_parse_duration(text, ret_value);
    }
}

int option_store(const struct option_spec *spec, void *options, const char *text)
{
    void *field = (char *)options + spec->offset;
    struct bytes value = bytes_str(text);
    int64_t number = 0;
    if (spec->type == OPTION_BOOL)
        return option_parse_bool(value, field);
    if (spec->type == OPTION_TEXT) {
        if ((int64_t)value.n < spec->min || (int64_t)value.n > text_max(spec))
            return -EINVAL;
        *(const char **)field = text;
        return 0;
    }
    if (parse_number(spec, value, &number) < 0 || number < spec->min || number > spec->max)
        return -EINVAL;
    *(int64_t *)field = number;
    return 0;
}

static void append_with_unit(int64_t v, const struct unit *units, size_t n_units,
                             struct buf *into)
{
    size_t best = 0;
    for (size_t i = 1; i < n_units; i++)
        if (v != 0 && v % units[i].factor == 0 && units[i].factor >= units[best].factor)
            best = i;
    buf_printf(into, "%" PRId64 "%s", v / units[best].factor, units[best].name);
}

void option_append_duration(int64_t ms, struct buf *into)
{
    if (ms == 0)
        buf_append_char(into, '0');
    else
        append_with_unit(ms, durations, COUNT(durations), into);
}

void option_append_size(int64_t bytes, struct buf *into)
{
    append_with_unit(bytes, sizes, COUNT(sizes), into);
}

void option_append_expected(const struct option_spec *spec, struct buf *into)
{
    switch (spec->type) {
    case OPTION_TEXT:
        buf_printf(into, "a text of %" PRId64 " to %" PRId64 " bytes", spec->min,
                   text_max(spec));
        break;
    case OPTION_BOOL:
        buf_append_str(into, "true or false (yes, no, on, off, 1, 0)");
        break;
    case OPTION_INT:
        buf_printf(into, "a whole number from %" PRId64 " to %" PRId64, spec->min, spec->max);
        break;
    case OPTION_SIZE:
        buf_append_str(into, "a size from ");
        option_append_size(spec->min, into);
        buf_append_str(into, " to ");
        option_append_size(spec->max, into);
        buf_append_str(into, " (bytes, or with k, M, G: 64k)");
        break;
    case OPTION_DURATION:
        buf_append_str(into, "a duration from ");
        option_append_duration(spec->min, into);
        buf_append_str(into, " to ");
        option_append_duration(spec->max, into);
        buf_append_str(into, " (ms, s, m, h, d: 500ms, 4s; a bare number is ms)");
        break;
    }
}

void option_append_value(const struct option_spec *spec, const void *options, struct buf *into)
{
    const void *field = (const char *)options + spec->offset;
    switch (spec->type) {
    case OPTION_TEXT:
        json_append_string(into, bytes_str(*(const char *const *)field));
        break;
    case OPTION_BOOL:
        buf_append_str(into, *(const bool *)field ? "true" : "false");
        break;
    case OPTION_INT:
        buf_printf(into, "%" PRId64, *(const int64_t *)field);
        break;
    case OPTION_SIZE:
        buf_append_char(into, '"');
        option_append_size(*(const int64_t *)field, into);
        buf_append_char(into, '"');
        break;
    case OPTION_DURATION:
        buf_append_char(into, '"');
        option_append_duration(*(const int64_t *)field, into);
        buf_append_char(into, '"');
        break;
    }
}
