/* What a tenant, or a channel, may still publish; quota.h. */
#ifndef SEQUENCER_ALLOWANCE_H
#define SEQUENCER_ALLOWANCE_H

#include "core/bucket.h"

struct quota;

struct allowance {
    const struct quota *quota; /* NULL: no limit */
    uint32_t generation;       /* of struct quotas, when that was looked for */
    struct bucket publishes, bytes;
    int64_t rows_until_ns;     /* rows wait for it: gateways' publishes are refused until then */
};

#endif
