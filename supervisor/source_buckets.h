/* How often each source may connect: a bucket each, which holds a second's worth and fills evenly. It is kept as the time
 * at which it will be full again (GCRA, ITU-T I.371), so a source costs one number. The table is bounded: beyond, the
 * source that has not come for longest is forgotten; one whose bucket is full is as good as not there. Pure.
 *
 *     now ── a second ──▶ full_ns - 1 s : the next one's turn; those that wait have taken theirs already */
#ifndef SUPERVISOR_SOURCE_BUCKETS_H
#define SUPERVISOR_SOURCE_BUCKETS_H

#include "core/list.h"
#include "core/map.h"
#include "run/source.h"

struct source_buckets {
    struct map by_source; /* struct bucket::by_source */
    struct list by_age;   /* struct bucket::by_age, last come last */
    int64_t rate;         /* per second and source; 0: nobody waits, nothing is kept */
    int64_t wait_ns;      /* longest */
    size_t max;           /* sources */
};

void source_buckets_init(struct source_buckets *b, int64_t rate, int64_t wait_ns, size_t max);
void source_buckets_fini(struct source_buckets *b);
/* -> ns until its turn, which it has taken; 0: now; -EAGAIN: it would be longer than wait_ns, and it has taken none */
int64_t source_buckets_take(struct source_buckets *b, struct source s, int64_t now_ns);

#endif
