/* The public keys among a tenant's options (wire/tenant.def): cellcastctl refuses what a gateway could not use. */
#ifndef WIRE_PUBLIC_KEY_H
#define WIRE_PUBLIC_KEY_H

#include "core/bytes.h"

#define PUBLIC_KEY_RSA_BITS_MIN 2048 /* RFC 7518 3.3 */

enum public_key_kind { PUBLIC_KEY_RSA, PUBLIC_KEY_EC, PUBLIC_KEY_ED };

struct evp_pkey_st;

/* pem: BEGIN PUBLIC KEY. -> the key (EVP_PKEY_free), or NULL with what is wanted in *ret_wrong, a literal */
struct evp_pkey_st *public_key_read(struct bytes pem, enum public_key_kind kind, const char **ret_wrong);

#endif
