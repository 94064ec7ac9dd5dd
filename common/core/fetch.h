/* Memory that is looked at soon, but not yet, is brought into the cache meanwhile. For who walks over many things each of which
 * has long been out of it: the wait for one is then the work on another one. */
#ifndef CORE_FETCH_H
#define CORE_FETCH_H

#include <stddef.h>

#define CACHE_LINE 64 /* bytes */

/* n bytes from p on, wherever they lie in their lines; p may point to nothing. Always inline: a function that does nothing
 * else has no effect to gcc, and goes. */
static inline __attribute__((always_inline)) void fetch(const void *p, size_t n)
{
    for (size_t at = 0; at < n + CACHE_LINE - 1; at += CACHE_LINE)
        __builtin_prefetch((const char *)p + at);
}

#endif
