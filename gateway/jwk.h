/* One public key of a JWK set (RFC 7517): RSA, EC or OKP, for signatures, with a kid. Its algorithm is pinned: the one that
 * it names, else those of its kind and size alone (RFC 7518 3, RFC 8037), so that no token chooses how it is checked. A key
 * that is a secret (oct) is none: the set is public. */
#ifndef GATEWAY_JWK_H
#define GATEWAY_JWK_H

#include "core/map.h"
#include "signature.h"

struct jwk {
    struct map_node by_kid; /* struct jwks_set::keys */
    struct bytes kid;
    struct evp_pkey_st *key;
    const struct signature_alg *alg; /* NULL: any that fits */
    unsigned char print[SIGNATURE_PRINT]; /* what only this key has; token_cache.h */
    char text[];
};

/* json: checked. -> NULL with the reason, a literal: none that a token could be checked with */
struct jwk *jwk_read(struct bytes json, const char **ret_why);
void jwk_free(struct jwk *k);
bool jwk_signed(const struct jwk *k, const struct signature_alg *alg, struct bytes text, struct bytes signature);

#endif
