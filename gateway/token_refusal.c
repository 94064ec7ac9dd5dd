#include "token_refusal.h"

#include "connection.h"
#include "gateway.h"
#include "ws.h"

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

void token_refused(const struct connection *c, enum auth_use use, struct auth_verdict verdict, const struct auth_refusal *refusal)
{
    static const char *const uses[] = {[AUTH_CONNECT] = "connect", [AUTH_REFRESH] = "refresh",
                                       [AUTH_SUBSCRIBE] = "subscribe", [AUTH_SUB_REFRESH] = "sub_refresh"};
    struct gateway *g = c->gateway;
    char peer[SOURCE_TEXT_MAX];
    uint64_t untold;
    if (!refusal->why)
        return;
    g->metrics.tokens_refused_total++;
    if (!token_refusals_tell(&g->token_refusals, g->now_ns, &untold))
        return;
    source_text(ws_source(c->socket), peer);
    log_info("token_refused", "tenant=%.*s peer=%s command=%s code=%u why=\"%s\" untold=%llu", BYTES_FMT(refusal->tenant), peer,
             uses[use], verdict.disconnect ? verdict.disconnect : verdict.error, refusal->why, (unsigned long long)untold);
}
