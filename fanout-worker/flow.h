/* The way of the data through the worker, in order. Everything that comes in, comes in here. */
#ifndef FANOUT_FLOW_H
#define FANOUT_FLOW_H

#include "gateway_link.h"
#include "page.h"
#include "record.h"

struct worker;

extern const struct routes_ports flow_ports;       /* owner: struct worker */
extern const struct history_handlers flow_history; /* owner: struct worker */
extern const struct presence_ports flow_presence;  /* owner: struct worker */

/* from Kafka */
void flow_record(struct worker *w, enum record_kind kind, struct bytes channel,
                 const struct publication *p);
/* What is read may have been read before. -> whether such a record is of use */
bool flow_wants_again(const struct worker *w, enum record_kind kind, struct bytes channel);
void flow_unsaid(void *owner, struct bytes tenant); /* of struct abroad */
void flow_news(struct worker *w, struct bytes channel, const struct presence_news *m);
void flow_caught_up(struct worker *w, uint32_t partition);
void flow_doubt(struct worker *w, int32_t partition, const char *why);

/* from the supervisor. -> 0, -EBADMSG */
int flow_map(struct worker *w, const struct ctl_map *m);
int flow_config(struct worker *w, const struct ctl_config *m);

/* from gateways */
void flow_subscribe(struct worker *w, struct gateway_link *g, const struct fan_subscribe *m);
void flow_unsubscribe(struct worker *w, struct gateway_link *g, struct bytes channel);
void flow_presence_set(struct worker *w, struct gateway_link *g,
                       const struct fan_presence_set *m);
void flow_presence_clear(struct worker *w, struct gateway_link *g,
                         const struct fan_presence_clear *m);
void flow_ask_presence(struct worker *w, struct gateway_link *g,
                       const struct fan_ask_presence *m);
void flow_synced(struct worker *w, struct gateway_link *g, const struct fan_synced *m);
void flow_drained(struct worker *w, struct gateway_link *g);
void flow_gateway_gone(struct worker *w, struct gateway_link *g);

/* of the loop */
void flow_tick(struct worker *w); /* every 50 ms */
void flow_turn(struct worker *w); /* the end of a turn: what came in goes out */

#endif
