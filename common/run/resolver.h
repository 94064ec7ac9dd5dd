/* One address looked up without blocking the loop: a name is asked of the resolver on a thread of its own, which may
 * take seconds when a name server is away. */
#ifndef RUN_RESOLVER_H
#define RUN_RESOLVER_H

#include "run/address.h"

#include <ev.h>

struct resolver;

/* n: of addresses, or address_resolve's error. The lookup is over: it is not to be given up any more. */
typedef void resolver_done(void *owner, const struct address *addresses, int n);

/* `done` is called in a later turn of the loop. -> NULL: no thread could be had, and `done` is not called */
struct resolver *resolver_new(struct ev_loop *loop, const char *text, resolver_done *done, void *owner);
void resolver_free(struct resolver *l); /* gives it up; the thread ends by itself. NULL: nothing */

#endif
