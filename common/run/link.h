/* A framed, two-way link over a stream socket on the loop: u32 length (of what follows, little-endian), u8 type, body.
 *
 * What is sent waits for what follows in the same turn of the loop, 16 KiB at most, and goes in one write, before the
 * loop sleeps; what the socket does not take is kept. Nobody may keep sending without looking:
 * a producer stops at link_pending() > its own limit and goes on in `drained`. A frame above frame_max, a peer that
 * closes or an error ends the link: `down` is called once, from the loop, never from inside link_send, and the owner
 * then calls link_free (allowed inside `down`, and inside `frame` too: link_free defers what must be deferred). */
#ifndef RUN_LINK_H
#define RUN_LINK_H

#include "core/buf.h"

#include <ev.h>

#define LINK_FRAME_MAX (8 << 20) /* bytes; a fan_range is cut well below it */

struct link;

struct link_handlers {
    void (*frame)(void *owner, struct link *l, uint8_t type, struct bytes body); /* body: borrowed for the call */
    void (*drained)(void *owner, struct link *l);                                /* pending fell to 0; may be NULL */
    void (*down)(void *owner, struct link *l, int error); /* -errno, or 0 when the peer closed in order */
};

/* Takes fd (made non-blocking). Frames are handed over at most `link_turn_frames` (256) per loop turn. */
struct link *link_new(struct ev_loop *loop, int fd, const struct link_handlers *handlers, void *owner);
void link_free(struct link *l); /* closes; NULL is fine */
void link_send(struct link *l, uint8_t type, struct bytes body);
/* Frames in place: start, append the body to the returned buffer (nothing else of it may be touched), end. */
struct buf *link_begin(struct link *l, uint8_t type);
void link_end(struct link *l);
size_t link_pending(const struct link *l);  /* bytes that the kernel did not take */
/* Stops reading and handing over: back-pressure on the peer. When it ends while paused, what it had
 * read is not handed over any more. */
void link_pause(struct link *l, bool paused);
/* In a long turn of the loop: what has come meanwhile is handed over next, before pending events of the usual priority.
 * A link's own are LINK_PRIORITY. NULL is fine. */
#define LINK_PRIORITY EV_MAXPRI
void link_look(struct link *l);
int link_fd(const struct link *l);
int64_t link_heard_ns(const struct link *l); /* when the last byte came, on the clock of clock_mono_ns() */

/* wire body into a frame:  LINK_SEND(l, SEQ_RESULT, seq_result, &message) */
#define LINK_SEND(l, TYPE, name, message)                                                                    \
    do {                                                                                                     \
        wire_put_##name(link_begin(l, TYPE), message);                                                       \
        link_end(l);                                                                                         \
    } while (0)

#endif
