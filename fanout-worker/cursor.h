/* Where one cursor stands, and sending. Only routes.c, cursor.c and fill.c call this. */
#ifndef FANOUT_CURSOR_H
#define FANOUT_CURSOR_H

#include "routes.h"

struct cursor *cursor_new(struct routes *r, struct channel *ch, struct taker *t);
void cursor_free(struct routes *r, struct cursor *c);
void cursor_restart(struct routes *r, struct cursor *c, const struct fan_subscribe *what);
/* Decides the position of a waiting cursor if that can be done, else asks what it needs. */
void cursor_decide(struct routes *r, struct cursor *c);
/* Its position can't be continued: it stands at the ring's head from here on, and is told
 * so. */
void cursor_lose(struct routes *r, struct cursor *c);
/* Moves a placed cursor to the state that the facts say: the ring, what it has sent, its
 * gateway. */
void cursor_settle(struct routes *r, struct cursor *c);
enum cursor_served {
    CURSOR_SERVED,      /* it went on, or was lost, or its gateway is full */
    CURSOR_NOT_COVERED, /* the page is of another range */
    CURSOR_TOO_EARLY,   /* its next row was not visible in the page's snapshot */
};

/* Sends what the page has for it. */
enum cursor_served cursor_serve(struct routes *r, struct cursor *c, const struct page *page);
/* All that its gateway takes now: cursors that may go on, in turns. */
void taker_pump(struct routes *r, struct taker *t);

#endif
