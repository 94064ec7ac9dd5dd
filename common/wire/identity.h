/* A server's certificate with its chain and its key, as they come in PEM from files and travel in ctl_tls. */
#ifndef WIRE_IDENTITY_H
#define WIRE_IDENTITY_H

#include "core/buf.h"

#include <openssl/x509.h>

struct identity {
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf; may be empty */
    EVP_PKEY *key;
};

/* chain: the server's certificate first. -> 0, or -EBADMSG with the reason in ret_why: no certificate, no key (one with
 * a passphrase counts as none), or not a pair */
int identity_read(struct bytes chain, struct bytes key, struct identity *ret_identity, struct buf *ret_why);
void identity_fini(struct identity *id); /* all zero is fine */
int64_t identity_ends(const struct identity *id); /* s since 1970: the leaf is valid up to there */

#endif
