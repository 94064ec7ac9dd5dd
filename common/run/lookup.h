/* One address looked up without blocking the loop: a name is asked of the resolver on a thread of its own, which may
 * take seconds when a name server is away. */
#ifndef RUN_LOOKUP_H
#define RUN_LOOKUP_H

#include "run/address.h"

#include <ev.h>

struct lookup;

/* n: of addresses, or address_resolve's error. The lookup is over: it is not to be given up any more. */
typedef void lookup_done(void *owner, const struct address *addresses, int n);

/* `done` is called in a later turn of the loop. -> NULL: no thread could be had, and `done` is not called */
struct lookup *lookup_new(struct ev_loop *loop, const char *text, lookup_done *done, void *owner);
void lookup_free(struct lookup *l); /* gives it up; the thread ends by itself. NULL: nothing */

#endif
