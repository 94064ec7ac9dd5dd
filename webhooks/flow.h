/* The way of an event, from its row to whoever wants to know of it; begin reading in flow.c. */
#ifndef WEBHOOKS_FLOW_H
#define WEBHOOKS_FLOW_H

struct webhooks;

void flow_look(struct webhooks *w);                 /* every --poll */
void flow_lease(struct webhooks *w);                /* three times in --lease */
void flow_stop_sending(struct webhooks *w);         /* somebody else may send now */

#endif
