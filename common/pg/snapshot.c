#include "pg/snapshot.h"

#include <errno.h>

/* Takes what stands before the separator off. -> false: there is no number */
static bool take(struct bytes *rest, char separator, uint64_t *ret)
{
    const char *end = memchr(rest->p, separator, rest->n);
    size_t n = end ? (size_t)(end - rest->p) : rest->n, used = n + (end ? 1 : 0);
    if (!bytes_u64(bytes_of(rest->p, n), ret))
        return false;
    *rest = bytes_of(rest->p + used, rest->n - used);
    return true;
}

int pg_snapshot_parse(struct bytes text, struct pg_snapshot *ret)
{
    uint64_t xid;
    if (!take(&text, ':', &ret->xmin) || !take(&text, ':', &ret->xmax))
        return -EBADMSG;
    ret->under_way = text;
    while (text.n)
        if (!take(&text, ',', &xid))
            return -EBADMSG;
    return 0;
}

/* All 64 bits: of those that count so the one next to xmax. */
static uint64_t whole(const struct pg_snapshot *s, uint32_t xid)
{
    return s->xmax + (uint64_t)(int64_t)(int32_t)(xid - (uint32_t)s->xmax);
}

bool pg_snapshot_sees(const struct pg_snapshot *s, uint32_t xid)
{
    struct bytes rest = s->under_way;
    uint64_t one, full = whole(s, xid);
    if (full >= s->xmax)
        return false;
    while (rest.n && take(&rest, ',', &one))
        if (one == full)
            return false;
    return true;
}

bool pg_snapshot_sees_up_to(const struct pg_snapshot *s, uint32_t xid)
{
    return whole(s, xid) < s->xmin;
}
