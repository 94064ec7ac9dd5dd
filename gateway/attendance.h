/* That a client is connected, told to a worker for the webhooks of its tenant (decision 0029): an entry under this gateway's
 * lease, in a channel of the client's own that nobody can subscribe to, `cellcast/client:TENANT:CLIENT`. Tenants whose webhook
 * does not want to know are not told of, and cost a look at the configuration per connection. */
#ifndef GATEWAY_ATTENDANCE_H
#define GATEWAY_ATTENDANCE_H

#include "connection.h"

#define ATTENDANCE "cellcast/client:" /* what all their names begin with */
#define ATTENDANCE_MAX (sizeof ATTENDANCE ":" + TENANT_MAX + CLIENT_BYTES) /* bytes of such a name */

void attendance_came(struct connection *c); /* it is open */
void attendance_went(struct connection *c); /* it is not any more; again is fine */
void attendance_configured(struct gateway *g); /* the configuration is another one */
/* text: ATTENDANCE_MAX bytes, which the name points into */
struct bytes attendance_name(const struct connection *c, char *text);
void attendance_tell(const struct connection *c, bool silent); /* to whoever is its worker now */

#endif
