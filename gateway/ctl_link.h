/* The link to the supervisor (CTL_FD), and the second socket over which it passes accepted connections (ACCEPT_FD).
 * In: configuration, partition map, drain and its pace, canary, calls. Out: hello, status (when it changed, at most every 100 ms),
 * metrics (every second), canary reports, answers. When the link ends, so does this process. */
#ifndef GATEWAY_CTL_LINK_H
#define GATEWAY_CTL_LINK_H

#include "gateway.h"

/* port: of our own listener. -> NULL when CTL_FD is no socket: there is no supervisor */
struct ctl_link *ctl_link_new(struct gateway *g, int port);
void ctl_link_free(struct ctl_link *c);

/* c may be NULL. -> false: nobody to ask */
bool ctl_ask_send(struct ctl_link *c, const struct ctl_ask *m);
void ctl_answer_send(struct ctl_link *c, uint64_t request, struct bytes body);
void ctl_emulate_send(struct ctl_link *c, const struct ctl_emulate *m); /* its answer: emulation_answered */
void ctl_canary_send(struct ctl_link *c, const struct ctl_canary_seen *m);

#endif
