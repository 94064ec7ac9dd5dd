/* Decoder of pgoutput, protocol version 1 (PostgreSQL 15 documentation, 55.9). Pure: bytes in, one event out. */
#ifndef PG_PGOUTPUT_H
#define PG_PGOUTPUT_H

#include "core/bytes.h"

#define PGOUTPUT_COLUMNS_MAX 32
#define PG_EPOCH_US 946684800000000LL /* µs since 1970: PostgreSQL's stamps count from 2000-01-01 */

enum pgoutput_type { PGOUTPUT_OTHER, PGOUTPUT_BEGIN, PGOUTPUT_COMMIT, PGOUTPUT_RELATION, PGOUTPUT_INSERT };

struct pgoutput_event {
    enum pgoutput_type type;
    uint32_t xid;        /* BEGIN */
    uint64_t lsn;        /* BEGIN: final LSN; COMMIT: end LSN of the transaction */
    int64_t time_us;     /* BEGIN, COMMIT: commit time, µs since 1970 */
    uint32_t relation;   /* RELATION, INSERT: oid */
    struct bytes schema, table; /* RELATION */
    unsigned n_columns;  /* RELATION, INSERT */
    struct bytes columns[PGOUTPUT_COLUMNS_MAX]; /* RELATION: names; INSERT: values, binary or text; p NULL: null */
    bool binary[PGOUTPUT_COLUMNS_MAX];          /* INSERT: the value is in binary form */
};

/* Slices point into `message`. -> 0, -EBADMSG (cut short, or more columns than PGOUTPUT_COLUMNS_MAX) */
int pgoutput_decode(struct bytes message, struct pgoutput_event *ret_event);

#endif
