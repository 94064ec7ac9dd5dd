/* A growable, owned byte buffer. Growth doubles; out of memory ends the process (assert), because
 * every caller bounds what it appends by an option first. Always has a NUL behind its last byte. */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include "core/bytes.h"

struct buf {
    char *p;    /* NULL until the first append */
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated, the NUL included */
};

void buf_init(struct buf *b);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b);                          /* keeps the memory */
void buf_grow(struct buf *b, size_t more);              /* buf_reserve, where there is no room */
void buf_append_bytes(struct buf *b, struct bytes s);
void buf_append_str(struct buf *b, const char *s);
void buf_append_char(struct buf *b, char c);
void buf_append_u64(struct buf *b, uint64_t v);         /* decimal */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b, size_t n);              /* drops n bytes from the front; n <= b->n */
char *buf_take(struct buf *b);                          /* the caller frees; the buffer is empty afterwards */

static inline void buf_reserve(struct buf *b, size_t more) /* room for `more` further bytes */
{
    if (b->n + more >= b->cap)
        buf_grow(b, more);
}

/* Inline: a constant text becomes a few moves. */
static inline void buf_append(struct buf *b, const void *p, size_t n)
{
    buf_reserve(b, n);
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = 0;
}

static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){b->p, b->n};
}

#endif
