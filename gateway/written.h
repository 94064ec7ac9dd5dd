/* What was published here lately: who asks for a channel's history by the gateway that it published by sees what it published, although the worker
 * hears of it some milliseconds after the publisher. A table of fixed size that forgets: the newer of two channels that meet in a place stays. */
#ifndef GATEWAY_WRITTEN_H
#define GATEWAY_WRITTEN_H

#include "core/bytes.h"
#include "core/clock.h"

#define WRITTEN_PLACES 16384          /* 32 bytes each */
#define WRITTEN_FOR_NS (2 * NS_PER_S) /* that it is remembered */

struct written {
    struct written_mark *marks; /* NULL: nothing was published yet */
};

void written_fini(struct written *w);
/* Publication seq of an epoch, committed. */
void written_note(struct written *w, struct bytes channel, uint64_t epoch, uint64_t seq, int64_t now_ns);
/* -> the newest seq of that epoch, 0: none that is remembered */
uint64_t written_seq(const struct written *w, struct bytes channel, uint64_t epoch, int64_t now_ns);

#endif
