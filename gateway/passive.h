/* Passive subscriptions: a client that says by the rpc cellcast.focus that nobody is looking gets no publications of its
 * channels, but where their heads are, at most once a second for each channel, however many publications came:
 *
 *     {"push":{"channel":"x","message":{"data":{"head":{"channel":"x","offset":46,"epoch":"1"}}}}}
 *
 * Its cursor stands still meanwhile and costs what it costs anyway. In focus again it goes on from there, from ring, worker or
 * PostgreSQL, in order and without a hole, like one that recovers; a conflating one goes on with the newest, an ephemeral
 * one with what comes. Nothing is held back on its account (hold.h). A new connection is in focus. */
#ifndef GATEWAY_PASSIVE_H
#define GATEWAY_PASSIVE_H

#include "channel.h"

#include "core/clock.h"

#define PASSIVE_NS NS_PER_S /* between two heads of a channel */
#define PASSIVE_SLICE 1000  /* subscriptions that are told at a time */

void passive_init(struct passive *p);
bool passive_is_idle(const struct passive *p); /* nothing in it is in use */

/* The subscription is live. One that is so already is fine. */
void passive_begin(struct sub *s);
void passive_end(struct sub *s);
void passive_forget(struct sub *s); /* it ends */
void passive_news(struct channel *c); /* the head moved */

#endif
