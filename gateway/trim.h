/* Gives memory back to the system after a peak: the allocator keeps what was freed, in pages that are nobody's, until it
 * is told. Looked at from time to time; what is given back is what became free since the least that has been free.
 * (glibc's malloc_trim, not another allocator: the same pages come back, and nothing more is to be installed.) */
#ifndef GATEWAY_TRIM_H
#define GATEWAY_TRIM_H

#include "core/map.h"

#include <stdint.h>

#define TRIM_EVERY_S 10
#define TRIM_LEAST (1 << 20)  /* bytes that have to have become free … */
#define TRIM_SHARE 16         /* … and this part of what is in use */

struct trim {
    int64_t due_ns;   /* loop clock: looks again then; 0: at once */
    uint64_t kept;    /* bytes free after the last time, and the least since */
};

/* Before much is allocated: small pieces merge with their neighbours as they are freed, not all at once when memory is
 * given back (2 ms instead of 15 for 30 MB, in which nobody is served). */
void trim_setup(void);
/* Whether so much more is free than was kept that it is worth the time. Notes the least. */
bool trim_is_due(struct trim *t, uint64_t free_bytes, uint64_t used_bytes);
/* Once a second or so. map: shrunk to what it holds, first. -> whether memory was given back */
bool trim_turn(struct trim *t, int64_t now_ns, struct map *map);

#endif
