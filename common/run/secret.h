/* A secret that several processes share, from a file: a line each. The first line is used, all of them are accepted, so
 * that a new one can be given out while the old one is still in use: append it everywhere, then put it first everywhere,
 * then drop the old one. The file is read each time: nothing has to be started anew. */
#ifndef RUN_SECRET_H
#define RUN_SECRET_H

#include "core/buf.h"

#define SECRET_LEAST 16 /* bytes of a line */
#define SECRET_MOST 256
#define SECRETS_MAX 4 /* lines */
#define SECRET_MAC 32 /* bytes: HMAC-SHA-256 */

struct secrets {
    unsigned n; /* 1 … SECRETS_MAX */
    unsigned char of[SECRETS_MAX][SECRET_MOST];
    size_t bytes[SECRETS_MAX];
};

/* -> 0, or -errno with the reason in ret_error (-EINVAL: lines too short, too long, too many, none) */
int secrets_read(const char *path, struct secrets *ret, struct buf *ret_error);
void secrets_wipe(struct secrets *s);
void secret_mac(const struct secrets *s, unsigned which, struct bytes text, unsigned char ret_mac[SECRET_MAC]);
/* Which of them that mac was made with, in a time that does not tell how much of it is right. -> its number, or -1 */
int secret_check(const struct secrets *s, struct bytes text, struct bytes mac);

#endif
