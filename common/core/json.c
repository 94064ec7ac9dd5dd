#include "core/json.h"

#include <assert.h>
#include <errno.h>

struct cursor {
    const char *at, *end;
    int depth;            /* levels still allowed */
    const char *too_deep; /* the first bracket beyond them, or NULL */
};

/* Adding even nothing to a null pointer is undefined. */
static const char *end_of(struct bytes s)
{
    return s.n ? s.p + s.n : s.p;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && is_space(*c->at))
        c->at++;
}

/* Length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), 0 if there is none. */
static size_t utf8_length(const char *p, const char *end)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t left = (size_t)(end - p);
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        return left >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
    if (s[0] >= 0xe0 && s[0] <= 0xef) {
        if (left < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
            return 0;
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
            return 0;
        return 3;
    }
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        if (left < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
            return 0;
        if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
            return 0;
        return 4;
    }
    return 0;
}

static bool scan_escape(struct cursor *c)
{
    if (++c->at == c->end)
        return false;
    if (*c->at != 'u') {
        if (!*c->at || !strchr("\"\\/bfnrt", *c->at))
            return false;
        c->at++;
        return true;
    }
    if (c->end - c->at < 5)
        return false;
    for (int i = 1; i <= 4; i++)
        if (bytes_hex_digit(c->at[i]) < 0)
            return false;
    c->at += 5;
    return true;
}

static bool scan_string(struct cursor *c)
{
    c->at++;
    while (c->at < c->end) {
        unsigned char ch = (unsigned char)*c->at;
        if (ch == '"') {
            c->at++;
            return true;
        }
        if (ch < 0x20)
            return false;
        if (ch == '\\') {
            if (!scan_escape(c))
                return false;
            continue;
        }
        size_t n = ch < 0x80 ? 1 : utf8_length(c->at, c->end);
        if (n == 0)
            return false;
        c->at += n;
    }
    return false;
}

static bool scan_digits(struct cursor *c)
{
    if (c->at == c->end || !is_digit(*c->at))
        return false;
    while (c->at < c->end && is_digit(*c->at))
        c->at++;
    return true;
}

static bool scan_number(struct cursor *c)
{
    if (*c->at == '-')
        c->at++;
    if (c->at < c->end && *c->at == '0')
        c->at++;
    else if (!scan_digits(c))
        return false;
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!scan_digits(c))
            return false;
    }
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
            c->at++;
        return scan_digits(c);
    }
    return true;
}

static bool scan_word(struct cursor *c, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return false;
    c->at += n;
    return true;
}

static bool scan_value(struct cursor *c);

static bool scan_member(struct cursor *c, bool object)
{
    if (object) {
        skip_space(c);
        if (c->at == c->end || *c->at != '"' || !scan_string(c))
            return false;
        skip_space(c);
        if (c->at == c->end || *c->at++ != ':')
            return false;
    }
    skip_space(c);
    return scan_value(c);
}

/* To where the brackets outside strings balance; what stands between them is not looked at. */
static bool skip_nested(struct cursor *c)
{
    size_t open = 0;
    while (c->at < c->end) {
        char ch = *c->at;
        if (ch == '"') {
            if (!scan_string(c))
                return false;
            continue;
        }
        c->at++;
        if (ch == '{' || ch == '[')
            open++;
        else if ((ch == '}' || ch == ']') && --open == 0)
            return true;
    }
    return false;
}

static bool scan_nested(struct cursor *c, bool object)
{
    char close = object ? '}' : ']';
    if (c->depth == 0) {
        c->too_deep = c->too_deep ? c->too_deep : c->at;
        return skip_nested(c);
    }
    c->depth--;
    c->at++;
    skip_space(c);
    if (c->at < c->end && *c->at == close) {
        c->at++;
        c->depth++;
        return true;
    }
    while (scan_member(c, object)) {
        skip_space(c);
        if (c->at == c->end)
            return false;
        char ch = *c->at++;
        if (ch == close) {
            c->depth++;
            return true;
        }
        if (ch != ',')
            return c->at--, false;
    }
    return false;
}

static bool scan_value(struct cursor *c)
{
    if (c->at == c->end)
        return false;
    switch (*c->at) {
    case '{':
        return scan_nested(c, true);
    case '[':
        return scan_nested(c, false);
    case '"':
        return scan_string(c);
    case 't':
        return scan_word(c, "true");
    case 'f':
        return scan_word(c, "false");
    case 'n':
        return scan_word(c, "null");
    default:
        return (*c->at == '-' || is_digit(*c->at)) && scan_number(c);
    }
}

int json_check(struct bytes text, int depth_max, size_t *ret_at)
{
    struct cursor c = {.at = text.p, .end = end_of(text), .depth = depth_max};
    skip_space(&c);
    bool ok = scan_value(&c);
    if (ok)
        skip_space(&c);
    ok = ok && c.at == c.end;
    if (ok && !c.too_deep)
        return 0;
    if (ret_at)
        *ret_at = (size_t)((ok ? c.too_deep : c.at) - text.p);
    return ok ? -E2BIG : -EBADMSG;
}

struct bytes json_trim(struct bytes text)
{
    while (text.n && is_space(*text.p))
        text.p++, text.n--;
    while (text.n && is_space(text.p[text.n - 1]))
        text.n--;
    return text;
}

enum json_type json_type(struct bytes value)
{
    value = json_trim(value);
    if (value.n == 0)
        return JSON_NONE;
    switch (*value.p) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

/* In checked text a value ends where its brackets balance outside strings. */
static const char *value_end(const char *at, const char *end)
{
    struct cursor c = {.at = at, .end = end};
    return scan_value(&c) ? c.at : end;
}

static bool iter_open(struct json_iter *it, struct bytes value, enum json_type type)
{
    value = json_trim(value);
    if (value.n < 2 || json_type(value) != type)
        return false;
    it->at = value.p + 1;
    it->end = value.p + value.n - 1;
    return true;
}

bool json_iter_object(struct json_iter *it, struct bytes object)
{
    return iter_open(it, object, JSON_OBJECT);
}

bool json_iter_array(struct json_iter *it, struct bytes array)
{
    return iter_open(it, array, JSON_ARRAY);
}

static void skip_to_token(struct json_iter *it)
{
    while (it->at < it->end && (is_space(*it->at) || *it->at == ',' || *it->at == ':'))
        it->at++;
}

bool json_next_item(struct json_iter *it, struct bytes *ret_value)
{
    skip_to_token(it);
    if (it->at >= it->end)
        return false;
    const char *end = value_end(it->at, it->end);
    *ret_value = bytes_of(it->at, (size_t)(end - it->at));
    it->at = end;
    return true;
}

bool json_next_member(struct json_iter *it, struct bytes *ret_key, struct bytes *ret_value)
{
    struct bytes key;
    if (!json_next_item(it, &key) || !json_next_item(it, ret_value))
        return false;
    *ret_key = key;
    return true;
}

bool json_key_is(struct bytes key, const char *name)
{
    size_t n = strlen(name);
    if (key.n == n + 2 && memcmp(key.p + 1, name, n) == 0)
        return true;
    if (key.n <= n + 2 || !memchr(key.p, '\\', key.n)) /* only an escape makes it longer than it says */
        return false;
    struct buf text;
    buf_init(&text);
    bool same = json_string(key, &text) == 0 && bytes_equal(buf_bytes(&text), bytes_of(name, n));
    buf_fini(&text);
    return same;
}

struct bytes json_member(struct bytes object, const char *name)
{
    struct json_iter it;
    struct bytes key, value, found = {0};
    json_object_each(&it, object, &key, &value)
    {
        if (json_key_is(key, name))
            found = value;
    }
    return found;
}

static unsigned hex4(const char *p)
{
    return (unsigned)(bytes_hex_digit(p[0]) << 12 | bytes_hex_digit(p[1]) << 8 | bytes_hex_digit(p[2]) << 4 | bytes_hex_digit(p[3]));
}

static void append_utf8(struct buf *into, unsigned cp)
{
    char out[4];
    size_t n = 0;
    if (cp < 0x80) {
        out[n++] = (char)cp;
    } else if (cp < 0x800) {
        out[n++] = (char)(0xc0 | cp >> 6);
        out[n++] = (char)(0x80 | (cp & 0x3f));
    } else if (cp < 0x10000) {
        out[n++] = (char)(0xe0 | cp >> 12);
        out[n++] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (cp & 0x3f));
    } else {
        out[n++] = (char)(0xf0 | cp >> 18);
        out[n++] = (char)(0x80 | (cp >> 12 & 0x3f));
        out[n++] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (cp & 0x3f));
    }
    buf_append(into, out, n);
}

/* p stands on the backslash. -> characters used, or 0 for a lone surrogate or NUL */
static size_t append_escape(struct buf *into, const char *p, const char *end)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (p[1] != 'u') {
        buf_append_char(into, to[strchr(from, p[1]) - from]);
        return 2;
    }
    unsigned cp = hex4(p + 2);
    if (cp == 0 || (cp >= 0xdc00 && cp <= 0xdfff))
        return 0;
    if (cp < 0xd800 || cp > 0xdbff) {
        append_utf8(into, cp);
        return 6;
    }
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return 0;
    unsigned low = hex4(p + 8);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    append_utf8(into, 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00));
    return 12;
}

int json_string(struct bytes value, struct buf *into)
{
    value = json_trim(value);
    if (value.n < 2 || value.p[0] != '"')
        return -EINVAL;
    size_t before = into->n;
    const char *p = value.p + 1, *end = value.p + value.n - 1;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        const char *stop = escape ? escape : end;
        buf_append(into, p, (size_t)(stop - p));
        p = stop;
        if (!escape)
            break;
        size_t used = append_escape(into, p, end);
        if (used == 0) {
            into->n = before;
            return -EILSEQ;
        }
        p += used;
    }
    return 0;
}

bool json_string_is(struct bytes value, struct bytes text)
{
    struct buf decoded = {0};
    bool same = json_string(value, &decoded) == 0 && bytes_equal(buf_bytes(&decoded), text);
    buf_fini(&decoded);
    return same;
}

bool json_array_has(struct bytes value, struct bytes text)
{
    struct json_iter it;
    struct bytes one;
    json_array_each (&it, value, &one)
        if (json_string_is(one, text))
            return true;
    return false;
}

struct bytes json_array_named(struct bytes value, struct bytes name)
{
    struct json_iter it;
    struct bytes one;
    json_array_each (&it, value, &one)
        if (json_type(one) == JSON_OBJECT && json_string_is(json_member(one, "name"), name))
            return one;
    return bytes_of(NULL, 0);
}

bool json_u64(struct bytes value, uint64_t *ret_value)
{
    return bytes_u64(json_trim(value), ret_value);
}

bool json_i64(struct bytes value, int64_t *ret_value)
{
    uint64_t magnitude;
    value = json_trim(value);
    bool negative = value.n && value.p[0] == '-';
    if (negative)
        value.p++, value.n--;
    if (!bytes_u64(value, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool json_is_text(struct bytes s)
{
    for (const char *p = s.p, *end = end_of(s); p < end;) {
        size_t n = *p ? utf8_length(p, end) : 0;
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

void json_append_string(struct buf *into, struct bytes s)
{
    static const char hex[] = "0123456789abcdef";
    const char *p = s.p, *end = end_of(s);
    buf_append_char(into, '"');
    while (p < end) {
        unsigned char ch = (unsigned char)*p;
        if (ch == '"' || ch == '\\') {
            char two[2] = {'\\', (char)ch};
            buf_append(into, two, 2);
            p++;
        } else if (ch < 0x20) {
            char six[6] = {'\\', 'u', '0', '0', hex[ch >> 4], hex[ch & 15]};
            buf_append(into, six, 6);
            p++;
        } else {
            size_t n = utf8_length(p, end);
            if (n)
                buf_append(into, p, n);
            else
                buf_append_str(into, "\xef\xbf\xbd");
            p += n ? n : 1;
        }
    }
    buf_append_char(into, '"');
}

void json_append_line(struct buf *into, struct bytes value)
{
    size_t start = into->n;
    buf_append_bytes(into, value);
    for (size_t i = start; i < into->n; i++)
        if (into->p[i] == '\n' || into->p[i] == '\r')
            into->p[i] = ' ';
}
