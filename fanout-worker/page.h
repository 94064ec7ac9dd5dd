/* What PostgreSQL said of a channel in one snapshot: rows of a range, and where the channel
 * stood then. Because both are of one snapshot, a row that is missing although `head` is
 * past it is gone, not late. */
#ifndef FANOUT_PAGE_H
#define FANOUT_PAGE_H

#include "pub.h"

struct page {
    struct bytes channel;  /* full form */
    uint64_t epoch;        /* of the rows: what was asked for, or the current one */
    uint64_t since, until; /* asked: since < seq <= until */
    uint64_t log_epoch;    /* current generation of the log */
    uint64_t head;         /* channel_head in that generation, 0: nothing was published in it */
    bool cut;              /* the range holds more rows than these */
    bool reverse;          /* asked for the highest seqs first */
    size_t n;
    struct pub **rows; /* ascending; descending when it was asked for in reverse */
};

#endif
