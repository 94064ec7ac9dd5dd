/* A publication that has arrived: is it the right one, how long did it take, whose message is it. */
#ifndef BENCH_DELIVERY_H
#define BENCH_DELIVERY_H

#include "connection.h"
#include "scan.h"

/* -> the subscription of a pushed channel, NULL when it has none of that name */
struct subscription *delivery_find(struct connection *c, struct bytes channel);
/* s: NULL for a channel that nobody asked for. */
void delivery_take(struct connection *c, struct subscription *s, const struct delivery *d, const struct stamp *at);

#endif
