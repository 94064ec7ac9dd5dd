/* Which cells a tenant gets when nobody says which (shuffle sharding): by rendezvous hashing of (tenant, cell), so that the
 * same tenant gets the same ones wherever and whenever it is asked, tenants share few of theirs, and a cell that is added
 * or taken away moves only those tenants for which it is one of the n highest. */
#ifndef SUPERVISOR_SPREAD_H
#define SUPERVISOR_SPREAD_H

#include "core/bytes.h"

/* Orders cells so that the first n are the tenant's n, whatever n is. */
void spread_order(struct bytes tenant, struct bytes *cells, size_t n_cells);

#endif
