/* A rolling restart: one process after the other is followed by a new one, made from the program that lies at its path then.
 * The new one starts beside the old one and takes over when it is ready; only then the old one is told to go. So one that
 * does not become ready changes nothing: it is ended, the roll stops and says why, and the others stay as they are.
 *
 *     IDLE ── its turn ──▶ STARTING ── the new one is ready ──▶ LEAVING ── the old one has gone ──▶ IDLE, the next one's turn
 *                              └──── it ends, or --roll-patience is over ──▶ IDLE, stopped
 */
#ifndef SUPERVISOR_ROLL_H
#define SUPERVISOR_ROLL_H

#include "cell.h"

enum roll_phase { ROLL_IDLE, ROLL_STARTING, ROLL_LEAVING };

struct roll {
    struct cell *cell;
    enum roll_phase phase;
    struct child *old, *fresh; /* whose turn it is, and what follows it; NULL when IDLE */
    unsigned done, of;         /* processes of this roll, or of the last one */
    struct buf stopped;        /* why the last one was, or empty */
    ev_timer patience;         /* with `fresh` */
};

void roll_init(struct roll *r, struct cell *cell);
void roll_fini(struct roll *r);
/* What runs now is replaced; asked for again meanwhile: those that had their turn get another one. -> how many */
unsigned roll_all(struct roll *r);
unsigned roll_role(struct roll *r, enum child_role role);
unsigned roll_one(struct roll *r, struct child *c);
void roll_moved(struct roll *r, struct child *c); /* a child changed its state */
void roll_stop(struct roll *r, const char *why);  /* what has had its turn is new, the rest old */
bool roll_is_under_way(const struct roll *r);

#endif
