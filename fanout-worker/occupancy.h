/* Which channels are occupied and which clients are connected, as far as this worker knows, beside what PostgreSQL's table of
 * them says: what differs is to be told, and is then an event of a webhook (decision 0029). Pure: time is what its owner says.
 * Only tenants that have a webhook are in it; while there are none it is empty and costs nothing.
 *
 *     subject: held? told? ─┬─ both or neither differ not ──▶ on no list, or forgotten
 *                           ├─ held and not told ───────────▶ ready
 *                           ├─ told and not held ───────────▶ its tenant's `leaving` for the linger, then ready
 *                           └─ in the call under way ───────▶ flying
 *
 * A subject is a channel's full name, or cellcast/client:TENANT:CLIENT. A client's going is ready at once, since the lease of
 * its gateway has been waited for already. Bounded by what is so, not by how often it changes. */
#ifndef FANOUT_OCCUPANCY_H
#define FANOUT_OCCUPANCY_H

#include "core/bytes.h"
#include "core/list.h"
#include "core/map.h"

#define OCCUPANCY_CLIENT "cellcast/client:" /* subjects that are clients begin with it */

struct occupancy {
    int64_t now_ns;      /* loop clock; the owner sets it before each call */
    int64_t grace_ns;    /* from --presence-grace: no linger is shorter */
    struct map tenants;  /* struct watched (occupancy.c): those with a webhook */
    struct map subjects; /* struct subject::by_name */
    struct list ready;   /* struct subject::link, whoever waits longest first */
    struct list flying;  /* struct subject::link */
    size_t n_ready, n_flying;
    uint64_t round;  /* comparisons with the table so far */
    uint64_t healed; /* subjects that a comparison found to be otherwise in the table than was told */
};

struct subject {
    struct map_node by_name; /* of struct occupancy::subjects */
    struct list link;
    struct watched *watched;
    int64_t gone_ns;  /* when it was held last */
    uint64_t seen;    /* the last round in which the table was known to have it */
    bool held;        /* occupied, connected */
    bool told;        /* the table has it */
    bool says;        /* flying: what is being told */
    bool ready, flying; /* the list that it is on */
    struct bytes name, detail; /* detail: of a client, a JSON object */
};

void occupancy_init(struct occupancy *o, int64_t grace_ns);
void occupancy_fini(struct occupancy *o);

/* json: of ctl_config. What is no longer watched is forgotten, silently. -> 0; 1: something is watched that was not, so what is
 * held has to be told to it again, and the table to be compared; -EBADMSG: it stays as it was */
int occupancy_configure(struct occupancy *o, struct bytes json);
bool occupancy_is_off(const struct occupancy *o); /* no tenant has a webhook */

/* Again is fine; of tenants that are not watched nothing is kept. */
void occupancy_held(struct occupancy *o, struct bytes subject, struct bytes detail);
void occupancy_gone(struct occupancy *o, struct bytes subject);
void occupancy_tick(struct occupancy *o); /* who has lingered long enough; every 50 ms or so */
/* Forgets subjects that are another worker's now. */
void occupancy_keep(struct occupancy *o, bool (*mine)(void *ctx, struct bytes subject), void *ctx);

/* One call at a time: at most so many become flying. -> how many */
size_t occupancy_fly(struct occupancy *o, size_t most);
void occupancy_landed(struct occupancy *o); /* the table has it so */
void occupancy_lost(struct occupancy *o);   /* it may have it or not: said again */

/* The table is compared: rows in any order, each once, of subjects that are this worker's. */
void occupancy_round_begins(struct occupancy *o);
void occupancy_row(struct occupancy *o, struct bytes subject);
void occupancy_round_ends(struct occupancy *o); /* all rows were there */

#endif
