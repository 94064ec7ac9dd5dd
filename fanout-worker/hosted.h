/* Which tenants are served by this cell, so that it is known when one comes: it may have been here before, and what was
 * kept of its channels then ends where it left (decision 21). Read from the configuration that the supervisor hands on; one
 * that has yet to come (joining) does not count. Pure. */
#ifndef FANOUT_HOSTED_H
#define FANOUT_HOSTED_H

#include "core/buf.h"

struct hosted {
    struct buf tenants; /* names, each between two spaces */
    bool known;         /* a configuration was there */
};

void hosted_fini(struct hosted *h);
/* json: of ctl_config. Calls `came` for each tenant that was not served here before; for none at the first configuration.
 * -> 0, -EBADMSG: it stays as it was */
int hosted_take(struct hosted *h, struct bytes json, struct bytes cell, void (*came)(void *owner, struct bytes tenant),
                void *owner);

#endif
