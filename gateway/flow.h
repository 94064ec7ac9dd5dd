/* The way of the data through a gateway, in order; flow.c tells the story. */
#ifndef GATEWAY_FLOW_H
#define GATEWAY_FLOW_H

#include "gateway.h"

/* ---- up: what workers say (fan_link.c) */
struct channel *flow_channel(const struct gateway *g, struct bytes full); /* -> NULL when nobody here listens */
void flow_subscribed(struct gateway *g, const struct fan_subscribed *m);
/* g->config is another one. */
void flow_configured(struct gateway *g);
int flow_publication(struct gateway *g, const struct fan_publication *m); /* -> 0, -EBADMSG */
void flow_join(struct gateway *g, const struct fan_join *m);
void flow_leave(struct gateway *g, const struct fan_leave *m);
void flow_counts(struct gateway *g, const struct fan_counts *m); /* instead of those that were too many */

/* ---- the end of a turn of the loop. -> whether the loop has to come back at once */
bool flow_turn(struct gateway *g);

#endif
