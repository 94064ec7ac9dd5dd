/* Resources that ended something, as a set of bits. */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include "core/buf.h"

enum limit_bit {
#define LIMIT(NAME, name, help) LIMIT_BIT_##NAME,
#include "limits.def"
#undef LIMIT
};

/* error: an errno. -> the bit's set, or 0 when no resource is behind it */
uint32_t limit_of(int error);
/* Appends a JSON array of names. */
void limit_append(struct buf *into, uint32_t limits);

#endif
