#include "core/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PRINT_GUESS 63 /* bytes; what is longer is formatted twice */

void buf_init(struct buf *b)
{
    *b = (struct buf){0};
}

void buf_fini(struct buf *b)
{
    free(b->p);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    if (b->p)
        b->p[0] = 0;
}

void buf_grow(struct buf *b, size_t more)
{
    size_t need = b->n + more + 1;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap *= 2;
    char *p = realloc(b->p, cap);
    assert(p);
    b->p = p;
    b->cap = cap;
}

void buf_append_bytes(struct buf *b, struct bytes s)
{
    buf_append(b, s.p, s.n);
}

void buf_append_str(struct buf *b, const char *s)
{
    buf_append(b, s, strlen(s));
}

void buf_append_char(struct buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_append_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_append(b, digits + at, sizeof digits - at);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    buf_reserve(b, PRINT_GUESS);
    va_start(ap, fmt);
    int n = vsnprintf(b->p + b->n, PRINT_GUESS + 1, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    if (n > PRINT_GUESS) {
        buf_reserve(b, (size_t)n);
        va_start(ap, fmt);
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    b->n += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->n);
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
    b->p[b->n] = 0;
}

char *buf_take(struct buf *b)
{
    buf_reserve(b, 0);
    b->p[b->n] = 0;
    char *p = b->p;
    *b = (struct buf){0};
    return p;
}
