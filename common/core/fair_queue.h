/* What waits for its turn, one piece of work after the other: tenants (or whatever the key names) take turns (core/drr.h), what
 * is of one of them waits in the order of its coming. How many may wait is for the caller to say; `n` counts them. */
#ifndef CORE_FAIR_QUEUE_H
#define CORE_FAIR_QUEUE_H

#include "core/bytes.h"
#include "core/drr.h"
#include "core/map.h"

struct fair_queue {
    struct drr turns; /* struct fair_line::turn */
    struct map lines; /* struct fair_line::by_key; none of them is empty */
    uint32_t n;
};

/* A place in it; the caller's struct has one. */
struct fair_place {
    struct list link;       /* struct fair_line::places */
    struct fair_line *line; /* NULL: it does not wait */
};

void fair_queue_init(struct fair_queue *q);
void fair_queue_fini(struct fair_queue *q); /* whoever waits is the caller's to forget */

void fair_queue_join(struct fair_queue *q, struct bytes key, struct fair_place *p); /* key: copied */
void fair_queue_leave(struct fair_queue *q, struct fair_place *p); /* one that does not wait is fine */
/* Whose turn it is: it waits no more. -> NULL when nobody does */
struct fair_place *fair_queue_next(struct fair_queue *q);
/* Who gives way to one more of that key when too many wait: the last one of the key that has most. -> NULL: it would have as
 * many itself */
struct fair_place *fair_queue_gives_way(const struct fair_queue *q, struct bytes key);

#endif
