/* Who got which message. Each process of subscribers has a row per message, written by it alone; the publishers' outcomes
 * stand beside it. Added up at the end they say what is missing, a client that never connected included. */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include "core/histogram.h"

struct arrivals {
    uint64_t stamp_us;       /* the earliest that was read; several processes of the floor stamp one message each */
    uint64_t last_kernel_us; /* since 1970, of its last subscriber in this process */
    uint64_t last_user_us;
    uint32_t count;
};

enum outcome { OUTCOME_NONE, OUTCOME_ACKNOWLEDGED, OUTCOME_REFUSED, OUTCOME_UNKNOWN };

struct crowd {
    uint64_t connections, subscriptions, channels; /* as asked for */
};

struct tally {
    uint64_t expected;  /* deliveries: acknowledged messages times asked subscribers of their channels */
    uint64_t missing;   /* of these */
    uint64_t extra;     /* above the subscribers there are, or of messages that were refused */
    uint64_t messages;  /* that were acknowledged, or that somebody got */
    struct histogram last_kernel, last_user; /* a message's stamp to its last subscriber */
};

void arrivals_record(struct arrivals *a, uint64_t stamp_us, uint64_t kernel_us, uint64_t user_us);
/* Subscribers of one channel when each connection takes the next `subscriptions` channels in turn. */
uint64_t crowd_subscribers(const struct crowd *c, uint64_t channel);
/* One message; rows: of n processes, a row every `stride`. outcome: of its publish (when somebody else publishes, all count as
 * acknowledged); a publish whose outcome is not known is neither missing nor extra. */
void tally_message(struct tally *t, const struct crowd *crowd, uint64_t number, const struct arrivals *rows, size_t n,
                   size_t stride, enum outcome outcome);

#endif
