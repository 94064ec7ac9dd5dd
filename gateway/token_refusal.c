#include "token_refusal.h"

#include "gateway.h"

#include "run/log.h"

bool token_refusals_tell(struct token_refusals *r, int64_t now_ns, uint64_t *ret_untold)
{
    if (r->told_ns && now_ns - r->told_ns < TOKEN_REFUSAL_PAUSE_NS) {
        r->untold++;
        return false;
    }
    *ret_untold = r->untold;
    *r = (struct token_refusals){.told_ns = now_ns};
    return true;
}

void token_refused(struct gateway *g, enum auth_use use, struct auth_verdict verdict, const struct auth_refusal *refusal)
{
    static const char *const uses[] = {[AUTH_CONNECT] = "connect", [AUTH_REFRESH] = "refresh",
                                       [AUTH_SUBSCRIBE] = "subscribe", [AUTH_SUB_REFRESH] = "sub_refresh"};
    uint64_t untold;
    if (!refusal->why)
        return;
    g->metrics.tokens_refused_total++;
    if (token_refusals_tell(&g->token_refusals, g->now_ns, &untold))
        log_info("token_refused", "tenant=%.*s command=%s code=%u why=\"%s\" untold=%llu", BYTES_FMT(refusal->tenant),
                 uses[use], verdict.disconnect ? verdict.disconnect : verdict.error, refusal->why, (unsigned long long)untold);
}
