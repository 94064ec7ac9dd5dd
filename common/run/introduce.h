/* A link that we dial, until the other end is known: the handshake of those that share a secret (handshake.h), then our
 * hello. One for each dial; its owner hands it what the dial hands him.
 *
 *     up:     introduce_up(&p->introduction, d, l)
 *     frame:  if (introduce_frame(&p->introduction, l, type, body)) return; …the owner's own frames…
 */
#ifndef RUN_INTRODUCE_H
#define RUN_INTRODUCE_H

#include "run/dial.h"
#include "run/handshake.h"

struct introduction {
    struct handshake handshake;
    struct dial *dial;
    const char *secret_file;
    uint64_t *refused_total;                      /* counts who does not know the secret */
    void (*hello)(void *owner, struct link *l);   /* says it */
    void *owner;
    const char *loss; /* what waits meanwhile, for the log */
    bool refused;     /* and that was said */
};

void introduce_up(struct introduction *i, struct dial *d, struct link *l);
/* -> whether the frame was for it. A refusal is logged once, and dialled again as after many tries. */
bool introduce_frame(struct introduction *i, struct link *l, uint8_t type, struct bytes body);

#endif
