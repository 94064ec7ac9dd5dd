/* GET and POST /top, for `cellcastctl top` and the dashboard: one question to all gateways at a time, and their answers until
 * the next one.
 *
 *     POST /top/channels/bytes   {"request":7}
 *     GET /top                   {"request":7,"done":true,"asked":3,"answers":[…]}    what gateway/top.h answers, as it came
 *     GET /top/channels/bytes    the same for whoever looks again and again, many at a time: asked anew when its last answers
 *                                are older than TOP_FRESH_NS, and not done until the gateways have answered
 *
 * Answering takes the gateways a moment, and the admin port answers at once: so who asked comes back for the answer. */
#ifndef SUPERVISOR_TOP_H
#define SUPERVISOR_TOP_H

#include "control.h"
#include "core/clock.h"

#define TOP_FRESH_NS NS_PER_S

struct top {
    uint64_t request;   /* the last one; 0: none */
    bool done;
    uint32_t asked;     /* gateways */
    struct buf answers; /* bodies, parted by commas */
    /* top_watch */
    struct buf question;
    int64_t asked_ns;
};

/* question: what stands behind /top/. -> HTTP status */
int top_ask(struct top *t, struct control *k, struct bytes question, struct buf *body);
int top_tell(const struct top *t, struct buf *body);
int top_watch(struct top *t, struct control *k, struct bytes question, int64_t now_ns, struct buf *body);
void top_fini(struct top *t);

#endif
