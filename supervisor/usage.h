/* What tenants with quotas use in the whole cell: each gateway tells what it sees, each is told what all others see, so that
 * it can keep to its share (gateway/budget.h). Nothing is decided here.
 *
 *     gateway-1  acme 300 connections ─┐              ┌─▶ gateway-1  3 gateways, acme 150
 *     gateway-2  acme 100              ├─ each 250 ms ┼─▶ gateway-2  3 gateways, acme 350
 *     gateway-3  acme  50             ─┘              └─▶ gateway-3  3 gateways, acme 400
 *
 * Kept: the last report of each gateway, as it came; gone with its process. */
#ifndef SUPERVISOR_USAGE_H
#define SUPERVISOR_USAGE_H

#include "cell.h"
#include "core/map.h"

#define USAGE_TELL_S 0.25
#define USAGE_BYTES_MAX (1 << 20) /* of one report; a longer one is no report */

struct usage {
    struct cell *cell;
    ev_timer tick;
    bool changed; /* since the gateways were told */
    struct buf reports[SLOTS_MAX + 1]; /* list of tenant_usage of the gateway in that seat */
};

void usage_init(struct usage *u, struct cell *cell);
void usage_fini(struct usage *u);
int usage_told(struct usage *u, const struct child *gateway, struct bytes body); /* ctl_usage -> 0, -EBADMSG */
void usage_greeted(struct usage *u); /* there is one more */
void usage_gone(struct usage *u, const struct child *gateway);

/* What all reports but that one say together, as a list of tenant_usage. Pure. */
void usage_of_others(const struct buf *reports, size_t n, size_t but, struct buf *into);

#endif
