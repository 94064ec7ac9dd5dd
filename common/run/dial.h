/* Keeps one outgoing link up: connects, tells its owner, and when it goes down tries again with jittered backoff.
 * Address: "host:port" (a name is looked up anew for each try, the loop goes on meanwhile) or "/path/of/unix.sock". */
#ifndef RUN_DIAL_H
#define RUN_DIAL_H

#include "run/link.h"

struct dial;

struct dial_handlers {
    void (*up)(void *owner, struct dial *d, struct link *l); /* l is the dial's; valid until down */
    void (*frame)(void *owner, struct link *l, uint8_t type, struct bytes body);
    void (*drained)(void *owner, struct link *l); /* may be NULL */
    void (*down)(void *owner, struct dial *d, int error); /* called once for each up */
};

/* Backoff between min_ms and max_ms; a try that is not connected in 1 s is given up. Starts at once.
 * beat_ms > 0: a link on which no byte has come for 3 beats is taken for dead (the owner sends the beats). */
struct dial *dial_new(struct ev_loop *loop, const char *address, uint32_t min_ms, uint32_t max_ms, uint32_t beat_ms,
                      const struct dial_handlers *handlers, void *owner);
void dial_free(struct dial *d); /* no `down` is called; allowed inside its handlers */
void dial_reset(struct dial *d); /* owner's decision that the link is no good: down, then again */
void dial_refuse(struct dial *d); /* the same, and it will not be better soon: the next try waits as after many */
struct link *dial_link(struct dial *d); /* NULL while down */
const char *dial_address(const struct dial *d);

#endif
