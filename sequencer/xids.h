/* Transactions that were decoded from the WAL and may not be seen yet: one that waits for a synchronous standby is in the WAL
 * long before. Each by its number; beyond XIDS_MAX all up to one, which takes longer to be sure of: all that ran then. Pure. */
#ifndef SEQUENCER_XIDS_H
#define SEQUENCER_XIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_snapshot;

#define XIDS_MAX 4096

struct xids {
    uint32_t at[XIDS_MAX]; /* in the order of their commits */
    size_t n;
    bool more;     /* and others, up to that one */
    uint32_t upto;
};

/* -> false: it is among those beyond */
bool xids_add(struct xids *x, uint32_t xid);
void xids_add_up_to(struct xids *x, uint32_t upto);
/* Takes out what the snapshot sees: of the first `known`, and with `more` of those beyond. */
void xids_strike(struct xids *x, size_t known, bool more, const struct pg_snapshot *seen);
bool xids_are_there(const struct xids *x);

#endif
