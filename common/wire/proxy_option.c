#include "wire/proxy_option.h"

#include <strings.h>

#define ERROR_MAX 65535

bool proxy_error_is_good(uint64_t code)
{
    return code >= 1 && code <= ERROR_MAX;
}

bool proxy_disconnect_is_good(uint64_t code)
{
    return code >= 3000 && code <= 4999;
}

/* ---- rows */

static struct bytes next_word(struct bytes *rest)
{
    const char *space = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
    struct bytes word = bytes_of(rest->p, space ? (size_t)(space - rest->p) : rest->n);
    size_t used = word.n + (space ? 1 : 0);
    *rest = bytes_of(rest->p + used, rest->n - used);
    return word;
}

static bool read_outcome(struct bytes word, enum proxy_outcome *ret)
{
    static const char *const words[] = {
        [PROXY_OUTCOME_ERROR] = "error", [PROXY_OUTCOME_TEMPORARY] = "temporary", [PROXY_OUTCOME_DISCONNECT] = "disconnect"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!bytes_is(word, words[i]))
            continue;
        *ret = (enum proxy_outcome)i;
        return true;
    }
    return false;
}

bool proxy_transform_read(struct bytes row, struct proxy_transform *ret)
{
    uint64_t status, code;
    enum proxy_outcome outcome;
    if (!bytes_u64(next_word(&row), &status) || status < 100 || status > 599 || status == 200)
        return false;
    if (!read_outcome(next_word(&row), &outcome) || !bytes_u64(next_word(&row), &code))
        return false;
    bool good = outcome == PROXY_OUTCOME_DISCONNECT ? proxy_disconnect_is_good(code) : proxy_error_is_good(code);
    if (!good || row.n == 0 || !proxy_header_value_is_good(row))
        return false;
    *ret = (struct proxy_transform){.status = (uint32_t)status, .outcome = outcome, .code = (uint32_t)code, .text = row};
    return true;
}

/* ---- headers */

bool proxy_header_name_is_good(struct bytes name)
{
    static const char *const own[] = {"content-length", "content-type", "transfer-encoding", "connection", "host",
                                      "upgrade",        "expect",       "te",                "trailer"};
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t i = 0; i < name.n; i++)
        if (!name.p[i] || !strchr(allowed, name.p[i]))
            return false;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strlen(own[i]) == name.n && strncasecmp(own[i], name.p, name.n) == 0)
            return false;
    return name.n > 0 && name.n <= 255;
}

bool proxy_header_value_is_good(struct bytes value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
            return false;
    return true;
}

bool proxy_header_is_good(struct bytes line)
{
    const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
    if (!colon)
        return false;
    size_t n = (size_t)(colon - line.p);
    return proxy_header_name_is_good(bytes_of(line.p, n)) && proxy_header_value_is_good(bytes_of(colon + 1, line.n - n - 1));
}
