/* A snapshot as text, "xmin:xmax:xip,xip" (pg_current_snapshot(), PostgreSQL 15 documentation, 9.26.11): which transactions a
 * statement saw the end of. The WAL and pgoutput tell 32 bits of a transaction's number, counted around. Pure. */
#ifndef PG_SNAPSHOT_H
#define PG_SNAPSHOT_H

#include "core/bytes.h"

struct pg_snapshot {
    uint64_t xmin, xmax; /* below xmin all have ended, from xmax on none has */
    struct bytes under_way; /* of those between, text; borrowed */
};

int pg_snapshot_parse(struct bytes text, struct pg_snapshot *ret); /* -> 0, -EBADMSG */
/* The transaction has ended, and what it did, if it committed, was seen. */
bool pg_snapshot_sees(const struct pg_snapshot *s, uint32_t xid);
/* So it is with that one and all before it. */
bool pg_snapshot_sees_up_to(const struct pg_snapshot *s, uint32_t xid);

#endif
