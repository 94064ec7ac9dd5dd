/* The channels that the routes know, by name, and the memory of all their rings together: the ring used longest ago goes
 * first (--cache-bytes). Only routes.c, cursor.c and fill.c call this. */
#ifndef FANOUT_CHANNELS_H
#define FANOUT_CHANNELS_H

#include "routes.h"

uint32_t channels_partition(const struct routes *r, struct bytes name, uint32_t hash); /* or lane; there is a map */
struct channel *channels_find(const struct routes *r, struct bytes name);              /* or NULL */
struct channel *channels_open(struct routes *r, struct bytes name);                    /* a new one, if there is none */

void channel_drop(struct routes *r, struct channel *ch);    /* it has no cursors left */
void channel_release(struct routes *r, struct channel *ch); /* drops one that nobody wants and of which nothing is kept */
void channel_use(struct routes *r, struct channel *ch);     /* its ring is the one used last */

/* Whoever waits for what the ring is about to drop is served first. -> as ring_append */
int channel_append(struct routes *r, struct channel *ch, struct pub *p);
bool channel_prepend(struct routes *r, struct channel *ch, struct pub *p); /* -> whether it is there */
/* Empties the ring, leaves the cursors alone. */
void channel_restart(struct routes *r, struct channel *ch, uint64_t next);
/* fill_due comes after SOON_NS or LATE_NS, whichever is not less. */
void channel_due(struct routes *r, struct channel *ch, int64_t delay_ns);
void channel_decide(struct routes *r, struct channel *ch); /* cursor_decide, of all its cursors */
/* The first that is heard of it. */
void channel_known(struct routes *r, struct channel *ch, uint64_t epoch, uint64_t head);
void channel_epoch(struct routes *r, struct channel *ch, uint64_t epoch, uint64_t head); /* moves on to a later one */

#endif
