/* Connection and subscription tokens: JSON Web Tokens signed by a key of the tenant
 * (protocol.md 12; signature.h), remembered once their signature was found right
 * (token_cache.h).
 *
 * A token is worth what its key is worth: the tenant is settled first (claim `tenant`, else the
 * connection's path, else `default`), and the signature must be by that tenant's key, so a
 * token cannot carry its bearer into another tenant. Claims used: sub, exp, expire_at, nbf,
 * info, b64info, tenant; in connection tokens channels and subs; in subscription tokens channel,
 * client, data, b64data and override; aud and iss where the tenant has token_audience and
 * token_issuer; meta, an object, is for the tenant's application. iat and jti are not looked at. A claim of a wrong type makes the token
 * invalid; null is as good as absent. */
#ifndef GATEWAY_AUTH_H
#define GATEWAY_AUTH_H

#include "config.h"
#include "token_cache.h"
#include "want.h"

#define AUTH_TOKEN_MAX 32768       /* bytes; a longer one is invalid */
#define AUTH_TTL_MAX (365 * 86400) /* s; protocol.md 3 */

enum auth_use { AUTH_CONNECT, AUTH_REFRESH, AUTH_SUBSCRIBE, AUTH_SUB_REFRESH };

enum auth_answer {
    AUTH_OK = 0,
    AUTH_EXPIRED,    /* signed, but exp has passed or nbf is to come, or its JWK set has its key no longer: a fresh token helps */
    AUTH_OVER,       /* signed, and its expire_at has passed */
    AUTH_INVALID,    /* no token of ours: form, algorithm, signature, types, tenant, no key, audience, issuer */
    AUTH_WRONG_KIND, /* a subscription token where a connection token belongs, or the reverse */
    AUTH_MISMATCH,   /* signed, but for another user, channel, client or tenant */
    AUTH_NO_CREDENTIALS, /* no token, and the tenant lets nobody in without one */
    AUTH_ELSEWHERE,      /* a tenant of other cells */
    AUTH_UNKNOWN_KEY,    /* of a JWK set that may lack the newest: it is fetched anew, to try again helps */
};

/* What the client is told. Both 0: go on. */
struct auth_verdict {
    uint32_t error;      /* of the reply (protocol.md 9.2), or 0 */
    uint32_t disconnect; /* close code (protocol.md 9.1), or 0 */
};
struct auth_verdict auth_verdict(enum auth_use use, enum auth_answer answer);

/* What was wrong with a token that is no good. */
struct auth_refusal {
    const char *why;     /* a constant; NULL: nothing, or the answer says it all */
    struct bytes tenant; /* whose token it would be, of the configuration; empty: of none that is registered */
};

/* Who a good token (or none, or the connect proxy) says its bearer is, and what that one is given. Owns its texts. */
struct auth {
    struct buf memory;
    struct bytes tenant; /* name */
    struct bytes user;   /* empty: anonymous */
    struct bytes info;   /* conn_info or chan_info: one line of JSON, or empty */
    struct bytes data;   /* for the client: one line of JSON, or empty */
    struct bytes meta;   /* for the tenant's application alone (proxied.h): one line of JSON, or empty */
    int64_t expire_at;   /* s since 1970; 0: never */
    struct auth_refusal refusal;
    struct wants wants;  /* of a connection: its server-side subscriptions */
    struct overrides overrides; /* of a subscription */
};
void auth_init(struct auth *a);
void auth_fini(struct auth *a);

/* The same as an application says it (proxy_answer.h). Everything is copied. -> 0, or -EBADMSG (ret is untouched): channels,
 * subs or override are none */
struct auth_said {
    struct bytes tenant, user;               /* text */
    struct bytes info, data, meta, override; /* JSON, or empty */
    struct bytes channels, subs;             /* JSON, or empty */
    int64_t expire_at;
};
int auth_read_said(struct auth *ret, const struct auth_said *said);

/* For connect. path_tenant: TENANT of /t/TENANT/…, or empty. now: s since 1970. token empty:
 * anonymous, if the tenant has allow_anonymous_connect_without_token. On anything but AUTH_OK
 * `ret` has its `refusal`, and is untouched otherwise.
 * -> AUTH_OK, EXPIRED, OVER, INVALID, WRONG_KIND, NO_CREDENTIALS, ELSEWHERE, UNKNOWN_KEY */
enum auth_answer auth_connect(const struct config *config, struct token_cache *cache, struct bytes path_tenant,
                              struct bytes token, int64_t now, struct auth *ret);
/* For refresh on a connection of that tenant (name) and user. -> as above without
 * NO_CREDENTIALS, or MISMATCH */
enum auth_answer auth_refresh(const struct config *config, struct token_cache *cache, struct bytes tenant,
                              struct bytes user, struct bytes token, int64_t now,
                              struct auth *ret);
/* For subscribe and sub_refresh. user, client: the connection's. -> AUTH_OK, EXPIRED, OVER,
 * INVALID, WRONG_KIND, MISMATCH */
enum auth_answer auth_subscribe(const struct config *config, struct token_cache *cache,
                                const struct config_channel *channel, struct bytes user,
                                struct bytes client, struct bytes token, int64_t now,
                                struct auth *ret);

/* Seconds to tell the client, at most AUTH_TTL_MAX, at least 1; 0 when it never expires. */
uint32_t auth_ttl(int64_t expire_at, int64_t now);

#endif
