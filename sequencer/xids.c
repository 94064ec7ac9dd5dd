#include "xids.h"

#include "pg/snapshot.h"

void xids_add_up_to(struct xids *x, uint32_t upto)
{
    if (!x->more || (int32_t)(upto - x->upto) > 0)
        x->upto = upto;
    x->more = true;
}

bool xids_add(struct xids *x, uint32_t xid)
{
    if (x->n && x->at[x->n - 1] == xid)
        return true;
    if (x->n == XIDS_MAX) {
        xids_add_up_to(x, xid);
        return false;
    }
    x->at[x->n++] = xid;
    return true;
}

void xids_strike(struct xids *x, size_t known, bool more, const struct pg_snapshot *seen)
{
    size_t left = 0;
    for (size_t i = 0; i < x->n; i++)
        if (i >= known || !pg_snapshot_sees(seen, x->at[i]))
            x->at[left++] = x->at[i];
    x->n = left;
    if (more && x->more && pg_snapshot_sees_up_to(seen, x->upto))
        x->more = false;
}

bool xids_are_there(const struct xids *x)
{
    return x->n || x->more;
}
