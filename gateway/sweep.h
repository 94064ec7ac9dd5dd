/* The head sweep: a channel on which nothing came for 20 s is compared with its worker's head, so that a last message
 * that went missing is not missed for ever. What is missing is read by pages like any hole. */
#ifndef GATEWAY_SWEEP_H
#define GATEWAY_SWEEP_H

#include "gateway.h"

/* Asks for the heads of channels that were quiet for long enough, up to a bound. To be called every second. */
void sweep_heads(struct gateway *g);
void sweep_forget(struct channel *c); /* the channel goes */

#endif
