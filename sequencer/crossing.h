/* Where calls between cells cross: supervisors of several cells connect to the gateways' port (seq_cell_hello), and what one
 * says to another cell is passed on over that one's link (decision 31). Nothing is kept: who asks counts the time, and a
 * frame for a cell that is not here, or does not read, is dropped.
 *
 * A seat is part of whoever holds the link; one cell has one, and the newest takes it. */
#ifndef SEQUENCER_CROSSING_H
#define SEQUENCER_CROSSING_H

#include "core/list.h"
#include "metrics.h"
#include "run/link.h"
#include "wire/channel.h"

#define CROSSING_UNREAD_MAX (8 << 20) /* bytes for a cell that does not read; further ones are dropped */

struct crossing {
    struct list seats; /* struct seat::link */
    struct sequencer_metrics *metrics;
};

struct seat {
    struct list link;  /* crossing::seats; not linked: no cell, or a newer link has taken its seat */
    struct link *wire; /* NULL: nobody said that he is a cell */
    char cell[TENANT_MAX + 1];
};

void crossing_init(struct crossing *c, struct sequencer_metrics *metrics);
void seat_init(struct seat *s);
/* -> NULL; or what is wrong with the hello. Who is here is told to all. */
const char *crossing_enter(struct crossing *c, struct seat *s, struct link *wire, struct bytes hello);
void crossing_leave(struct crossing *c, struct seat *s); /* fine when it is none */
/* A frame of it: seq_cross_call, seq_cross_result. -> NULL; or what is wrong with it */
const char *crossing_pass(struct crossing *c, const struct seat *from, uint8_t type, struct bytes body);

#endif
