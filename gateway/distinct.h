/* How many are distinct, of those that are added: 64-bit hashes, of which two that agree are not to be expected among the
 * users of a channel or a gateway. {0} is an empty one. */
#ifndef GATEWAY_DISTINCT_H
#define GATEWAY_DISTINCT_H

#include "core/buf.h"

struct distinct {
    struct buf hashes; /* uint64_t each */
};

void distinct_add(struct distinct *d, uint64_t hash);
uint64_t distinct_count(struct distinct *d); /* and lets go of its memory */

#endif
