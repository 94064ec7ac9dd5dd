/* Writing to connections: at the end of each turn of the loop, in slices of at most --flush-slice-us.
 *
 * One write to a connection gathers what waits for it: replies first, then what its cursors are behind on in all its
 * channels, up to --write-max-bytes (or one publication). A socket that takes a write in part gets nothing more until
 * it is writable. What a publication answers goes before it (hold.h). Whose turn it is: fairflush.h. */
#ifndef GATEWAY_DELIVER_H
#define GATEWAY_DELIVER_H

#include "connection.h"

enum deliver_answer {
    DELIVER_DONE,    /* nothing waits any more (or only for a page, or for what it answers) */
    DELIVER_MORE,    /* more waits, and the socket takes it */
    DELIVER_BLOCKED, /* the socket is full, or gone */
};

/* One gathered write. */
enum deliver_answer deliver_once(struct connection *c);

/* One slice. -> whether work is left */
bool deliver_turn(struct gateway *g);

#endif
