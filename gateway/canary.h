/* The cell's canary: the supervisor has this gateway publish to a channel and listen to others; what arrives is reported
 * with all its stamps. The whole path is what any publication takes, only the listener is inside. */
#ifndef GATEWAY_CANARY_H
#define GATEWAY_CANARY_H

#include "gateway.h"

int canary_asked(struct gateway *g, const struct ctl_canary *m); /* -> 0, -EBADMSG */
void canary_heard(struct gateway *g, const struct fan_publication *m); /* on a channel with `heard` */

#endif
