/* Signatures of tokens: HS, RS and ES with 256, 384 and 512 bits (RFC 7518), EdDSA (RFC 8037), and a tenant's keys for them. The algorithm
 * that a token's header names only chooses among the keys that its tenant has, each of which serves one family: a token
 * can't make an HMAC key of a public one. */
#ifndef GATEWAY_SIGNATURE_H
#define GATEWAY_SIGNATURE_H

#include "core/buf.h"

#define SIGNATURE_PRINT 32 /* bytes of a key's print */

struct signature_alg; /* a row of the table */
struct signature_keys;

/* name: `alg` of a token's header, without quotes. -> NULL: none of these */
const struct signature_alg *signature_alg(struct bytes name);

/* Each may be empty: tokens of its family are refused. */
struct signature_options {
    struct bytes hmac, hmac_previous; /* the key itself, and one that is still good */
    struct bytes rsa, ecdsa, eddsa;   /* public keys as PEM */
};

/* Borrows the HMAC keys. -> 0, or -EBADMSG with the reason in ret_why */
int signature_keys_new(const struct signature_options *o, struct signature_keys **ret_keys, struct buf *ret_why);
void signature_keys_free(struct signature_keys *keys);

/* Of a key that is known by name (jwk.h): whether it is of the algorithm's family and, for ECDSA, its curve. */
struct evp_pkey_st;
bool signature_fits(const struct signature_alg *alg, const struct evp_pkey_st *key);
bool signature_by_is_right(struct evp_pkey_st *key, const struct signature_alg *alg, struct bytes text, struct bytes signature);
bool signature_is_hmac(const struct signature_alg *alg);

/* What only this key has: SIGNATURE_PRINT bytes, borrowed. -> empty when there is no key for the algorithm */
struct bytes signature_print(const struct signature_keys *keys, const struct signature_alg *alg);
/* signature: as bytes. Without a key for the algorithm it is wrong. */
bool signature_is_right(const struct signature_keys *keys, const struct signature_alg *alg, struct bytes text,
                        struct bytes signature);

#endif
