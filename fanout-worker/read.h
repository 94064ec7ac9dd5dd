/* History reads and questions for heads: from the ring where it holds all that is asked for,
 * else from PostgreSQL. What a ring has room for is put into it first, by one query that all
 * wait for who lack about the same; so a cold channel costs one, however many ask. While
 * PostgreSQL is away the ring gives what it can, and the rest is status 100, as is what waits
 * longer than --read-timeout.
 *
 * Of each gateway PostgreSQL is asked for --reads-max at once, and nothing is answered while its
 * link is full; what comes meanwhile waits, --reads-waiting-max at most, tenants in turn. Above
 * that the tenant that has most waiting loses one, with status 111. */
#ifndef FANOUT_READ_H
#define FANOUT_READ_H

#include "gateway_link.h"

struct worker;

void read_range(struct worker *w, struct gateway_link *g, const struct fan_read *m);
void read_head(struct worker *w, struct gateway_link *g, const struct fan_ask_head *m);
void reads_begin(struct gateway_link *g); /* those that wait, as far as there is room for them */
void read_forget(struct gateway_link *g, uint64_t request); /* nobody waits for it; unknown is fine */
void read_tick(struct gateway_link *g, int64_t now_ns); /* gives up what waits too long */
void read_forget_all(struct gateway_link *g); /* its questions will not be answered */

/* What of a read can be had from a ring: first … last, in the order of the answer.
 * partial: a piece at the right end of it will do. -> true, or false: it takes PostgreSQL */
struct read_slice {
    uint64_t first, last; /* ascending unless reverse; n == 0: nothing is there to give */
    uint64_t n;
    bool more; /* beyond it, in the range */
};
bool read_from_ring(const struct ring *ring, const struct fan_read *m, bool partial,
                    struct read_slice *ret_slice);

/* Where a query begins that fills the ring with what a read lacks, and somewhat more; or the
 * seq before its first, when it has no room for that. */
uint64_t read_warms_since(const struct ring *ring, uint32_t messages_max,
                          const struct fan_read *m);

#endif
