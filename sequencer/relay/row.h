/* One row of cellcast.message as it came, by the WAL or by a query. Slices are borrowed. */
#ifndef RELAY_ROW_H
#define RELAY_ROW_H

#include "core/bytes.h"

struct row {
    uint64_t id;                  /* > 0; ids of a shard ascend in commit order */
    uint64_t epoch;               /* generation of the message log */
    uint64_t seq;                 /* of the channel, from 1 */
    uint64_t time_ms;             /* created_at: database's clock at the batch, ms since 1970 */
    uint8_t shard;                /* < SHARDS */
    uint8_t format;               /* enum data_format */
    struct bytes channel, tenant; /* never empty */
    struct bytes data;            /* payload, verbatim */
    struct bytes tags, info, after; /* empty when null */
};

#define ROW_BYTES_MAX (128 << 10) /* data, tags, info and after stay well below it */

/* What every later step relies on. -> false: the table is broken, the row goes nowhere */
bool row_valid(const struct row *row);

#endif
