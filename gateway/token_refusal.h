/* Why a token was no good. Its bearer is told a code alone (protocol.md 9), and whoever makes tokens is not its bearer: the
 * reason goes to the log. Anybody may bring any number of bad ones, so it is told of one at most in
 * TOKEN_REFUSAL_PAUSE_NS, with how many there were besides. */
#ifndef GATEWAY_TOKEN_REFUSAL_H
#define GATEWAY_TOKEN_REFUSAL_H

#include "auth.h"
#include "core/clock.h"

#define TOKEN_REFUSAL_PAUSE_NS NS_PER_S

struct connection;

struct token_refusals {
    int64_t told_ns; /* 0: never */
    uint64_t untold; /* since then */
};

/* -> whether the log is told of one that happens now; ret_untold: how many it was not told of */
bool token_refusals_tell(struct token_refusals *r, int64_t now_ns, uint64_t *ret_untold);

/* Where there was a refusal; else nothing is done. */
void token_refused(const struct connection *c, enum auth_use use, struct auth_verdict verdict, const struct auth_refusal *refusal);

#endif
