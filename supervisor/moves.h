/* This cell's part in the moves of tenants (decision 21); PostgreSQL holds the rest (schema/0024-tenant-move.sql).
 *
 *     a configuration came ─▶ every process is told, gateways have taken it, canaries prove it ─▶ cell_confirms(cell, version)
 *     a tenant leaves ─▶ its gateways lead the clients away ─▶ nobody is left, twice in a row ─▶ cell_left(cell, tenant)
 *
 * What PostgreSQL did not take is told again: a second later, and by the next supervisor. */
#ifndef SUPERVISOR_MOVES_H
#define SUPERVISOR_MOVES_H

#include "canary.h"
#include "config.h"
#include "control.h"
#include "metrics.h"

struct moves {
    struct cell *cell;
    struct config *config;
    struct canary *canary;
    struct control *control;
    struct supervisor_metrics *metrics;
    struct pg_params *params;
    struct buf leaving;  /* tenants that leave this cell, parted by spaces */
    size_t next;         /* where in it the next one begins that is asked about */
    bool telling;        /* PostgreSQL is being told */
    uint64_t told;       /* version confirmed last */
    uint64_t confirming; /* the one that is on its way */
    uint64_t request;    /* the question to the gateways that is under way; 0: none */
    struct buf asked;    /* tenant that it is about */
    struct buf empty;    /* tenant that nobody was left of at the last look; empty: none */
};

void moves_init(struct moves *m, struct cell *cell, struct config *config, struct canary *canary,
                struct control *control, struct supervisor_metrics *metrics);
void moves_fini(struct moves *m);
void moves_configured(struct moves *m); /* every process has been told of another configuration */
void moves_tick(struct moves *m);       /* once a second */

#endif
