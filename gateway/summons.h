/* What the supervisor asks of this gateway on behalf of some gateway's HTTP API (call.h, and presence), answered from the
 * connections and channels here. */
#ifndef GATEWAY_SUMMONS_H
#define GATEWAY_SUMMONS_H

#include "gateway.h"

/* Appends the answer's JSON. -> false: a worker has to be asked first, or clients are being subscribed; it follows (ctl_answer_send) */
bool summons_answer(struct gateway *g, const struct ctl_call *m, struct buf *into);

#endif
