/* Who costs most here now: this gateway's part of `cellcastctl top`. Asked rarely and by hand, so it walks everything
 * and sorts (a few ms for 20,000 channels).
 *
 *     question  channels/bytes      what: channels, connections or tenants; by: deliveries, bytes or behind; of tenants also
 *               connections, publishes, refused or late
 *     answer    {"rows":[{"name":"default/news","user":"","deliveries":12.0,"bytes":3400.0,"listeners":3,"behind":1}]}
 *
 *               of a tenant, further: "connections":2,"publishes":1.5,"refused":0.0,"late":0
 *
 * deliveries, bytes: per second (pace.h). listeners: subscriptions (of a connection: its own). behind: those whose client
 * is slow and that have not got everything. A tenant's row also has its weight, busy, percent of this loop's last second that were
 * spent on it, and slowed, whether it is in the slow turn (fairflush.h); publishes and refused per second, here (budget.h), late,
 * channels set aside since the delivery budget is spent. The name of a connection is its client id, with its user beside it. */
#ifndef GATEWAY_TOP_H
#define GATEWAY_TOP_H

#include "gateway.h"

#define TOP_METHOD "top" /* of ctl_call */
#define TOP_ROWS 100     /* of an answer, at most */

/* Appends the answer, or {"error":100} when the question can't be understood. */
void top_answer(struct gateway *g, struct bytes question, struct buf *into);

#endif
