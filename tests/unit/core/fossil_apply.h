/* The other side of core/fossil.h, which no process of ours needs: for tests, and written from the format's description. */
#ifndef TEST_FOSSIL_APPLY_H
#define TEST_FOSSIL_APPLY_H

#include "core/buf.h"

static inline bool fossil_read_integer(struct bytes *delta, uint32_t *ret)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
    size_t n = 0;
    *ret = 0;
    for (const char *at; n < delta->n && (at = memchr(digits, delta->p[n], 64)); n++)
        *ret = *ret << 6 | (uint32_t)(at - digits);
    *delta = bytes_of(delta->p + n, delta->n - n);
    return n > 0 && delta->n > 0;
}

static inline char fossil_read_mark(struct bytes *delta)
{
    char mark = delta->n ? *delta->p : 0;
    *delta = bytes_of(delta->p + (mark ? 1 : 0), delta->n - (mark ? 1 : 0));
    return mark;
}

static inline uint32_t fossil_sum(const struct buf *b)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < b->n; i += 4)
        for (size_t k = i; k < i + 4; k++)
            sum += (k < b->n ? (uint32_t)(unsigned char)b->p[k] : 0) << (24 - 8 * (k - i));
    return sum;
}

/* -> whether it is a delta of that base */
static inline bool fossil_apply(struct buf *into, struct bytes base, struct bytes delta)
{
    uint32_t size, n, offset;
    if (!fossil_read_integer(&delta, &size) || fossil_read_mark(&delta) != '\n')
        return false;
    while (fossil_read_integer(&delta, &n)) {
        switch (fossil_read_mark(&delta)) {
        case '@':
            if (!fossil_read_integer(&delta, &offset) || fossil_read_mark(&delta) != ',' || offset > base.n || n > base.n - offset)
                return false;
            buf_append(into, base.p + offset, n);
            break;
        case ':':
            if (n > delta.n)
                return false;
            buf_append(into, delta.p, n);
            delta = bytes_of(delta.p + n, delta.n - n);
            break;
        case ';':
            return delta.n == 0 && into->n == size && fossil_sum(into) == n;
        default:
            return false;
        }
    }
    return false;
}

#endif
