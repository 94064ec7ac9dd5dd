/* JWK sets of tenants (token_jwks_public_endpoint), as the supervisor fetched them for all gateways. A token names its key by
 * kid. A name that is not in the set may be of a key that has just come: the supervisor is asked to look again, and the
 * client to try again in a moment. When the set has been fetched since that name was missed first, the key is gone, and the
 * client needs another token. The names missed last are remembered; of more than these none is found to be gone. */
#ifndef GATEWAY_JWKS_H
#define GATEWAY_JWKS_H

#include "jwk.h"

#include "core/buf.h"
#include "wire/messages.h"

#define JWKS_MISSED 64 /* names that are remembered of each set */

struct jwks {
    struct map sets; /* struct jwks_set::by_url */
    int keys_max;    /* of a set: --jwks-keys-max */
};

void jwks_init(struct jwks *j, int keys_max);
void jwks_fini(struct jwks *j);

/* Replaces the set of that URL; keys that are of no use, and those beyond keys_max, are left out and named in ret_why; nothing is
 * read again when it is the same. -> how many it has; or -EBADMSG with the reason: the old one stays */
int jwks_take(struct jwks *j, const struct ctl_jwks *m, struct buf *ret_why);

enum jwks_answer {
    JWKS_FOUND,
    JWKS_UNKNOWN, /* not in the set that we have, which is wanted anew */
    JWKS_GONE,    /* nor in one that has been fetched since it was asked for first */
};
/* now: s since 1970. ret_key: borrowed until the set is replaced. */
enum jwks_answer jwks_find(struct jwks *j, struct bytes url, struct bytes kid, int64_t now, const struct jwk **ret_key);
/* Each URL that was wanted since it was asked for last. -> false: none */
bool jwks_next_wanted(struct jwks *j, struct bytes *ret_url);

#endif
