/* /api/subscribe: clients that are being subscribed, and the answer to who asked for it. It is given when each of them is
 * subscribed, or has gone: what is published after the answer is delivered to them. After INVITATION_NS it is given anyway. */
#ifndef GATEWAY_INVITATION_H
#define GATEWAY_INVITATION_H

#include "gateway.h"

#define INVITATION_NS NS_PER_S /* half of the supervisor's --call-timeout, unless that says otherwise */

struct invitation;

struct invitation *invitation_new(struct gateway *g, uint64_t request); /* a ctl_call's */
void invitation_waits(struct invitation *i); /* for one more */
void invitation_came(struct invitation *i);  /* one of these; NULL is fine */
/* There are no more; count: who was meant. -> whether nobody is waited for: the answer is in `into`; else it follows */
bool invitation_sent(struct invitation *i, uint64_t count, struct buf *into);

#endif
