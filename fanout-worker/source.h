/* The tail of this worker's Kafka partitions: records checked and handed to the flow, in the
 * order of each partition. */
#ifndef FANOUT_SOURCE_H
#define FANOUT_SOURCE_H

#include "core/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct worker;
struct source;

/* -> 0, or -EINVAL with the reason in ret_error */
int source_new(struct worker *w, struct source **ret_source, struct buf *ret_error);
void source_free(struct source *s);
/* owned: one per partition. Partitions that stay go on where they are. */
void source_assign(struct source *s, const bool *owned, uint32_t partitions);
bool source_is_up(const struct source *s);  /* Kafka answers */
int64_t source_lag(const struct source *s); /* records; -1 unknown */

#endif
