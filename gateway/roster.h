/* Who is connected to this gateway, in pages, for operators (/api/connections): in the order of client ids, so that the pages
 * of all gateways make one and a cursor is a client id. */
#ifndef GATEWAY_ROSTER_H
#define GATEWAY_ROSTER_H

#include "call.h"
#include "gateway.h"

struct call_who roster_who(const struct connection *c);
/* Appends the answer to CALL_CONNECTIONS. */
void roster_answer(struct gateway *g, const struct call_question *q, struct buf *into);

#endif
