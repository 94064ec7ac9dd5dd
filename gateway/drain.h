/* Sending clients away, in waves with 3001, which makes SDKs reconnect elsewhere: at the rate that the supervisor says the
 * others can take, and no slower than the time that is left demands. Those who wait for an answer, or to be
 * let in, come last.
 *
 * One that leaves gets the results of publishes in flight, too, and then ends the loop; one that is only cleared stays. */
#ifndef GATEWAY_DRAIN_H
#define GATEWAY_DRAIN_H

#include "wheel.h"

struct gateway;

struct drain *drain_new(struct gateway *g); /* nobody goes before a pace or an end is told */
void drain_free(struct drain *d);           /* whoever is still there stays */
void drain_pace(struct drain *d, uint32_t rate); /* clients a second */
/* From now on it is to leave, by then; said again: the earlier one counts. */
void drain_leave(struct drain *d, int64_t over_ms);
bool drain_leaves(const struct drain *d); /* NULL: no */

#endif
