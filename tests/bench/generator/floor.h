/* The least that a fan-out can cost: the message is framed once, and each delivery is one non-blocking send(), in a loop. No
 * protocol but the upgrade, no queue, no cursor: a connection that takes less than a whole frame is cut and counted. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "run/options.h"

#include <stdatomic.h>

struct floor_options {
#define OPT(flag, TYPE, field, ...) OPTION_CTYPE_##TYPE field;
#include "floor_options.def"
#undef OPT
};

extern const struct option_spec floor_option_specs[];
extern const size_t floor_option_count;

/* Shared by its processes. */
struct floor_board {
    _Atomic uint64_t upgraded; /* connections */
    _Atomic uint64_t sent, cut;
    _Atomic int64_t begin_ns;  /* CLOCK_MONOTONIC of message 0; 0: not yet known. Set once, by whoever has the last connection */
};

/* Appends the answer to an upgrade; key: the value of Sec-WebSocket-Key. */
void floor_append_upgrade(struct buf *into, struct bytes key);
/* Appends the push of a message, framed. */
void floor_append_message(struct buf *into, const struct floor_options *o, uint64_t number, uint64_t stamp_us);
/* The body of a forked process; ends when all has been sent and its clients have left, or by SIGTERM.
 * -> 0, or -errno with the reason in ret_error */
int floor_run(const struct floor_options *options, struct floor_board *board, struct buf *ret_error);

#endif
