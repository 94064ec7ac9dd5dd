/* How often batches begin. Each costs PostgreSQL, the relay, Kafka, the workers and the gateways much the same whatever is in
 * it: above `rate` a second what comes waits for the next one, 1/rate at most (decision 34). Pure: time is a parameter.
 *
 * A batch that is full enough has paid for itself and does not wait. Nor does who would wait in vain: a batch that had waited
 * for half of 1/rate and is of one message all the same tells that nobody came to share it, as behind a publisher that sends the next one when it
 * has the answer to the last. From then on a batch waits no more, until one is shared or CADENCE_ALONE of them are past. */
#ifndef SEQUENCER_CADENCE_H
#define SEQUENCER_CADENCE_H

#include "core/bucket.h"

#include <stddef.h>

#define CADENCE_ALONE 100 /* times 1/rate */

struct cadence {
    double rate; /* batches a second; 0: none waits */
    struct bucket batches;
    int64_t alone_until_ns; /* nobody waits in vain before; CLOCK_MONOTONIC */
    bool held;              /* the next batch has waited for long */
};

/* -> ns that a batch of `ready` messages, above 0, waits; 0: it begins. enough: messages of one that does not wait */
int64_t cadence_wait(struct cadence *c, size_t ready, size_t enough, int64_t now_ns);
void cadence_begun(struct cadence *c, size_t n, int64_t now_ns); /* a batch, with n messages */

#endif
