/* What the programs share that publish for bench_sequencer.py: channels in turn, one payload, a
 * bounded number of publishes that are not answered, and one JSON object at the end. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "core/buf.h"
#include "core/histogram.h"

#include <ev.h>

struct load {
    struct ev_loop *loop;
    uint64_t count;       /* to be published */
    uint64_t outstanding; /* at once, at most */
    unsigned channels;
    struct buf data; /* a JSON string */
    uint64_t begun, taken, refused;
    int64_t start_ns; /* of the first publish */
    int64_t *sent_ns; /* by number, count of them */
    struct histogram answers;
};

/* words: COUNT OUTSTANDING CHANNELS BYTES */
void load_init(struct load *l, char **words);
/* -> true when another one may be begun now; *ret_number: its number, from 0; *ret_channel: for
 * it, without tenant */
bool load_next(struct load *l, uint64_t *ret_number, char ret_channel[32]);
/* Ends the loop with the last. */
void load_answered(struct load *l, uint64_t number, bool taken);
/* Prints what was seen. -> exit status: 0 when all were taken */
int load_report(struct load *l);

#endif
