/* A borrowed run of bytes: pointer and length, not terminated, not owned.
 * Everything that comes off a socket or out of a row is read through one of these. */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#ifdef NDEBUG
#error "assert stays on: what it finds wrong would go on with what strangers sent"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const char *p; /* may be NULL when n is 0 */
    size_t n;      /* bytes */
};

/* printf("%.*s", BYTES_FMT(b)) */
#define BYTES_FMT(b) (int)(b).n, ((b).p ? (b).p : "")
#define BYTES(literal) ((struct bytes){"" literal, sizeof(literal) - 1})

static inline struct bytes bytes_of(const void *p, size_t n)
{
    return (struct bytes){p, n};
}

static inline struct bytes bytes_str(const char *s)
{
    return (struct bytes){s, s ? strlen(s) : 0};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* -> below, equal to, above 0, as memcmp; what the other begins with comes before it */
static inline int bytes_order(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static inline bool bytes_is(struct bytes a, const char *s)
{
    return bytes_equal(a, bytes_str(s));
}

static inline bool bytes_starts(struct bytes a, struct bytes prefix)
{
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* -> 0 to 15, or -1 */
static inline int bytes_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Unsigned decimal, digits only. -> true, or false when empty, not digits or above UINT64_MAX. */
static inline bool bytes_u64(struct bytes a, uint64_t *ret_value)
{
    uint64_t v = 0;
    if (a.n == 0)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] < '0' || a.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(a.p[i] - '0'), &v))
            return false;
    }
    *ret_value = v;
    return true;
}

#endif
