/* The data of a message: {"n":NUMBER,"t":STAMP,"p":"xxxx"}. NUMBER counts a run's messages from 0 over all channels,
 * STAMP is when it was handed to the server, µs since 1970; x fills it up to its size. */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include "core/buf.h"

/* bytes: of the whole; fewer than the numbers need are as many as they need */
void payload_append(struct buf *into, uint64_t number, uint64_t stamp_us, size_t bytes);
/* text begins with the data; what follows it does not matter. ret_size: of what was read, for a search behind it.
 * -> false when it is no such data */
bool payload_read(struct bytes text, uint64_t *ret_number, uint64_t *ret_stamp_us, size_t *ret_size);

#endif
