/* Who connects proves that he knows the shared secret (secret.h), and so does who accepts, before either says or hears
 * anything else; nonces of both, so that nothing that was overheard can be said again.
 *
 *     connects: START nonce ──▶         ◀── CHALLENGE nonce : accepts
 *               PROOF mac ──▶           ◀── ADMIT mac         (or REFUSED why, and the end)
 *
 * Without a secret both begin as they always did. It says who is there; what follows is neither hidden nor guarded against
 * who can write into the connection: through networks that others own it belongs into a tunnel (decision 24). */
#ifndef RUN_HANDSHAKE_H
#define RUN_HANDSHAKE_H

#include "run/link.h"

#define HANDSHAKE_NONCE 16 /* bytes */

enum handshake_state {
    HANDSHAKE_WAITS_START, /* accepts */
    HANDSHAKE_WAITS_PROOF,
    HANDSHAKE_WAITS_CHALLENGE, /* connects */
    HANDSHAKE_WAITS_ADMIT,
    HANDSHAKE_DONE,
};

struct handshake {
    enum handshake_state state;
    const char *path; /* of the secrets; "": there are none, and it is done */
    char connects[HANDSHAKE_NONCE], accepts[HANDSHAKE_NONCE];
};

void handshake_accept(struct handshake *h, const char *path);
/* Says the first word over l. */
void handshake_connect(struct handshake *h, const char *path, struct link *l);
/* -> that frame is the handshake's: hand it to handshake_frame */
bool handshake_takes(const struct handshake *h, uint8_t type);
/* -> 0: there is more to come, or nothing to it; 1: done; -EACCES with the reason in ret_why (the other end has been told):
 * the link is to end */
int handshake_frame(struct handshake *h, struct link *l, uint8_t type, struct bytes body, struct buf *ret_why);

#endif
