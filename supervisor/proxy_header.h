/* The header that a balancer puts in front of a connection to tell whose it is: PROXY protocol, version 2, of HAProxy's
 * documentation (proxy-protocol.txt). It comes in parts, as bytes come; nothing behind it may be taken from the socket.
 *
 *     12 bytes  0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a
 *      1        2 (version) and 0 LOCAL (the balancer's own check) or 1 PROXY
 *      1        family 0 none, 1 IPv4, 2 IPv6, 3 Unix, and 0 none, 1 stream, 2 datagram
 *      2        bytes that follow, big-endian
 *     12/36/216 source address, destination address, source port, destination port
 *      …        type (1), length (2), value: skipped, but their lengths have to add up
 *
 * Pure. Anything else than this, version 1 too, is refused: whoever may send it is configured by the operator. */
#ifndef SUPERVISOR_PROXY_HEADER_H
#define SUPERVISOR_PROXY_HEADER_H

#include "run/source.h"

#define PROXY_HEAD 16
#define PROXY_HEADER_MAX 2064 /* bytes in all; a longer one is refused */

struct proxy_header {
    unsigned n; /* bytes that have come */
    unsigned char bytes[PROXY_HEADER_MAX];
};

enum proxy_answer {
    PROXY_OWN = 0,     /* the connection speaks for itself: LOCAL, or no Internet address */
    PROXY_ADDRESS = 1, /* it is for this client */
};

/* -> bytes to be read next, 1 to what there is room for; 0: all is there; -EBADMSG: this is no such header */
int proxy_header_wants(const struct proxy_header *h);
/* Of a header that is all there. ret_source: only of PROXY_ADDRESS. -> enum proxy_answer, or -EBADMSG */
int proxy_header_read(const struct proxy_header *h, struct source *ret_source);

#endif
