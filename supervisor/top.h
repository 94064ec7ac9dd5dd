/* GET and POST /top, for `cellcastctl top`: one question to all gateways at a time, and their answers until the next one.
 *
 *     POST /top/channels/bytes   {"request":7}
 *     GET /top                   {"request":7,"done":true,"asked":3,"answers":[…]}    what gateway/top.h answers, as it came
 *
 * Answering takes the gateways a moment, and the admin port answers at once: so who asked comes back for the answer. */
#ifndef SUPERVISOR_TOP_H
#define SUPERVISOR_TOP_H

#include "control.h"

struct top {
    uint64_t request;   /* the last one; 0: none */
    bool done;
    uint32_t asked;     /* gateways */
    struct buf answers; /* bodies, parted by commas */
};

/* question: what stands behind /top/. -> HTTP status */
int top_ask(struct top *t, struct control *k, struct bytes question, struct buf *body);
int top_tell(const struct top *t, struct buf *body);
void top_fini(struct top *t);

#endif
