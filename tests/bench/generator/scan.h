/* What a server's line of the JSON protocol is, told by its first bytes: a JSON parser per delivery would make the
 * generator the bottleneck. Pushes of our own payload are read here, all else goes to the parser. */
#ifndef BENCH_SCAN_H
#define BENCH_SCAN_H

#include "core/bytes.h"

enum line_kind {
    LINE_PING,        /* {} */
    LINE_PUBLICATION, /* a push of a payload of ours */
    LINE_OTHER,       /* for the parser */
};

struct delivery {
    struct bytes channel;
    uint64_t offset; /* 0: it has none */
    uint64_t number, stamp_us; /* see payload.h */
};

/* Takes the first line off the front. -> false at the end */
bool scan_next_line(struct bytes *text, struct bytes *ret_line);
enum line_kind scan_line(struct bytes line, struct delivery *ret_delivery);
/* One publication: {"data":…,"offset":…}. -> false when its data is no payload of ours */
bool scan_publication(struct bytes publication, struct delivery *ret_delivery);

#endif
