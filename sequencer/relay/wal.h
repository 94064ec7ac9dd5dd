/* What the replication stream says, in the relay's words: the rows of cellcast.message between
 * the begin and the end of their transaction. Columns are found by the names that the RELATION
 * message gives, so a column added or moved by a migration harms nothing; other tables are
 * passed over. Pure: bytes in, one answer out. */
#ifndef RELAY_WAL_H
#define RELAY_WAL_H

#include "row.h"

#include "pg/pgoutput.h"

enum wal_answer {
    WAL_NOTHING, /* nothing of ours */
    WAL_BEGIN,   /* committed_us is the transaction's */
    WAL_ROW,     /* ret_row */
    WAL_COMMIT,  /* end_lsn is the transaction's */
    WAL_BAD_ROW, /* a row of ours that can't be used; why says what is wrong with it */
    WAL_BROKEN,  /* the stream makes no sense: it has to begin anew */
};

/* What is read, in any order in the table: WAL_COLUMN(name, may be null) */
#define WAL_COLUMNS(C)                                                                         \
    C(id, false)                                                                               \
    C(channel, false)                                                                          \
    C(tenant, false)                                                                           \
    C(shard, false)                                                                            \
    C(epoch, false)                                                                            \
    C(seq, false)                                                                              \
    C(created_at, false)                                                                       \
    C(format, false)                                                                           \
    C(data, false)                                                                             \
    C(tags, true)                                                                              \
    C(info, true)                                                                              \
    C(after, true)

enum wal_column {
#define WAL_COLUMN(name, null) WAL_##name,
    WAL_COLUMNS(WAL_COLUMN)
#undef WAL_COLUMN
        WAL_N_COLUMNS
};

struct wal {
    uint32_t relation;        /* oid of cellcast.message; 0: not told yet */
    int place[WAL_N_COLUMNS]; /* in the row; -1: the table has no such column */
    bool open;                /* between BEGIN and COMMIT */
    int64_t committed_us;     /* µs since 1970, of the transaction begun last */
    uint64_t end_lsn;         /* of the transaction committed last */
    const char *why;          /* of the last WAL_BAD_ROW or WAL_BROKEN */
};

void wal_init(struct wal *w); /* and again whenever the stream begins anew */
/* frame: one pgoutput message; the row's slices point into it. */
enum wal_answer wal_read(struct wal *w, struct bytes frame, struct row *ret_row);

#endif
