/* What a subscription is: by its namespace, by what overrides that (a token, the application), by what its client asks
 * for where the namespace allows it (protocol.md 6.1, 12.1). */
#ifndef GATEWAY_SUB_OPTIONS_H
#define GATEWAY_SUB_OPTIONS_H

#include "sub.h"
#include "want.h"

struct sub_asked { /* by its client; nothing of it when the server subscribes it */
    bool positioned, recoverable, join_leave, delta;
};
void sub_take_options(struct sub *s, const struct config_channel *ch, const struct overrides *o, const struct sub_asked *asked);
void sub_take_filter(struct sub *s, struct filter *filter); /* given; NULL: none */
void sub_take_info(struct sub *s, struct bytes chan_info); /* one line of JSON; empty: none */
void sub_take_expiry(struct sub *s, int64_t expire_at);    /* s since 1970; 0: never */

#endif
