/* Ephemeral publications: what a channel of an ephemeral namespace carries. They have no row and no number; they go to
 * who listens now, or to nobody.
 *
 *     in:  ops_publish ─▶ kafka_link ─▶ the topics of the tenant's cells
 *     out: worker ─▶ flow_publication ─▶ ephemeral_pass: into the channel's ring, numbered by this gateway alone ─▶ deliver
 *
 * A subscription's cursor counts those numbers; the client never sees them. A frame lives until everybody has had his
 * turn. Who is behind at that moment, on these or on anything durable, is passed over: the cursor jumps, and it is
 * counted. Bounds: those of any ring per channel (the oldest go first), a sixteenth of --rings-bytes over all. */
#ifndef GATEWAY_EPHEMERAL_H
#define GATEWAY_EPHEMERAL_H

#include "channel.h"
#include "ops.h"

/* The value of its Kafka record. now_us: µs since 1970, the stamp relayed_us. */
void ephemeral_encode(const struct ops_publish *what, uint64_t now_us, struct buf *into);

/* The channel is live and ephemeral. */
void ephemeral_pass(struct channel *c, const struct publication *p);
/* What comes next for this subscription -> NULL when it has had everything that is there */
struct frame *ephemeral_next(struct sub *s);
/* It gets nothing of what is there. */
void ephemeral_pass_over(struct sub *s);
/* Everybody has had his turn: drops the frames of all channels. */
void ephemeral_passed(struct gateway *g);

#endif
