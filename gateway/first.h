/* Those of many that come first in an order, in memory for so many: until there are so many a list, then a heap with the
 * last one on top. */
#ifndef GATEWAY_FIRST_H
#define GATEWAY_FIRST_H

#include <stdint.h>

struct first {
    const void **items; /* of the caller's */
    uint32_t n, most;
    int (*order)(const void *a, const void *b); /* as strcmp */
};

void first_init(struct first *f, uint32_t most, int (*order)(const void *a, const void *b));
void first_fini(struct first *f);
void first_offer(struct first *f, const void *item);
void first_sort(struct first *f); /* items are in order now; nothing is offered any more */

#endif
