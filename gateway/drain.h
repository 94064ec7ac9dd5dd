/* The end of a gateway: publishes in flight get their results, clients are disconnected in waves with 3001, which makes
 * SDKs reconnect elsewhere, then the loop ends. */
#ifndef GATEWAY_DRAIN_H
#define GATEWAY_DRAIN_H

#include "wheel.h"

struct gateway;

struct drain *drain_new(struct gateway *g, int64_t over_ms);
void drain_hurry(struct drain *d, int64_t over_ms); /* to be done earlier than was said */
void drain_free(struct drain *d);

#endif
