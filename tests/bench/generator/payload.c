#include "payload.h"

static const struct bytes open = BYTES("{\"n\":"), middle = BYTES(",\"t\":"),
                          fill = BYTES(",\"p\":\""), end = BYTES("\"}");

void payload_append(struct buf *into, uint64_t number, uint64_t stamp_us, size_t bytes)
{
    size_t from = into->n;
    buf_append_bytes(into, open);
    buf_append_u64(into, number);
    buf_append_bytes(into, middle);
    buf_append_u64(into, stamp_us);
    buf_append_bytes(into, fill);
    size_t have = into->n - from + end.n;
    if (have < bytes) {
        buf_reserve(into, bytes - have);
        memset(into->p + into->n, 'x', bytes - have);
        into->n += bytes - have;
    }
    buf_append_bytes(into, end);
}

static bool skip(struct bytes *text, struct bytes what)
{
    if (!bytes_starts(*text, what))
        return false;
    *text = bytes_of(text->p + what.n, text->n - what.n);
    return true;
}

static bool number(struct bytes *text, uint64_t *ret)
{
    size_t n = 0;
    while (n < text->n && text->p[n] >= '0' && text->p[n] <= '9')
        n++;
    if (!bytes_u64(bytes_of(text->p, n), ret))
        return false;
    *text = bytes_of(text->p + n, text->n - n);
    return true;
}

bool payload_read(struct bytes text, uint64_t *ret_number, uint64_t *ret_stamp_us,
                  size_t *ret_size)
{
    struct bytes at = text;
    uint64_t n, stamp;
    if (!skip(&at, open) || !number(&at, &n) || !skip(&at, middle) || !number(&at, &stamp) ||
        !skip(&at, fill))
        return false;
    *ret_number = n;
    *ret_stamp_us = stamp;
    *ret_size = (size_t)(at.p - text.p);
    return true;
}
